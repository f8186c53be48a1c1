/** Stores many tasks by the writer that their workflows use, and reads pages of the inbox. */
import { beginTask } from '../../contracts/tasks/decide.js';
import { TASK_PRIORITIES, TaskRequest } from '../../contracts/tasks/task.js';
import type { TaskFilter } from '../../contracts/tasks/record.js';
import type { Projections } from '../../projections/index.js';

const TENANT = 'bench';
const START_MS = 1_700_000_000_000;
const AT_ONCE = 8;
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
  { tasks }: Projections,
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
  const timed = Math.max(from, to - TIMED);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < timed) await write(next++);
    }),
  );
  const times: number[] = [];
  for (let n = timed; n < to; n++) {
    const began = performance.now();
    await write(n);
    times.push(performance.now() - began);
  }
  return times;
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
