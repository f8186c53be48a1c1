/** What an operator does to the projections, beside reading them. */
import type { RunKey } from '../keys.js';
import type { Writer } from '../writer.js';
import { loggedRuns, rebuildRun, type RowDifference } from './rebuild.js';
import { removeClosedRuns, type RetentionRequest } from './remove-closed-runs.js';

export interface Maintenance {
  /** Recomputes a run's derived rows from its log; gives those that were different. */
  rebuildRun(tenant: string, runId: string): Promise<readonly RowDifference[]>;
  /** Every run that has a log. Reads the whole log: for maintenance only. */
  loggedRuns(): Promise<readonly RunKey[]>;
  /** Removes closed runs, at most `limit`; gives how many. Call it again while it gives as many. */
  removeClosedRuns(request: RetentionRequest): Promise<number>;
}

/** Binds maintenance to a database. */
export function createMaintenance(writer: Writer): Maintenance {
  return {
    rebuildRun: (...args) => rebuildRun(writer, ...args),
    loggedRuns: () => loggedRuns(writer.database),
    removeClosedRuns: (request) => removeClosedRuns(writer, request),
  };
}
