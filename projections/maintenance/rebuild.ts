/**
 * Recomputes the derived rows of a run from its log.
 *
 * Derived rows are the run, its lists, its head, its steps and its waits. Records (the ledger, definitions)
 * stay as they are. What the ledger knows about a step that the log has not closed is part of the step's
 * row (outcome.ts).
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { Database } from '../connection/connection.js';
import type { Header } from '../log/derive.js';
import type { RunKey } from '../log/keys.js';
import { loadLog } from '../log/load-log.js';
import { read, readReadable } from '../connection/read.js';
import { erased, replayFromLog } from '../commit/from-log.js';
import type { Writer } from '../connection/writer.js';
import { derivedRows, differences, type RowDifference } from './derived-rows.js';

/**
 * Rebuilds one run.
 * @returns the rows that were different; empty where the live rows were right
 * @throws SluiceError RUN_ERASED; WORKFLOW_NOT_FOUND where the tenant has no log of that run;
 *   DATABASE_FAILED where neither its row nor its log says which definition it runs
 */
export async function rebuildRun(
  writer: Writer,
  tenant: string,
  runId: string,
): Promise<readonly RowDifference[]> {
  const { database } = writer;
  const run = { tenant, runId };
  await refuseErased(database, run);
  const header = await findHeader(database, run);
  const before = await derivedRows(database, run);
  await replayFromLog(writer, header);
  return differences(before, await derivedRows(database, run));
}

/** An erased run has no log. @throws SluiceError RUN_ERASED */
async function refuseErased(database: Database, run: RunKey): Promise<void> {
  const at = await read(
    database,
    z.date().optional(),
    `SELECT VALUE erased_at FROM ONLY type::record('run_head', [$tenant, $runId])`,
    { ...run },
  );
  if (at !== undefined) throw erased(run);
}

/** Every run that has a log, by tenant. */
export async function loggedRuns(database: Database): Promise<readonly RunKey[]> {
  return readReadable(
    database,
    z.object({ tenant: z.string(), runId: z.string() }),
    'SELECT id[0] AS tenant, id[1] AS runId FROM run_event GROUP BY tenant, runId',
  );
}

const RunColumns = z
  .object({ workflow_id: z.string(), definition: z.string(), definition_version: z.number() })
  .optional();

async function findHeader(database: Database, run: RunKey): Promise<Header> {
  const log = await loadLog(database, run);
  if (log.length === 0) {
    throw new SluiceError('WORKFLOW_NOT_FOUND', `Tenant "${run.tenant}" has no log of run ${run.runId}`);
  }
  const started = log.find(({ event }) => event.type === 'RUN_STARTED')?.event;
  if (started?.type === 'RUN_STARTED') {
    const { definition, workflowId } = started.data;
    return { run: { ...run, definition: definition.id, version: definition.version }, workflowId };
  }
  const row = await read(database, RunColumns, `SELECT * FROM ONLY type::record('run', [$tenant, $runId])`, {
    ...run,
  });
  if (row === undefined) {
    throw new SluiceError(
      'DATABASE_FAILED',
      `Run ${run.runId} can't be rebuilt: its row and its first event are missing`,
      { retryable: false },
    );
  }
  return {
    run: { ...run, definition: row.definition, version: row.definition_version },
    workflowId: row.workflow_id,
  };
}
