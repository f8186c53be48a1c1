/** The inbox on every database: filters, counts, and pages while tasks move. */
import { expect, it } from 'vitest';
import type { TaskFilter } from '../../../contracts/tasks/record.js';
import { onEveryDatabase } from '../support/databases.js';
import { writeTask } from '../support/tasks.js';

const RUN = {
  workflowId: 'w',
  runId: 'run-1',
  definition: 'd',
  stepId: 's',
  path: 'steps[0]',
  iteration: [],
};
const TENANT = 'acme';

onEveryDatabase('The inbox', (host) => {
  it('every filter leaves the tasks that fit it, in the order of the inbox', async () => {
    const store = await host.open();
    const { tasks } = store;
    const at = Date.now();
    const write = (item: string, more: object = {}, after = 0) =>
      writeTask(store, { item, at: at + after, ...more });
    await write('low', { priority: 'low', assignee: { role: 'clerk' } });
    await write('run', { run: RUN, priority: 'normal', requestedBy: 'bob' }, 1);
    const claimed = await write('claimed', { priority: 'urgent' }, 2);
    await claimed.act('claim');
    const late = await write('late', { priority: 'low', dueMs: 1, kind: 'exception_review' }, 3);
    await late.pass(at + 10);
    const done = await write('done', { priority: 'urgent', assignee: { account: 'anna' } }, 4);
    await done.act('approve');
    const gone = await write('gone', { kind: 'incident_review' }, 5);
    await gone.act('withdraw');
    const named = async (filter: TaskFilter): Promise<string> =>
      (await tasks.list(TENANT, filter)).items.map(({ item }) => item).join(' ');
    const cases: readonly (readonly [TaskFilter, string])[] = [
      [{}, 'late claimed run low'],
      [{ onlyOpen: false }, 'late claimed run low done gone'],
      [{ status: ['in_review', 'requested'] }, 'late claimed run low'],
      [{ status: ['approved', 'in_review', 'in_review'] }, 'claimed done'],
      [{ status: ['approved', 'withdrawn'], onlyOpen: true }, ''],
      [{ status: 'withdrawn' }, 'gone'],
      [{ kind: 'exception_review' }, 'late'],
      [{ kind: 'incident_review' }, ''],
      [{ kind: 'incident_review', onlyOpen: false }, 'gone'],
      [{ priority: 'low' }, 'late low'],
      [{ priority: 'urgent', onlyOpen: false }, 'claimed done'],
      [{ priority: 'low', onlyLate: true }, 'late'],
      [{ priority: 'low', status: 'requested', kind: 'human_task' }, 'low'],
      [{ runId: 'run-1' }, 'run'],
      [{ runId: 'run-1', priority: 'high' }, ''],
      [{ requestedBy: 'bob', status: ['requested'] }, 'run'],
      [{ role: 'clerk', priority: 'low' }, 'low'],
      [{ account: 'anna', onlyOpen: false }, 'done'],
      [{ claimedBy: 'anna', priority: 'urgent' }, 'claimed'],
      [{ onlyLate: true }, 'late'],
    ];
    for (const [filter, expected] of cases) {
      expect(await named(filter), JSON.stringify(filter)).toBe(expected);
    }
    expect(await tasks.count(TENANT)).toMatchObject({
      ...{ total: 6, open: 4, late: 1 },
      byStatus: { requested: 3, in_review: 1, approved: 1, withdrawn: 1, expired: 0 },
    });
    expect(await tasks.count('other')).toMatchObject({ total: 0, open: 0, late: 0 });
  });

  it.each<[string, TaskFilter]>([
    ['of the inbox', {}],
    ['of several statuses', { status: ['requested', 'in_review'] }],
    ['of one priority', { priority: 'high' }],
  ])(
    'pages %s neither skip nor double a task that stays, while others move and new ones come',
    async (_, filter) => {
      const store = await host.open();
      const at = Date.now();
      const all = [];
      for (let n = 0; n < 30; n++) {
        all.push(await writeTask(store, { item: `t-${n}`, at: at + n, dueMs: 1_000 }));
      }
      const moving = new Set(all.filter((_task, n) => n % 5 === 0));
      const seen: string[] = [];
      for (let after: string | undefined, page = 0; ; page++) {
        const { items, next } = await store.tasks.list(TENANT, filter, { after, limit: 4 });
        seen.push(...items.map(({ item }) => item));
        if (next === null) break;
        after = next;
        // One becomes late, one is claimed or decided, and a new one comes.
        const [first, second] = [...moving].slice(0, 2);
        for (const task of [first, second]) if (task !== undefined) moving.delete(task);
        await first?.pass(at + 5_000);
        await second?.act(page % 2 === 0 ? 'claim' : 'approve');
        await writeTask(store, { item: `new-${page}`, at: at + 1_000 + page, priority: 'urgent' });
      }
      const stayed = all.filter((_task, n) => n % 5 !== 0).map(({ item }) => item);
      const shown = seen.filter((item) => stayed.includes(item));
      expect(shown).toEqual(stayed);
    },
  );
});
