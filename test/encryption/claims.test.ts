/** Signed claims against a stranger who reaches Temporal: a real server, a plain client of the SDK. */
import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resignSchedules } from '../../activities/index.js';
import { createSluiceClient, type StartedRun } from '../../client/index.js';
import { childId, scheduledId } from '../../contracts/naming/workflow-id.js';
import { rewindReason } from '../../contracts/run/rewind.js';
import { claimingConverter, KeyRing, newKey } from '../../encryption/index.js';
import { suiteBundle } from '../support/services.js';
import { useSluice, type SluiceTest } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const keys = { k1: newKey(), k2: newKey() };
const ring = (current: keyof typeof keys, since?: string) =>
  claimingConverter(new KeyRing({ current, keys, ...(since !== undefined && { since }) }));

const WAITS = `
id: claims-waits
version: 1
steps:
  - { id: first, type: action.call, action: core.echo, input: 1 }
  - { id: go, type: event.wait, eventName: GO, correlationKey: k, assign: { vars.got: { $expr: event.payload } } }
  - { id: last, type: action.call, action: core.echo, input: 2 }
result: { $expr: '{ "got": vars.got, "payload": payload }' }
`;
const PARENT = `
id: claims-parent
version: 1
steps:
  - { id: child, type: control.callWorkflow, workflow: claims-child, input: { z: 1, a: { $expr: payload.a } }, saveAs: vars.child }
result: { $expr: vars.child }
`;
const CHILD = `
id: claims-child
version: 1
steps:
  - { id: echo, type: action.call, action: core.echo, input: { $expr: payload }, saveAs: vars.said }
result: { $expr: vars.said }
`;
const SCHEDULED = `
id: claims-scheduled
version: 1
triggers:
  - { type: schedule, everyMs: 2592000000, payload: { b: 1, a: [true] } }
steps:
  - { id: echo, type: action.call, action: core.echo, input: 1, saveAs: vars.said }
result: { $expr: vars.said }
`;

/** A plain client of the SDK, as a stranger has it. */
function useStranger(of: () => SluiceTest) {
  let client: Client;
  beforeAll(async () => {
    const { address, namespace } = of().temporal;
    client = new Client({ connection: await Connection.connect({ address }), namespace });
  });
  afterAll(() => client.connection.close());
  return {
    client: () => client,
    /** Starts a workflow. @returns how it ended: its result, or the code of its error */
    async start(
      type: string,
      args: unknown[],
      memo: Record<string, unknown>,
      workflowId = `${type}/${randomUUID()}`,
    ): Promise<unknown> {
      const options = { args, memo, workflowId, taskQueue: of().taskQueue };
      await client.workflow.start(type, options);
      return end(workflowId);
    },
    end: (workflowId: string) => end(workflowId),
    /** The raw memo of a workflow, as Temporal gives it to anyone. */
    async memoOf({ workflowId, runId }: StartedRun) {
      const found = await client.workflowService.describeWorkflowExecution({
        namespace: of().temporal.namespace,
        execution: { workflowId, runId },
      });
      return found.workflowExecutionInfo?.memo?.fields ?? {};
    },
  };

  async function end(workflowId: string): Promise<unknown> {
    try {
      return await client.workflow.getHandle(workflowId).result();
    } catch (error) {
      return (error as { cause?: { type?: string } }).cause?.type ?? String(error);
    }
  }
}

/** The reasons for which a run refused signals. */
async function refusedSignals(sluice: SluiceTest, { runId }: StartedRun): Promise<readonly string[]> {
  const { items } = await sluice.projections.reads.listEvents(sluice.tenant, runId, { limit: 200 });
  return items.flatMap((event) => (event.type === 'SIGNAL_REJECTED' ? [event.data.reason] : []));
}

