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
import { isOpen, TASK_PRIORITIES, TaskStatus } from '../../../contracts/tasks/task.js';
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
const ROWS = `SELECT * OMIT lists FROM $ids`;
/** Keys of a list between two, in their order. @param list name of the variable that names the list */
const keysOf = (list: string): string =>
  `(SELECT VALUE id[2] FROM type::record('task_list', [$tenant, $${list}, $above]>..[$tenant, $${list}, $below]) LIMIT $limit)`;

/** Where the open tasks end, and the late ones. All keys begin below. */
const END = { all: '2', open: '1', late: '01' } as const;

/** Beginnings of keys: open and late, open, closed. */
const LATE = '00';
const OPEN = '01';
const CLOSED = '11';

type Listed = ListedRow<z.infer<typeof TaskColumns>>;

/** Keys from one, without itself, to another. */
interface Range {
  readonly above: string;
  readonly below: string;
}

function statusesOf({ status }: TaskFilter): readonly TaskStatus[] {
  return status === undefined ? [] : [status].flat();
}

/** The most selective lists for a filter; a task is in one of them. */
function listsOf(filter: TaskFilter): readonly string[] {
  const { account, role, requestedBy, claimedBy, runId, kind } = filter;
  if (runId !== undefined) return [`run:${runId}`];
  if (claimedBy !== undefined) return [`claimed:${claimedBy}`];
  if (account !== undefined) return [`account:${account}`];
  if (requestedBy !== undefined) return [`requester:${requestedBy}`];
  if (role !== undefined) return [`role:${role}`];
  const statuses = [...new Set(statusesOf(filter))];
  if (statuses.length > 0) return statuses.map((status) => `status:${status}`);
  return [kind === undefined ? 'all' : `kind:${kind}`];
}

/** The parts of a list that a filter leaves, in their order. */
function rangesOf(filter: TaskFilter): readonly Range[] {
  const statuses = statusesOf(filter);
  const { onlyOpen = statuses.every((status) => isOpen({ status })), onlyLate = false, priority } = filter;
  if (priority === undefined) {
    return [{ above: '', below: onlyLate ? END.late : onlyOpen ? END.open : END.all }];
  }
  const digit = TASK_PRIORITIES.indexOf(priority);
  const parts = onlyLate ? [LATE] : onlyOpen ? [LATE, OPEN] : [LATE, OPEN, CLOSED];
  return parts.map((part) => ({ above: `${part}${digit}`, below: `${part}${digit + 1}` }));
}

/** @throws SluiceError INPUT_INVALID where `after` is not the end of a page; DATABASE_UNAVAILABLE … */
export async function listTasks(
  database: Database,
  tenant: string,
  filter: TaskFilter = {},
  page: PageRequest = {},
): Promise<Page<TaskSummary>> {
  const limit = pageLimit(page);
  const { after = '' } = page;
  if (after !== '' && !KEY.test(after)) throw notAnEnd(after);
  const lists = listsOf(filter);
  const found: Listed[] = [];
  for (const range of rangesOf(filter)) {
    let above = after > range.above ? after : range.above;
    while (above < range.below && found.length <= limit) {
      const keys = await readKeys(database, tenant, lists, { ...range, above, limit: limit + 1 });
      for (const listed of await lookUp(database, tenant, keys)) {
        if (listed.row === undefined || matches(listed.row, filter)) found.push(listed);
      }
      const last = keys.at(-1);
      if (last === undefined || keys.length <= limit) break;
      above = last;
    }
  }
  return toListPage(found, limit, (row) => row.list_key, toSummary);
}

/** The next keys of lists that share no task, merged. One read: a task that moves is in one of them. */
async function readKeys(
  database: Database,
  tenant: string,
  lists: readonly string[],
  range: Range & { readonly limit: number },
): Promise<readonly string[]> {
  const named = Object.fromEntries(lists.map((list, i) => [`list${i}`, list]));
  const parts = Object.keys(named).map(keysOf);
  const text = `RETURN array::slice(array::sort(array::concat(${parts.join(', ')}, [])), 0, $limit)`;
  return await read(database, z.array(z.string()), text, { tenant, ...named, ...range });
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
  const { kind, priority, account, role, requestedBy, claimedBy, runId } = filter;
  const statuses = statusesOf(filter);
  const state = row.body;
  return (
    (statuses.length === 0 || statuses.includes(state.status)) &&
    (kind === undefined || state.request.kind === kind) &&
    (priority === undefined || state.request.priority === priority) &&
    (runId === undefined || state.request.run?.runId === runId) &&
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
  const text = `RETURN { total: ${count('all', END.all)}, open: ${count('all', END.open)}, late: ${count('all', END.late)}, byStatus: { ${statuses.join(', ')} } }`;
  const shape = z.object({
    total: z.number(),
    open: z.number(),
    late: z.number(),
    byStatus: z.record(TaskStatus, z.number()),
  });
  return await read(database, shape, text, { tenant });
}
