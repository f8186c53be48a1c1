/**
 * Open tasks as the projection knows them, of all tenants, and which of them belong to a run that has ended.
 *
 * Invariant: one task that cannot be read stops no other; its readers name it (unreadable.ts).
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import { RunStatus } from '../../contracts/run/run.js';
import type { TaskState } from '../../contracts/tasks/task.js';
import type { Database } from '../connection/connection.js';
import { read, readRows } from '../connection/read.js';
import { listTenants } from '../log/tenants.js';
import { TaskColumns } from '../reads/tasks/task-rows.js';

export interface OpenTask {
  readonly tenant: string;
  readonly item: string;
  /** First run id of its workflow. */
  readonly execution: string;
  /** The last entry of its log. */
  readonly seq: number;
  readonly state: TaskState;
  /** How the row of the run that asks has ended; undefined: it is open, missing, or no run asks. */
  readonly runEnded: RunStatus | undefined;
}

const PAGE = 100;
/** Where the keys of open tasks end. */
const OPEN_END = '1';
const KEYS = `SELECT VALUE id[2] FROM task_list:[$tenant, 'all', $above]>..[$tenant, 'all', $below] LIMIT $limit`;
const Row = TaskColumns.extend({ execution: z.string(), version: z.number() });
const RunRow = z.object({ run_id: z.string(), status: RunStatus });

/** Every open task, in pages. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function* openTasks(database: Database): AsyncGenerator<readonly OpenTask[]> {
  for (const tenant of await listTenants(database, 'task_list')) {
    for (let above = ''; ;) {
      const page = { tenant, above, below: OPEN_END, limit: PAGE };
      const keys = await read(database, z.array(z.string()), KEYS, page);
      const last = keys.at(-1);
      if (last === undefined) break;
      yield await tasksOf(database, tenant, keys);
      above = last;
    }
  }
}

async function tasksOf(
  database: Database,
  tenant: string,
  keys: readonly string[],
): Promise<readonly OpenTask[]> {
  const ids = keys.map((key) => new RecordId('task', [tenant, key.slice(key.indexOf('-') + 1)]));
  const rows = await readRows(database, Row, 'SELECT * OMIT lists FROM $ids WHERE decided_at = NONE', {
    ids,
  });
  const tasks = rows.flatMap(({ row }) => (row === undefined ? [] : [row]));
  const ofRuns = new Set(tasks.flatMap(({ body }) => body.request.run?.runId ?? []));
  const ended = await readRows(
    database,
    RunRow,
    'SELECT id, id[1] AS run_id, status FROM $runs WHERE ended_at != NONE',
    { runs: [...ofRuns].map((runId) => new RecordId('run', [tenant, runId])) },
  );
  const statuses = new Map(ended.flatMap(({ row }) => (row === undefined ? [] : [[row.run_id, row.status]])));
  return tasks.map(({ body: state, execution, version: seq }) => ({
    ...{ tenant, item: state.request.item, execution, seq, state },
    runEnded: statuses.get(state.request.run?.runId ?? ''),
  }));
}