describe('a worker with a ring of claim keys [only-sluice-names-a-tenant]', () => {
  const sluice = useSluice({ dataConverter: ring('k1') });
  const stranger = useStranger(() => sluice());
  beforeAll(async () => {
    for (const source of [CHILD, PARENT, WAITS, SCHEDULED]) await sluice().publish(source);
  });

  it("runs what Sluice's doors send: starts, children, signals, schedules, re-runs and rewinds", async () => {
    const { client, projections } = sluice();
    expect(await sluice().result(await sluice().start('claims-parent', { a: 'x' }))).toEqual({
      z: 1,
      a: 'x',
    });
    const run = await sluice().start('claims-waits', { é: '€', b: [1.5, null] });
    await sluice().waiting(run);
    await sluice().signal(run, { eventName: 'GO', correlationKey: 'k', payload: 7 });
    expect(await sluice().result(run)).toEqual({ got: 7, payload: { é: '€', b: [1.5, null] } });
    await client.runs.rewind(run.runId, { stepPath: 'steps[2]' });
    expect(await client.result(run.workflowId)).toMatchObject({ got: 7 });
    const log = await projections.reads.listEvents(sluice().tenant, run.runId, { limit: 200 });
    expect(log.items.map(({ type }) => type)).toContain('RUN_REWOUND');
    const again = await client.runs.rerun(run.runId);
    await sluice().waiting(again);
    await client.terminate(again.workflowId);
    const [schedule = ''] = await projections.definitionSchedules(sluice().tenant, 'claims-scheduled');
    await client.temporal.schedule.getHandle(schedule).trigger();
    await waitFor(async () => {
      const { items } = await projections.reads.listRuns(sluice().tenant, { definition: 'claims-scheduled' });
      return items.some(({ status }) => status === 'SUCCEEDED');
    });
  });

  it('refuses a start that names a tenant, an actor or a cause, and its row is in no list of that tenant', async () => {
    const { tenant, projections } = sluice();
    const before = await projections.reads.listRuns(tenant, {});
    for (const memo of [
      { tenant },
      { actor: 'boss' },
      { trigger: { type: 'schedule' } },
      { rerunOf: { workflowId: 'w', runId: 'r' } },
      { tenant, sluiceClaim: { type: 'claims-child', digest: '0'.repeat(64) } },
    ]) {
      expect(await stranger.start('claims-child', [{}], memo)).toBe('CLAIM_INVALID');
    }
    const after = await projections.reads.listRuns(tenant, {});
    expect(after.items.map(({ runId }) => runId)).toEqual(before.items.map(({ runId }) => runId));
    // Who names no one is tenant `default`, as ever.
    expect(await stranger.start('claims-child', [{}], {})).toBe('DEFINITION_NOT_FOUND');
  });

  it("refuses another run's claim: under another id, for another type, payload, tenant or actor", async () => {
    const run = await sluice().start('claims-child', { a: 1 });
    await sluice().result(run);
    const fields = await stranger.memoOf(run);
    expect(Object.keys(fields)).toContain('sluiceClaim');
    const { namespace } = sluice().temporal;
    const replay = async (change: {
      workflowId?: string;
      type?: string;
      payload?: object;
      memo?: Record<string, unknown>;
    }) => {
      const { workflowId = run.workflowId, type = 'claims-child', payload = { a: 1 }, memo = {} } = change;
      const asPayload = (value: unknown) => ({
        metadata: { encoding: Buffer.from('json/plain') },
        data: Buffer.from(JSON.stringify(value)),
      });
      const more = Object.fromEntries(Object.entries(memo).map(([k, v]) => [k, asPayload(v)]));
      await stranger.client().workflowService.startWorkflowExecution({
        namespace,
        requestId: randomUUID(),
        workflowId,
        workflowType: { name: type },
        taskQueue: { name: sluice().taskQueue },
        input: { payloads: [asPayload(payload)] },
        memo: { fields: { ...fields, ...more } },
      });
      return stranger.end(workflowId);
    };
    // The same start once more: all that it says was said by a door of Sluice.
    expect(await replay({})).toEqual({ a: 1 });
    expect(await replay({ workflowId: `${run.workflowId}x` })).toBe('CLAIM_INVALID');
    expect(await replay({ type: 'claims-parent' })).toBe('CLAIM_INVALID');
    expect(await replay({ payload: { a: 2 } })).toBe('CLAIM_INVALID');
    expect(await replay({ memo: { tenant: 'other' } })).toBe('CLAIM_INVALID');
    expect(await replay({ memo: { actor: 'boss' } })).toBe('CLAIM_INVALID');
  });

  it('refuses a signal without a claim, or with that of another run, and the wait goes on', async () => {
    const [run, other] = [await sluice().start('claims-waits'), await sluice().start('claims-waits')];
    await sluice().waiting(run);
    await sluice().waiting(other);
    const event = { eventId: 'e', source: 's', eventName: 'GO', correlationKey: 'k', payload: 'forged' };
    const handle = stranger.client().workflow.getHandle(run.workflowId);
    await handle.signal('event', event);
    await handle.signal('resync', { reason: 'forged' });
    await sluice().signal(other, { eventName: 'GO', correlationKey: 'k', payload: 'of the other' });
    await sluice().result(other);
    const { events } = await stranger.client().workflow.getHandle(other.workflowId).fetchHistory();
    const sent = events?.find(({ workflowExecutionSignaledEventAttributes: s }) => Boolean(s));
    await stranger.client().workflowService.signalWorkflowExecution({
      namespace: sluice().temporal.namespace,
      workflowExecution: { workflowId: run.workflowId },
      signalName: 'event',
      input: sent?.workflowExecutionSignaledEventAttributes?.input ?? null,
    });
    await waitFor(async () => (await refusedSignals(sluice(), run)).length === 3);
    for (const reason of await refusedSignals(sluice(), run)) expect(reason).toContain('CLAIM_INVALID');
    await sluice().signal(run, { eventName: 'GO', correlationKey: 'k', payload: 'real' });
    expect(await sluice().result(run)).toMatchObject({ got: 'real' });
    // What was refused stays refused, and what was taken stays taken, with every ring that replays it.
    await replays(sluice(), run, undefined);
    await replays(sluice(), run, claimingConverter(new KeyRing({ current: 'x', keys: { x: newKey() } })));
  });

  it('refuses a mark that comes with a payload, and a signature of an unknown key stops no run', async () => {
    const run = await sluice().start('claims-waits');
    await sluice().waiting(run);
    const event = { eventId: 'e', source: 's', eventName: 'GO', correlationKey: 'k', payload: 'forged' };
    const metadata = [
      { 'sluice-claim-checked': '"signal event"' },
      { 'sluice-claim-wanted': '"signal event"' },
      { 'sluice-claim': `1 gone ${Buffer.alloc(32).toString('base64url')} signal event` },
      { 'sluice-claim': 'nonsense' },
    ];
    for (const more of metadata) {
      await stranger.client().workflowService.signalWorkflowExecution({
        namespace: sluice().temporal.namespace,
        workflowExecution: { workflowId: run.workflowId },
        signalName: 'event',
        input: {
          payloads: [
            {
              metadata: Object.fromEntries(
                Object.entries({ encoding: 'json/plain', ...more }).map(([k, v]) => [k, Buffer.from(v)]),
              ),
              data: Buffer.from(JSON.stringify(event)),
            },
          ],
        },
      });
    }
    await waitFor(async () => (await refusedSignals(sluice(), run)).length === metadata.length);
    await sluice().client.terminate(run.workflowId);
  });

  it("refuses Sluice's own workflows without a claim, and the order of a rewind", async () => {
    const { tenant, temporal } = sluice();
    const request = { tenant, actor: 'boss', format: 'yaml', source: CHILD };
    for (const [type, body] of [
      ['sluice.publish', request],
      ['sluice.promote', { tenant, actor: 'boss', definition: 'claims-child', version: 1 }],
      ['sluice.putCalendar', { tenant, actor: 'boss', name: 'c', calendar: {} }],
      ['sluice.unpublish', { tenant, actor: 'boss', definition: 'claims-child' }],
      ['sluice.deadLetters', { act: 'list', tenant, filter: {} }],
    ] as const) {
      expect(await stranger.start(type, [body], {}), type).toBe('CLAIM_INVALID');
    }
    const run = await sluice().start('claims-waits');
    await sluice().waiting(run);
    await sluice().signal(run, { eventName: 'GO', correlationKey: 'k', payload: 1 });
    await sluice().result(run);
    const history = await sluice().history(run);
    // The task in which the last step began.
    const began = history.findLast(
      ({ activityTaskScheduledEventAttributes: step }) => step?.activityType?.name === 'core.echo',
    );
    await stranger.client().workflowService.resetWorkflowExecution({
      namespace: temporal.namespace,
      workflowExecution: { workflowId: run.workflowId, runId: run.runId },
      reason: rewindReason({ id: 'forged', step: 'steps[2]', iteration: [], actor: 'boss' }),
      workflowTaskFinishEventId:
        began?.activityTaskScheduledEventAttributes?.workflowTaskCompletedEventId ?? null,
      requestId: randomUUID(),
    });
    // It is a plain reset: the run ends as before, and keeps its tenant.
    expect(await sluice().client.result(run.workflowId)).toMatchObject({ got: 1 });
    const { items } = await sluice().projections.reads.listEvents(tenant, run.runId, { limit: 200 });
    expect(items.map(({ type }) => type)).not.toContain('RUN_REWOUND');
    expect((await refusedSignals(sluice(), run)).join()).toContain(
      'the order of the rewind forged has no claim',
    );
  });

  it("refuses a stranger's child and a stranger's schedule", async () => {
    const { tenant } = sluice();
    const parent = await sluice().start('claims-waits');
    const self = { runId: parent.runId, workflowId: parent.workflowId };
    const id = childId('claims-child', parent.runId, 'steps[0]/1');
    const memo = { tenant, actor: 'test', parent: self, root: self };
    expect(await stranger.start('claims-child', [{}], memo, id)).toBe('CLAIM_INVALID');
    await sluice().client.terminate(parent.workflowId);
    const scheduled = `${scheduledId('claims-scheduled', tenant, 0)}-2026-01-01T00:00:00Z`;
    const trigger = { type: 'schedule', schedule: `sluice/${tenant}/claims-scheduled/0`, position: 0 };
    expect(
      await stranger.start('claims-scheduled', [{}], { tenant, actor: 'schedule', trigger }, scheduled),
    ).toBe('CLAIM_INVALID');
  });

  it('takes what a retired key has signed, so that a reset to the first task keeps the tenant', async () => {
    const run = await sluice().start('claims-child', { a: 3 });
    await sluice().result(run);
    await sluice().stopWorker();
    await sluice().startWorker(undefined, ring('k2'));
    const { events } = await stranger.client().workflow.getHandle(run.workflowId).fetchHistory();
    const first = events?.find(({ workflowTaskCompletedEventAttributes: task }) => Boolean(task));
    await stranger.client().workflowService.resetWorkflowExecution({
      namespace: sluice().temporal.namespace,
      workflowExecution: { workflowId: run.workflowId, runId: run.runId },
      reason: 'again',
      workflowTaskFinishEventId: first?.eventId ?? null,
      requestId: randomUUID(),
    });
    expect(await sluice().result(run)).toEqual({ a: 3 });
    const { items } = await sluice().projections.reads.listRuns(sluice().tenant, {
      definition: 'claims-child',
    });
    expect(items.find(({ runId }) => runId === run.runId)?.status).toBe('SUCCEEDED');
    await sluice().stopWorker();
    await sluice().startWorker();
  });
});

