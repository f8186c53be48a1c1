/** Erasure over Temporal and the database, through client, API and command line: docs/erasure.md. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { main } from '../../../cli/main.js';
import { ApiErasure } from '../../../contracts/http/erasure.js';
import { useApi } from '../../api/support/api.js';
import { openBridge, type TestBridge } from '../../ingress/support/bridge.js';
import { taskId } from '../../../contracts/naming/workflow-id.js';
import { waitFor } from '../../support/wait-for.js';
import type { StartedRun } from '../../../client/index.js';

const api = useApi();
let bridge: TestBridge;
beforeAll(async () => {
  bridge = await openBridge(api().sluice, { sweep: { everyMs: 50 } });
  await api().sluice.publish(`
id: erased-child
version: 1
steps: []
result: { $expr: payload.name }
`);
  await api().sluice.publish(`
id: erased-parent
version: 1
triggers: [{ type: event, eventName: HELLO }]
steps:
  - { id: ask, type: control.callWorkflow, workflow: erased-child, input: { name: { $expr: payload.name } }, saveAs: vars.answer }
  - { id: wait, type: event.wait, eventName: PAID, correlationKey: { $expr: payload.name } }
result: { $expr: vars.answer }
`);
});
afterAll(() => bridge.stop());

const eventOf = (eventId: string, eventName: string, name: string) => ({
  ...{ eventId, eventName, tenantId: api().sluice.tenant, workflow_correlation_key: name },
  payload: { name },
});

/** A run of the person that an event began and another one ended. */
async function lived(name: string): Promise<StartedRun> {
  await bridge.post(eventOf(`hello ${name}`, 'HELLO', name));
  const { reads } = api().sluice.projections;
  const run = await waitFor(async () => {
    const { items } = await reads.listRuns(api().sluice.tenant, {
      definition: 'erased-parent',
      status: 'WAITING',
    });
    return items[0] ?? false;
  });
  await bridge.post(eventOf(`paid ${name}`, 'PAID', name));
  await waitFor(async () => (await reads.getRun(api().sluice.tenant, run.runId))?.status === 'SUCCEEDED');
  return run;
}

async function rows(): Promise<string> {
  const { database } = api().sluice.projections;
  const [info] = await database.request('INFO FOR DB');
  const names = info?.ok === true ? Object.keys((info.value as { tables: object }).tables) : [];
  return JSON.stringify(await database.request(names.map((name) => `SELECT * FROM ${name}`).join(';')));
}
const inTemporal = async ({ workflowId }: StartedRun): Promise<string[]> => {
  const ids: string[] = [];
  const list = api().client.temporal.workflow.list({ query: `WorkflowId = '${workflowId}'` });
  for await (const { runId } of list) ids.push(runId);
  return ids;
};

