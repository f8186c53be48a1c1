/**
 * Stores many tasks, and reads pages of the inbox. The first ones are written as workflows write them; the
 * others are their copies, many per request; the last ones are written singly again, and timed.
 */
import { z } from 'zod';
import { beginTask } from '../../contracts/tasks/decide.js';
import { TASK_PRIORITIES, TaskRequest } from '../../contracts/tasks/task.js';
import type { TaskFilter } from '../../contracts/tasks/record.js';
import type { Projections } from '../../projections/index.js';

const TENANT = 'bench';
const START_MS = 1_700_000_000_000;
const AT_ONCE = 8;
/** Tasks that are written singly; the others are copies of the first of them. */
const MODELS = 1_000;
const CHUNK = 500;
/** Writes that are timed, one at a time, once the others are done. */
const TIMED = 300;
const PAGES = 300;
const PAGE = 50;

const FILTERS: readonly TaskFilter[] = [
  {},
  { role: 'role-3' },
  { status: 'requested' },
  { account: 'account-7' },
  { onlyLate: true, onlyOpen: true },
];

/** Adds the open tasks `from` to `to`. @returns times of the last writes, one at a time, ms */
export async function loadTasks(
  { tasks, database }: Projections,
  from: number,
  to: number,
): Promise<readonly number[]> {
  const write = async (n: number): Promise<void> => {
    const at = START_MS + n * 10;
    const request = TaskRequest.parse({
      ...{ tenant: TENANT, item: `task-${n}`, title: `Pay invoice ${n}`, requestedBy: `person-${n % 50}` },
      assignee: n % 2 === 0 ? { role: `role-${(n / 2) % 10}` } : { account: `account-${n % 100}` },
      priority: TASK_PRIORITIES[n % 4],
      dueMs: 3_600_000,
    });
    const { state, action } = beginTask(request, at);
    const late = n % 10 === 0;
    await tasks.record(`execution-${n}`, {
      state: { ...state, overdue: late },
      entries: [
        {
          ...{ seq: 1, at, action, actor: null, roles: [], proven: true, requestId: null, given: null },
          ...{ status: state.status, round: 1, level: 0, refused: null },
        },
      ],
      notices: [{ key: 'assignment:1', category: 'assignment', to: request.assignee, at }],
    });
  };
  let next = from;
  const models = Math.min(to, MODELS);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < models - TIMED) await write(next++);
    }),
  );
  const timed = Math.max(next, to - TIMED);
  for (let at = next; at < timed; at += CHUNK) await copy(database, at, Math.min(at + CHUNK, timed));
  const times: number[] = [];
  for (let n = timed; n < to; n++) {
    const began = performance.now();
    await write(n);
    times.push(performance.now() - began);
  }
  return times;
}

const Model = z.looseObject({
  item: z.string(),
  body: z.string(),
  list_key: z.string(),
  lists: z.array(z.string()),
});

/** Copies of the first tasks as the tasks `from` to `to`. */
async function copy(database: Projections['database'], from: number, to: number): Promise<void> {
  const request = async (text: string, variables: object): Promise<unknown> => {
    const answers = await database.request(text, { tenant: TENANT, ...variables });
    const failed = answers.find(({ ok }) => !ok);
    if (failed?.ok === false) throw new Error(failed.reason);
    return answers[0]?.ok === true ? answers[0].value : undefined;
  };
  const models = z.array(Model).parse(
    await request('SELECT *, id[1] AS item OMIT id FROM task:[$tenant]..[$tenant, ..] LIMIT $limit', {
      limit: CHUNK,
    }),
  );
  const rows = models.slice(0, to - from).map(({ item: model, body, list_key: key, ...row }, i) => {
    const item = `task-${from + i}`;
    const copied = body.replaceAll(`"${model}"`, `"${item}"`);
    const at = String(START_MS + (from + i) * 10).padStart(13, '0');
    return { ...row, id: [TENANT, item], body: copied, list_key: `${key.slice(0, 3)}${at}-${item}` };
  });
  const lists = rows.flatMap(({ lists: names, list_key: key }) =>
    names.map((list) => ({ id: [TENANT, list, key] })),
  );
  await request(
    'BEGIN; INSERT INTO task $rows RETURN NONE; INSERT INTO task_list $lists RETURN NONE; COMMIT',
    { rows, lists },
  );
}

/** Times of pages, ms: first pages and those after them, over several filters. */
export async function inboxPage({ tasks }: Projections): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; times.length < PAGES; i++) {
    const filter = FILTERS[i % FILTERS.length] ?? {};
    let after: string | undefined;
    for (let page = 0; page < 3; page++) {
      const began = performance.now();
      const found = await tasks.list(TENANT, filter, { limit: PAGE, after });
      times.push(performance.now() - began);
      if (found.items.length === 0) throw new Error('An empty page');
      if (found.next === null) break;
      after = found.next;
    }
  }
  return times.slice(FILTERS.length * 3);
}
