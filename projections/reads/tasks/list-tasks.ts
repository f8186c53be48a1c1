/**
 * The inbox: a page of a tenant's tasks, late ones first, then by priority, then the oldest; and counts.
 *
 * Invariant: the cost of a page doesn't grow with the number of tasks. One filter picks the list, whose keys
 * are in that order; the rows of the page decide the other filters. An entry whose row says otherwise is
 * skipped.
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import type { TaskCounts, TaskFilter, TaskSummary } from '../../../contracts/tasks/record.js';
import { isOpen, TaskStatus } from '../../../contracts/tasks/task.js';
import type { Database } from '../../connection/connection.js';
import {
  notAnEnd,
  pageLimit,
  toListPage,
  type ListedRow,
  type Page,
  type PageRequest,
} from '../../connection/page.js';
import { read, readRows } from '../../connection/read.js';
import { TaskColumns, toSummary } from './task-rows.js';

/** A key: digits for open, late and priority, an instant, and the task. */
const KEY = /^[01][01][0-3]\d{13}-(.+)$/su;
const LIST = `SELECT VALUE id[2] FROM type::record('task_list', [$tenant, $list, $above]>..[$tenant, $list, $below]) LIMIT $limit`;
const ROWS = `SELECT * OMIT lists FROM $ids`;

/** Where the open tasks end, and the late ones. All keys begin below. */
const END = { all: '2', open: '1', late: '01' } as const;

type Listed = ListedRow<z.infer<typeof TaskColumns>>;

/** The most selective list for a filter. */
function listOf({ status, account, role, requestedBy, claimedBy }: TaskFilter): string {
  if (claimedBy !== undefined) return `claimed:${claimedBy}`;
  if (account !== undefined) return `account:${account}`;
  if (requestedBy !== undefined) return `requester:${requestedBy}`;
  if (role !== undefined) return `role:${role}`;
  return status === undefined ? 'all' : `status:${status}`;
}

/** @throws SluiceError INPUT_INVALID where `after` is not the end of a page; DATABASE_UNAVAILABLE … */
export async function listTasks(
  database: Database,
  tenant: string,
  filter: TaskFilter = {},
  page: PageRequest = {},
): Promise<Page<TaskSummary>> {
  const limit = pageLimit(page);
  const { status, onlyOpen = status === undefined || isOpen({ status }), onlyLate = false } = filter;
  if (page.after !== undefined && !KEY.test(page.after)) throw notAnEnd(page.after);
  const below = onlyLate ? END.late : onlyOpen ? END.open : END.all;
  const found: Listed[] = [];
  let above = page.after ?? '';
  for (;;) {
    const keys = await read(database, z.array(z.string()), LIST, {
      ...{ tenant, list: listOf(filter), above, below, limit: limit + 1 },
    });
    for (const listed of await lookUp(database, tenant, keys)) {
      if (listed.row === undefined || matches(listed.row, filter)) found.push(listed);
    }
    const last = keys.at(-1);
    if (last === undefined || keys.length <= limit || found.length > limit) break;
    above = last;
  }
  return toListPage(found, limit, (row) => row.list_key, toSummary);
}

async function lookUp(database: Database, tenant: string, keys: readonly string[]): Promise<Listed[]> {
  if (keys.length === 0) return [];
  const ids = keys.map((key) => new RecordId('task', [tenant, KEY.exec(key)?.[1] ?? '']));
  const rows = await readRows(database, TaskColumns, ROWS, { ids });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return keys.flatMap((key, i) => {
    const row = byId.get(String(ids[i]));
    if (row === undefined || (row.row !== undefined && row.row.list_key !== key)) return [];
    return [{ ...row, raw: { list_key: key } }];
  });
}

function matches(row: z.infer<typeof TaskColumns>, filter: TaskFilter): boolean {
  const { status, account, role, requestedBy, claimedBy } = filter;
  const state = row.body;
  return (
    (status === undefined || state.status === status) &&
    (account === undefined || state.assignee.account === account) &&
    (role === undefined || state.assignee.role === role) &&
    (requestedBy === undefined || state.request.requestedBy === requestedBy) &&
    (claimedBy === undefined || state.claim?.account === claimedBy)
  );
}

const count = (list: string, below: string): string =>
  `(SELECT VALUE n FROM (SELECT count() AS n FROM task_list:[$tenant, '${list}', '']..[$tenant, '${list}', '${below}'] GROUP ALL))[0] ?? 0`;

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function countTasks(database: Database, tenant: string): Promise<TaskCounts> {
  const statuses = TaskStatus.options.map((status) => `${status}: ${count(`status:${status}`, END.all)}`);
  const text = `RETURN { open: ${count('all', END.open)}, late: ${count('all', END.late)}, byStatus: { ${statuses.join(', ')} } }`;
  const shape = z.object({
    open: z.number(),
    late: z.number(),
    byStatus: z.record(TaskStatus, z.number()),
  });
  return await read(database, shape, text, { tenant });
}