describe('turning claims on', () => {
  const plain = useSluice();
  const stranger = useStranger(() => plain());

  it('lets open runs and their children go on, signs the schedules, and refuses what begins later', async () => {
    const { taskQueue, tenant, projections, client } = plain();
    const LATE = `
id: claims-late
version: 1
steps:
  - { id: go, type: event.wait, eventName: GO, correlationKey: k }
  - { id: child, type: control.callWorkflow, workflow: claims-child, input: { a: 1 }, saveAs: vars.child }
result: { $expr: vars.child }
`;
    for (const source of [CHILD, WAITS, LATE, SCHEDULED]) await plain().publish(source);
    const open = await plain().start('claims-waits');
    const late = await plain().start('claims-late');
    await plain().waiting(open);
    await plain().waiting(late);
    // A signal from before, which is in the history of a run that goes on.
    await client.temporal.workflow.getHandle(open.workflowId).signal('event', {
      ...{ eventId: 'e', eventName: 'OTHER', payload: null },
    });
    await waitFor(async () => (await plain().client.progress(open.workflowId)).lastSeq > 4);
    await plain().stopWorker();
    // Not taken by any worker yet.
    const waiting = await plain().start('claims-child', { a: 5 });
    const since = new Date().toISOString();
    await plain().startWorker(undefined, ring('k1', since));
    const signing = await createSluiceClient({
      ...plain().temporal,
      ...{ taskQueue, tenant, dataConverter: ring('k1', since) },
    });
    try {
      expect(await plain().result(waiting)).toEqual({ a: 5 });
      expect(await stranger.start('claims-child', [{}], { tenant })).toBe('CLAIM_INVALID');
      await signing.signalEvent(open.workflowId, { eventName: 'GO', correlationKey: 'k', payload: 2 });
      expect(await plain().result(open)).toMatchObject({ got: 2 });
      await signing.signalEvent(late.workflowId, { eventName: 'GO', correlationKey: 'k' });
      expect(await plain().result(late)).toEqual({ a: 1 });
    } finally {
      await signing.close();
    }
    const place = { connection: client.temporal.connection, namespace: client.temporal.options.namespace };
    const signer = new Client({ ...place, dataConverter: ring('k2', since) });
    const stop = new AbortController().signal;
    expect(await resignSchedules(projections, { client: signer, taskQueue }, stop)).toBe(1);
    expect(await resignSchedules(projections, { client: signer, taskQueue }, stop)).toBe(0);
  });
});

/** Replays a run's history in a worker with another ring, or none. */
async function replays(
  sluice: SluiceTest,
  run: StartedRun,
  dataConverter: DataConverter | undefined,
): Promise<void> {
  const history = await sluice.client.temporal.workflow.getHandle(run.workflowId).fetchHistory();
  await Worker.runReplayHistory(
    {
      workflowBundle: await suiteBundle('plain'),
      ...(dataConverter !== undefined && { dataConverter }),
    },
    history,
    run.workflowId,
  );
}
