/** Erasure, bound to a database: one part at a time, so that what breaks off can be done again. */
import { z } from 'zod';
import { read } from './connection/read.js';
import type { Writer } from './connection/writer.js';
import { eraseEvent } from './erasure/erase-event.js';
import { eraseRun } from './erasure/erase-run.js';
import { eraseTask, tasksOfRun, type ErasableTask } from './erasure/erase-task.js';
import { eraseTraces, type ErasedThings, type ErasedTraces } from './erasure/erase-traces.js';
import { findScope, type ErasureScope, type ErasureTarget } from './erasure/find-scope.js';
import type { EventKey } from './reads/events/event-rows.js';

/** What erasure reads and writes; projections/erasure/ describes each part. */
export interface Erasure {
  scope(tenant: string, target: ErasureTarget): Promise<ErasureScope>;
  /** Temporal's executions of a run, as far as the database knows them. */
  executions(tenant: string, runId: string): Promise<readonly string[]>;
  /** The tasks that a run has asked for. */
  tasks(
    tenant: string,
    run: { readonly definition: string; readonly runId: string },
  ): Promise<readonly ErasableTask[]>;
  eraseTask(tenant: string, task: Pick<ErasableTask, 'item' | 'execution'>): Promise<void>;
  eraseRun(tenant: string, runId: string): Promise<void>;
  eraseEvent(key: EventKey): Promise<void>;
  /** Dead letters and stored answers about runs and events. */
  eraseTraces(things: ErasedThings, dryRun?: boolean): Promise<ErasedTraces>;
}

export function createErasure(writer: Writer): Erasure {
  return {
    scope: (...args) => findScope(writer.database, ...args),
    executions: (tenant, runId) =>
      read(
        writer.database,
        z.array(z.string()),
        'SELECT VALUE id[2] FROM run_execution:[$tenant, $runId]..[$tenant, $runId, ..]',
        { tenant, runId },
      ),
    tasks: (...args) => tasksOfRun(writer.database, ...args),
    eraseTask: (...args) => eraseTask(writer, ...args),
    eraseRun: (...args) => eraseRun(writer, ...args),
    eraseEvent: (key) => eraseEvent(writer, key),
    eraseTraces: (things, dryRun = false) => eraseTraces(writer, things, dryRun),
  };
}
