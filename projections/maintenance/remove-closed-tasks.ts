/**
 * Retention of tasks: removes those that ended before a time, with their log, notifications, lists and the
 * event that told of their decision.
 *
 * Invariants
 * - A task is removed whole, in one transaction, or not at all; and only if it has ended when that
 *   transaction commits. A write of its workflow meanwhile writes the same row: one of the two is sent again.
 * - A task stays as long as the row of the run that asked: after a reset its decision answers the step. It
 *   stays too while its decision is not sent yet.
 * - A removed task is forgotten, and its name is free. The age is above the time for which Temporal keeps the
 *   workflow (worker/temporal/kept-histories.ts), so nothing of the old task can write under it.
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import { OPEN_STATUSES, TASK_PRIORITIES } from '../../contracts/tasks/task.js';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';
import type { Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { listTenants } from '../log/tenants.js';
import type { RetentionRequest } from './remove-closed-runs.js';
import { removeOne } from './remove-one.js';
import { type Prunable, Sample, sizeOf } from './sample.js';

/** Tasks that one read finds at most. */
const PAGE = 100;

const own = (table: string): string => `${table}:[$task[0], $execution]..[$task[0], $execution, ..]`;
const ofTask = (table: string, key = '$task'): string =>
  `${table}:[${key}[0], ${key}[1]]..[${key}[0], ${key}[1], ..]`;
const TABLES_OF_TASK = ['task_action', 'task_notification'];

const REMOVE: readonly Statement[] = [
  {
    label: 'task.read',
    text: `LET $row = (SELECT status, decided_at, execution, lists, list_key FROM ONLY type::record('task', $task))`,
  },
  { label: 'task.execution', text: 'LET $execution = $row.execution' },
  {
    label: 'task.check',
    text: `{
  IF $row = NONE OR $row.status IN $open OR $row.decided_at = NONE OR $row.decided_at >= $before { THROW 'sluice:KEPT' };
  IF array::len((SELECT id FROM ${own('outbox_due')})) > 0 { THROW 'sluice:KEPT' };
  FOR $list IN $row.lists {
    IF string::starts_with($list, 'run:') AND record::exists(type::record('run', [$task[0], string::slice($list, 4)])) { THROW 'sluice:KEPT' }
  };
  FOR $list IN $row.lists { DELETE type::record('task_list', [$task[0], $list, $row.list_key]) RETURN NONE };
}`,
  },
  ...TABLES_OF_TASK.map((table) => ({
    label: `${table}.remove`,
    text: `DELETE ${ofTask(table)} RETURN NONE`,
  })),
  ...['outbox', 'outbox_head', 'blob'].map((table) => ({
    label: `${table}.remove`,
    text: `DELETE ${own(table)} RETURN NONE`,
  })),
  {
    label: 'outbox_head.remove-own',
    text: `DELETE type::record('outbox_head', [$task[0], $execution]) RETURN NONE`,
  },
  { label: 'task.remove', text: `DELETE type::record('task', $task) RETURN NONE` },
];

/**
 * @returns how many tasks were removed; fewer than `limit` means that none is left
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function removeClosedTasks(
  writer: Writer,
  { endedBefore, limit }: RetentionRequest,
): Promise<number> {
  let removed = 0;
  for await (const page of oldTasks(writer.database, endedBefore)) {
    for (const task of page) {
      const variables = { task, open: OPEN_STATUSES, before: endedBefore };
      if (await removeOne(writer, `task:${JSON.stringify(task)}`, REMOVE, variables)) removed += 1;
      if (removed >= limit) return removed;
    }
  }
  return removed;
}

/** The size of a task with its log and notifications, without its lists. */
const SIZE = `RETURN ${[
  sizeOf("type::record('task', $key)"),
  ...TABLES_OF_TASK.map((table) => sizeOf(ofTask(table, '$key'))),
].join(' + ')}`;

/**
 * Counts and measures the tasks that {@link removeClosedTasks} would look at; it keeps those whose run is
 * still there.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function countClosedTasks(database: Database, endedBefore: Date): Promise<Prunable> {
  const sample = new Sample<readonly string[]>();
  for await (const page of oldTasks(database, endedBefore)) sample.add(page);
  return sample.measure(database, SIZE);
}

const Place = z.tuple([z.string(), z.string()]);

/** Tasks that ended before a time, in pages. They were requested before it too. */
async function* oldTasks(database: Database, before: Date): AsyncGenerator<readonly z.infer<typeof Place>[]> {
  const below = String(before.getTime()).padStart(13, '0');
  for (const tenant of await listTenants(database, 'task_list')) {
    // A closed task is not late; behind that its key has its priority and the time of its request.
    for (const priority of TASK_PRIORITIES.keys()) {
      const part = `11${priority}`;
      for (let above = part; ;) {
        const keys = await read(
          database,
          z.array(z.string()),
          `SELECT VALUE id[2] FROM task_list:[$tenant, 'all', $above]>..[$tenant, 'all', $below] LIMIT $limit`,
          { tenant, above, below: `${part}${below}`, limit: PAGE },
        );
        const last = keys.at(-1);
        if (last === undefined) break;
        yield await read(
          database,
          z.array(Place),
          `SELECT VALUE [id[0], id[1]] FROM $ids WHERE decided_at != NONE AND decided_at < $before`,
          {
            ids: keys.map((key) => new RecordId('task', [tenant, key.slice(key.indexOf('-') + 1)])),
            before,
          },
        );
        above = last;
      }
    }
  }
}
