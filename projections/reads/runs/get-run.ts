/** One run in full. */
import type { Database } from '../../connection/connection.js';
import { read } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import { FullRunColumns, toRunView, type RunView } from './run-view.js';

/** @returns undefined where the tenant has no such run */
export async function getRun(
  database: Database,
  tenant: string,
  runId: string,
): Promise<RunView | undefined> {
  const row = await read(
    database,
    FullRunColumns.optional(),
    `SELECT * FROM ONLY type::record('run', [$tenant, $runId])`,
    { tenant, runId },
  );
  if (row === undefined) return undefined;
  const decode = await loadJson(database, tenant, runId, [row.payload, row.trigger, row.result, row.error]);
  return toRunView(row, decode);
}
