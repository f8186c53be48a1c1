/** What the reconciler reads and writes: the runs that it watches, and how their rows end. */
import type { RunStatus } from '../../contracts/run/run.js';
import type { Header } from '../log/derive.js';
import type { RunKey } from '../log/keys.js';
import type { Batch, Cursor } from '../connection/read.js';
import type { Writer } from '../connection/writer.js';
import { closeRun, type Closing } from './close-run.js';
import { openTasks, type OpenTask } from './open-tasks.js';
import { confirmRun, findWatched, noteResync, takeTurn, watchedRuns, type WatchedRun } from './watch.js';

export type { Closing } from './close-run.js';
export type { OpenTask } from './open-tasks.js';
export type { WatchedRun } from './watch.js';

export interface Reconciliation {
  /** A page of the watched runs, of all tenants. */
  watchedRuns(after: Cursor | undefined, limit: number): Promise<Batch<WatchedRun>>;
  /** What the projection knows about these runs. */
  findWatched(runs: readonly RunKey[]): Promise<readonly WatchedRun[]>;
  /** Temporal has confirmed the run's end; stops watching it. */
  confirmRun(run: RunKey, status: RunStatus | undefined): Promise<void>;
  /** Notes that the run was asked for a snapshot of its rows. */
  noteResync(run: RunKey, execution: string): Promise<void>;
  /** Ends a run's rows; false where the log already said so. */
  closeRun(header: Header, closing: Closing): Promise<boolean>;
  /** Every open task of all tenants, in pages. */
  openTasks(): AsyncGenerator<readonly OpenTask[]>;
  /** Takes the turn for a pass; false where another worker has taken it. */
  takeTurn(intervalMs: number): Promise<boolean>;
}

/** Binds them to a database. */
export function createReconciliation(writer: Writer): Reconciliation {
  return {
    watchedRuns: (...args) => watchedRuns(writer.database, ...args),
    findWatched: (...args) => findWatched(writer.database, ...args),
    confirmRun: (...args) => confirmRun(writer, ...args),
    noteResync: (...args) => noteResync(writer, ...args),
    closeRun: (...args) => closeRun(writer, ...args),
    openTasks: () => openTasks(writer.database),
    takeTurn: (...args) => takeTurn(writer, ...args),
  };
}