it('a person’s key takes the runs, their children and events from both stores, and the audit names who erased [erasure-can-be-repeated]', async () => {
  const run = await lived('Ottilie');
  const body = { correlationKey: 'Ottilie' };
  expect(await api().refusal('/v1/erasures', { as: 'operator', json: body })).toMatchObject({
    code: 'FORBIDDEN',
  });
  const plan = await api().answer(ApiErasure, '/v1/erasures', { json: body });
  expect(plan).toMatchObject({ dryRun: true, executions: 2 });
  expect(plan.runs.map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  expect(plan.events.map(({ name }) => name).sort()).toEqual(['HELLO', 'PAID']);
  expect(plan.runs.at(-1)?.runId).toBe(run.runId);
  expect(await rows()).toContain('"name\\\\\\":\\\\\\"Ottilie'.replaceAll('\\\\\\', '\\'));
  expect(await inTemporal(run)).toEqual([run.runId]);

  // Two at once.
  const [one, two] = await Promise.all([
    api().answer(ApiErasure, '/v1/erasures', { json: { ...body, dryRun: false } }),
    api().answer(ApiErasure, '/v1/erasures', { json: { runIds: [run.runId], dryRun: false } }),
  ]);
  expect([one.dryRun, two.dryRun]).toEqual([false, false]);
  expect(await inTemporal(run)).toEqual([]);
  const values = (await rows()).replaceAll(/(hello|paid) Ottilie/g, '');
  expect(values).not.toContain('Ottilie');

  const acts = (await api().client.runs.audit(run.runId, {}, { tenant: api().sluice.tenant })).items;
  expect(acts.map(({ act, subject, outcome }) => [act, subject, outcome])).toEqual([
    ['erase', 'ada', 'done'],
    ['erase', 'ada', 'done'],
  ]);
  const repeated = await bridge.post(eventOf('paid Ottilie', 'PAID', 'another'));
  expect(repeated.status).toBeLessThan(300);
  expect(repeated.body).toMatchObject({ duplicate: true });
  const explained = await bridge.get({ tenant: api().sluice.tenant, source: 'plain', id: 'paid Ottilie' });
  expect(explained.body).toMatchObject({ envelope: null, correlationKey: null });
});

it('an open run is refused and stays whole, and the command shows, erases and says ERASED', async () => {
  const { sluice, client, url, token } = api();
  const open = await sluice.start('erased-parent', { name: 'Emil' }, { workflowId: 'one-id' });
  await sluice.waiting(open);
  const refusal = await api().refusal('/v1/erasures', { json: { runIds: [open.runId], dryRun: false } });
  expect(refusal).toMatchObject({ code: 'RUN_OPEN' });
  await client.terminate(open.workflowId);
  await sluice.projections.reconciliation.closeRun(
    {
      run: { tenant: sluice.tenant, runId: open.runId, definition: 'erased-parent', version: 1 },
      workflowId: open.workflowId,
    },
    { status: 'TERMINATED', closedAt: Date.now(), reason: 'seen', mended: 0 },
  );
  const command = async (...args: string[]): Promise<string> => {
    let text = '';
    const spy = vi
      .spyOn(process.stdout, 'write')
      .mockImplementation((part) => ((text += String(part)), true));
    try {
      const code = await main(['node', 'sluice', ...args, '--tenant', sluice.tenant], {
        ...{ TEMPORAL_ADDRESS: sluice.temporal.address, TEMPORAL_NAMESPACE: sluice.temporal.namespace },
        ...{ SLUICE_TASK_QUEUE: sluice.taskQueue, SLUICE_API_URL: url, SLUICE_API_TOKEN: token.admin },
      });
      expect(code, text).toBe(0);
    } finally {
      spy.mockRestore();
    }
    return text;
  };
  expect(await command('erase', open.runId, '--dry-run')).toContain('Nothing was erased.');
  expect(await inTemporal(open)).toHaveLength(1);
  // Another run takes the workflow id meanwhile.
  const again = sluice.start('erased-child', { name: 'Someone' }, { workflowId: 'one-id' });
  expect(JSON.parse(await command('erase', open.runId, '--yes', '--json'))).toMatchObject({
    runs: [{ status: 'SUCCEEDED' }, { runId: open.runId, status: 'TERMINATED' }],
  });
  expect(await sluice.result(await again)).toBe('Someone');
  expect(await inTemporal(open)).toEqual([(await again).runId]);
  expect(await rows()).not.toContain('Emil');
  expect(await command('runs', 'show', open.runId)).toContain('ERASED at ');
});

it('a run takes the tasks that it asked for with it: who decided what stays, and no open one is erased', async () => {
  const { sluice, client } = api();
  const { tenant, projections } = sluice;
  await sluice.publish(`
id: erased-people
version: 1
steps:
  - id: ask
    type: human.task
    title: { $expr: '"About " & payload.name' }
    context: { $expr: payload }
    form: { type: object, properties: { note: { type: string } } }
    saveAs: vars.ask
result: { $expr: vars.ask.outcome }
`);
  const taskOf = ({ runId }: StartedRun) =>
    waitFor(async () => {
      const { items } = await projections.tasks.list(tenant, { onlyOpen: false }, { limit: 100 });
      return items.find(({ item }) => item.includes(runId)) ?? false;
    });
  const decided = await sluice.start('erased-people', { name: 'Gundula' });
  const { item } = await taskOf(decided);
  const given = { reason: 'Gundula asked', answer: { note: 'Gundula' } };
  await client.tasks.act(item, 'approve', given, { actor: 'anna', tenant });
  expect(await sluice.result(decided)).toBe('approve');
  const task = { workflowId: taskId(tenant, item), runId: '' };
  expect(await inTemporal(task)).toHaveLength(1);

  const left = await sluice.start('erased-people', { name: 'Gundula' });
  const open = await taskOf(left);
  await waitFor(async () => (await projections.reads.getRun(tenant, left.runId)) !== undefined);
  await client.terminate(left.workflowId);
  await projections.reconciliation.closeRun(
    {
      run: { tenant, runId: left.runId, definition: 'erased-people', version: 1 },
      workflowId: left.workflowId,
    },
    { status: 'TERMINATED', closedAt: Date.now(), reason: 'seen', mended: 0 },
  );
  const erasing = (runId: string) => ({ json: { runIds: [runId], dryRun: false } });
  expect(await api().refusal('/v1/erasures', erasing(left.runId))).toMatchObject({
    code: 'ERASURE_TOO_EARLY',
    detail: expect.stringContaining(open.item) as string,
  });
  await client.tasks.act(open.item, 'approve', given, { actor: 'anna', tenant });

  // The relay sends the decisions; until then it is too early.
  for (const { runId } of [decided, left]) {
    await waitFor(async () => (await api().ask('/v1/erasures', erasing(runId))).status === 200);
  }
  expect(await inTemporal(task)).toEqual([]);
  expect(await rows()).not.toContain('Gundula');
  expect(await projections.tasks.get(tenant, item)).toMatchObject({
    ...{ status: 'approved', title: 'ERASED', context: null, form: null },
    decision: { outcome: 'approve', reason: '', answer: null },
  });
  const log = await projections.tasks.entries(tenant, item);
  expect(log.items.map(({ action }) => action)).toContain('approve');
});

it('a correlation key takes the task that it names, which no run has asked for, once it has ended', async () => {
  const { sluice, client } = api();
  const { tenant, projections } = sluice;
  const item = await client.tasks.create(
    { item: 'invoice-of-hildegard', title: 'Pay Hildegard', context: { who: 'Hildegard' } },
    { actor: 'rita', tenant },
  );
  const bystander = await client.tasks.create(
    { item: 'invoice-of-hildegard-2', title: 'Another one' },
    { actor: 'rita', tenant },
  );
  await waitFor(async () => (await projections.tasks.get(tenant, item)) !== undefined);
  const erasing = { json: { correlationKey: item, dryRun: false } };
  expect(await api().refusal('/v1/erasures', erasing)).toMatchObject({ code: 'ERASURE_TOO_EARLY' });
  await client.tasks.act(item, 'approve', { reason: 'Hildegard asked' }, { actor: 'anna', tenant });
  const erased = await waitFor(async () => {
    const answer = await api().ask('/v1/erasures', erasing);
    return answer.status === 200 && ((await answer.json()) as object);
  });
  expect(erased).toMatchObject({ tasks: [{ item, runId: null, status: 'approved' }], executions: 1 });
  expect(await inTemporal({ workflowId: taskId(tenant, item), runId: '' })).toEqual([]);
  const texts = (await rows()).replaceAll(/invoice-of-hildegard/g, '');
  expect(texts).not.toMatch(/hildegard/i);
  expect(await projections.tasks.get(tenant, item)).toMatchObject({ status: 'approved', title: 'ERASED' });
  expect(await projections.tasks.get(tenant, bystander)).toMatchObject({ title: 'Another one' });
});
