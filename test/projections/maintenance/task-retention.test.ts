/** Retention removes old tasks that have ended, whole, and no other row. */
import { expect, it } from 'vitest';
import type { Projections } from '../../../projections/index.js';
import { countPrunable, pruneTasks } from '../../../worker/processes/retention.js';
import { onEveryDatabase } from '../support/databases.js';
import { execution, runStartedAs } from '../support/runs.js';
import { writeTask } from '../support/tasks.js';

const DAY_MS = 86_400_000;
const daysAgo = (days: number): number => Date.now() - days * DAY_MS;

async function keys({ database }: Projections): Promise<string> {
  const tables = ['task', 'task_list', 'task_action', 'task_notification', 'outbox', 'outbox_head', 'blob'];
  const answers = await database.request(
    tables.map((table) => `SELECT VALUE <string>id FROM ${table}`).join(';'),
  );
  return JSON.stringify(answers);
}

/** As the relay does once the bus has it. */
async function sendAll({ events }: Projections): Promise<void> {
  const { items } = await events.dueOutbox(undefined, 100);
  for (const row of items) await events.settleOutbox(row, { status: 'SENT' });
}

onEveryDatabase('Retention of tasks', (host) => {
  it('a task that ended long ago goes whole; open, young and unsent ones, and those of a kept run, stay', async () => {
    const store = await host.open();
    const { tasks } = store;
    const of = execution();
    await store.commitEvents(of, [runStartedAs(of)]);
    const { tenant, runId, definition } = of.run;
    const run = {
      workflowId: of.workflowId,
      runId,
      definition,
      stepId: 's',
      path: 'steps[0]',
      iteration: [],
    };
    await writeTask(store, { tenant, item: 'open', at: daysAgo(90) });
    const young = await writeTask(store, { tenant, item: 'young', at: daysAgo(90) });
    await young.act('approve', { at: daysAgo(2) });
    const ofRun = await writeTask(store, { tenant, item: 'of-run', at: daysAgo(80), run });
    await ofRun.act('approve');
    const gone = await writeTask(store, {
      ...{ tenant, item: 'of-gone', at: daysAgo(80), priority: 'low' },
      run: { ...run, runId: 'forgotten' },
    });
    await gone.act('withdraw');
    await sendAll(store);
    const unsent = await writeTask(store, { tenant, item: 'unsent', at: daysAgo(70) });
    await unsent.act('reject');
    const old = await writeTask(store, { tenant: 'beta', item: 'old', at: daysAgo(60) });
    await old.act('withdraw');
    const ages = { days: 30, eventDays: undefined, auditDays: undefined };
    expect((await countPrunable(store, ages)).tasks.count).toBe(4);
    expect((await countPrunable(store, ages)).tasks.bytes).toBeGreaterThan(400);
    expect(await store.maintenance.removeClosedTasks({ endedBefore: new Date(daysAgo(30)), limit: 1 })).toBe(
      1,
    );
    expect(await pruneTasks(store, 30)).toBe(1);
    const { items } = await tasks.list(tenant, { onlyOpen: false });
    expect(items.map(({ item }) => item)).toEqual(['open', 'young', 'of-run', 'unsent']);
    expect(await tasks.count('beta')).toMatchObject({ total: 0 });
    const left = await keys(store);
    expect(left).not.toMatch(/of-gone|old/);
    for (const item of ['young', 'of-run', 'unsent']) expect(left).toContain(item);
    expect(await pruneTasks(store, 30)).toBe(0);
    await sendAll(store);
    expect(await pruneTasks(store, 30)).toBe(1);
    expect(await keys(store)).not.toContain('unsent');
    // The name of a removed task is free.
    await writeTask(store, { tenant, item: 'unsent', execution: 'another' });
    expect((await tasks.get(tenant, 'unsent'))?.status).toBe('requested');
  });
});
