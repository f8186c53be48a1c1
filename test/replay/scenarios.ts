/**
 * The runs whose histories are recorded and replayed: every example along each of its paths, and definitions
 * for behaviour that easily differs on replay (test/replay/definitions).
 */
import { readFile } from 'node:fs/promises';
import type { SluiceClient, StartedRun } from '../../client/index.js';
import type { Json } from '../../contracts/json.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { exampleOrder, exampleTicket, orderPaid, SOLD_OUT_ITEMS } from '../support/example-payloads.js';
import { waitFor } from '../support/wait-for.js';

export interface Scenario {
  /** Begins the names of the files. */
  readonly name: string;
  /** Files to publish, relative to the project; children before their parents. */
  readonly definitions: readonly string[];
  /** Files that are stored as if they were published by a worker with more actions. */
  readonly stored?: readonly string[];
  readonly workflow: string;
  readonly payload: Json;
  /** Starts the run, where a client of Sluice would refuse to. */
  start?(client: SluiceClient, workflowId: string): Promise<StartedRun>;
  /** Sends the run the events that it waits for. */
  drive?(client: SluiceClient, run: StartedRun): Promise<void>;
  /** How the run ends: its code, or nothing for success. */
  readonly failsWith?: string;
  /** True: recorded by a worker whose runs continue as new early, and at least once. */
  readonly continues?: boolean;
  /**
   * What the code did that recorded it, before a change that is gated. Its files stay: a recording of all
   * scenarios leaves them out.
   */
  readonly before?: string;
}

/** Reads a definition. @param file relative to the project's root */
export function readDefinitionFile(file: string): Promise<string> {
  return readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
}

const testDefinition = (name: string) => `test/replay/definitions/${name}.yaml`;

async function waits(client: SluiceClient, run: StartedRun, stepId: string): Promise<void> {
  await waitFor(async () =>
    (await client.state(run.workflowId)).waits.some((wait) => wait.stepId === stepId),
  );
}

/** Completes the run's core.sleep once a worker has begun it. */
async function completeByHand(
  { temporal }: SluiceClient,
  { workflowId }: StartedRun,
  result: Json,
): Promise<void> {
  const started = async (): Promise<string | undefined> => {
    const { raw } = await temporal.workflow.getHandle(workflowId).describe();
    const slow = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'core.sleep');
    return slow?.lastStartedTime == null ? undefined : (slow.activityId ?? undefined);
  };
  await temporal.activity.complete({ workflowId, activityId: await waitFor(started) }, result);
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'order-shipped',
    definitions: ['examples/order-fulfilment.yaml'],
    workflow: 'order-fulfilment',
    payload: exampleOrder('replay-1'),
    async drive(client, run) {
      await waits(client, run, 'settlement');
      await client.signalEvent(run.workflowId, orderPaid('replay-1'));
    },
  },
  {
    name: 'order-sold-out',
    definitions: ['examples/order-fulfilment.yaml'],
    workflow: 'order-fulfilment',
    payload: exampleOrder('replay-2', {
      lineItems: SOLD_OUT_ITEMS,
    }),
    failsWith: 'OUT_OF_STOCK',
  },
  {
    name: 'order-unsettled',
    definitions: ['examples/order-fulfilment.yaml'],
    workflow: 'order-fulfilment',
    payload: exampleOrder('replay-3', { settlementTimeoutMs: 50, card: 'tok_flaky' }),
  },
  {
    name: 'ticket-answered',
    definitions: ['examples/ticket-escalation.yaml'],
    workflow: 'ticket-escalation',
    payload: exampleTicket('replay-4', { deadlineMs: 300, reminderMs: 50, reminders: 2, levels: 5 }),
    async drive(client, run) {
      await waitFor(async () => (await client.state(run.workflowId)).state === 'ESCALATED_2');
      await waits(client, run, 'reply');
      await client.signalEvent(run.workflowId, {
        source: 'mail',
        eventName: 'TICKET_REPLIED',
        correlationKey: 'replay-4',
        payload: { from: 'support' },
      });
    },
  },
  {
    name: 'ticket-unanswered',
    definitions: ['examples/ticket-escalation.yaml'],
    workflow: 'ticket-escalation',
    payload: exampleTicket('replay-5', { deadlineMs: 100, reminderMs: 40, pager: 'down@pager', levels: 2 }),
    continues: true,
  },
  {
    name: 'nightly',
    definitions: ['examples/account-reconciliation.yaml', 'examples/nightly-reconciliation.yaml'],
    workflow: 'nightly-reconciliation',
    payload: { date: '2026-03-01', recordCount: 29, corruptEvery: 13 },
  },
  {
    name: 'continued-branches',
    definitions: [testDefinition('continued-branches')],
    workflow: 'continued-branches',
    payload: {},
    continues: true,
    async drive(client, run) {
      const event = { source: 'test', eventName: 'REPLY', correlationKey: run.workflowId };
      await client.signalEvent(run.workflowId, { ...event, eventId: 'e-1', payload: { n: 1, text: 'no' } });
      await client.signalEvent(run.workflowId, { ...event, eventId: 'e-2', payload: { n: 2, text: 'yes' } });
    },
  },
  {
    name: 'expressions',
    definitions: [testDefinition('expressions')],
    workflow: 'expressions',
    payload: {
      lines: [
        { sku: 'tea', qty: 2, price: 3.5 },
        { sku: 'mug', qty: 1, price: 12 },
        { sku: 'tea', qty: 4, price: 3.25 },
        { sku: 'pot', qty: 1, price: 12 },
      ],
    },
  },
  { name: 'lanes', definitions: [testDefinition('lanes')], workflow: 'lanes', payload: {}, continues: true },
  {
    name: 'cancelled',
    definitions: [testDefinition('cancelled')],
    workflow: 'cancelled',
    payload: {},
    failsWith: 'RUN_CANCELED',
    async drive(client, run) {
      await waits(client, run, 'never');
      await waitFor(async () => (await client.progress(run.workflowId)).steps.waiting === 2);
      await client.cancel(run.workflowId);
    },
  },
  { name: 'local-steps', definitions: [testDefinition('local-steps')], workflow: 'local-steps', payload: {} },
  {
    name: 'payload-refused',
    definitions: ['examples/order-fulfilment.yaml'],
    workflow: 'order-fulfilment',
    payload: { orderId: 'replay-6' },
    failsWith: 'PAYLOAD_INVALID',
  },
  {
    name: 'filter-undefined',
    before: 'a wait compared with a filter value that was undefined, and no event could satisfy it',
    definitions: [testDefinition('filter-undefined')],
    workflow: 'filter-undefined',
    payload: { min: 5 },
    failsWith: 'WAIT_TIMEOUT',
  },
  {
    name: 'filter-of-null',
    before:
      'a wait compared with a filter value of a type that nothing passes, and no event could satisfy it',
    definitions: [testDefinition('filter-of-null')],
    workflow: 'filter-of-null',
    payload: { min: null },
    failsWith: 'WAIT_TIMEOUT',
  },
  {
    name: 'full-buffer',
    before:
      'a run dropped the oldest event of a full buffer for good, and took it for a duplicate ever after',
    definitions: [testDefinition('full-buffer')],
    workflow: 'full-buffer',
    payload: { key: 'k' },
    async drive(client, run) {
      await waits(client, run, 'go');
      const event = { source: 'test', correlationKey: 'k', receivedAt: new Date().toISOString() };
      const numbered = (n: number) =>
        client.signalEvent(run.workflowId, {
          ...event,
          eventId: `e-${n}`,
          eventName: 'N',
          payload: { n, body: 'x'.repeat(54_000) },
        });
      for (let n = 0; n < 5; n++) await numbered(n);
      await numbered(0);
      await client.signalEvent(run.workflowId, { ...event, eventId: 'go', eventName: 'GO' });
      await waits(client, run, 'last');
      await client.signalEvent(run.workflowId, { ...event, eventId: 'l', eventName: 'LAST', payload: 1 });
    },
  },
  {
    name: 'large-event',
    before: 'a run got an event over 256 KiB without its payload, and dropped it for good',
    definitions: [testDefinition('large-event')],
    workflow: 'large-event',
    payload: { key: 'k' },
    async drive(client, run) {
      await waits(client, run, 'w');
      const event = { source: 'test', eventName: 'DOC', correlationKey: 'k', recorded: true };
      const large = { ...event, eventId: 'large', payload: null, omitted: true };
      await client.signalEvent(run.workflowId, large);
      await client.signalEvent(run.workflowId, large);
      await client.signalEvent(run.workflowId, { ...large, eventId: 'left', left: true });
      await client.signalEvent(run.workflowId, { ...event, eventId: 'small', payload: 1 });
    },
  },
  {
    name: 'lossy-values',
    before: 'a run took numbers that were rounded, bytes as an object, and a second argument',
    definitions: [testDefinition('lossy-values')],
    workflow: 'lossy-values',
    payload: null,
    async start({ temporal }, workflowId) {
      const handle = await temporal.workflow.start('lossy-values', {
        args: [{ account: 2 ** 60 }, 'a second argument'],
        workflowId,
        taskQueue: 'replay',
      });
      return { workflowId, runId: handle.firstExecutionRunId };
    },
    async drive(client, run) {
      const { temporal } = client;
      await waits(client, run, 'wait');
      const handle = temporal.workflow.getHandle(run.workflowId);
      await handle.signal('event', new Uint8Array([1, 2]));
      await handle.signal(
        'event',
        { eventId: 'e', eventName: 'GO', correlationKey: 'k', payload: { account: 2 ** 61 } },
        'more',
      );
    },
  },
  {
    name: 'keys-and-hands',
    before:
      'a key was made out of nothing; the bare output of an activity that a person completed was INTERNAL; a step whose key other work had used was compensated',
    definitions: [testDefinition('keys-and-hands')],
    workflow: 'keys-and-hands',
    payload: { orderId: 'replay-7' },
    failsWith: 'IDEMPOTENCY_KEY_REUSED',
    drive: (client, run) => completeByHand(client, run, null),
  },
  {
    name: 'branches-that-ended',
    before: 'what a branch that had ended well wrote was lost where a sibling failed',
    definitions: [testDefinition('branches-that-ended')],
    workflow: 'branches-that-ended',
    payload: {},
  },
  {
    name: 'missing-action',
    before: 'a run whose worker lacked an action was refused at once',
    definitions: [],
    stored: [testDefinition('missing-action')],
    workflow: 'missing-action',
    payload: {},
    failsWith: 'ACTION_NOT_FOUND',
  },
  {
    name: 'keys-and-depth',
    before:
      'a key was made out of a null; a number that loses digits was published; a run with any number of runs above it started a child',
    definitions: [testDefinition('keys-and-depth-child'), testDefinition('keys-and-depth')],
    workflow: 'keys-and-depth',
    payload: null,
    async start({ temporal }, workflowId) {
      const handle = await temporal.workflow.start('keys-and-depth', {
        args: [{ orderId: null }],
        workflowId,
        taskQueue: 'replay',
        memo: { sluiceDepth: 100 },
      });
      return { workflowId, runId: handle.firstExecutionRunId };
    },
  },
  {
    name: 'second-argument',
    before: 'the second argument of a workflow of Sluice was ignored',
    definitions: [],
    workflow: 'sluice.unpublish',
    payload: null,
    failsWith: 'DEFINITION_NOT_FOUND',
    async start({ temporal }, workflowId) {
      const handle = await temporal.workflow.start('sluice.unpublish', {
        args: [{ tenant: 'default', actor: 'ada', definition: 'nothing' }, 'more'],
        workflowId,
        taskQueue: 'replay',
      });
      return { workflowId, runId: handle.firstExecutionRunId };
    },
  },
  {
    name: 'task-approved',
    definitions: [],
    workflow: 'sluice.task',
    payload: null,
    async start({ temporal }) {
      const workflowId = taskId('default', 'replay');
      const request = { tenant: 'default', item: 'replay', title: 'Look', requestedBy: 'rita' };
      const handle = await temporal.workflow.start('sluice.task', {
        args: [{ ...request, dueMs: 100, onDue: { levels: [{ assignee: {}, dueMs: 60_000 }] } }],
        workflowId,
        taskQueue: 'replay',
      });
      return { workflowId, runId: handle.firstExecutionRunId };
    },
    async drive({ temporal }, { workflowId }) {
      const handle = temporal.workflow.getHandle(workflowId);
      const isEscalated = async () => (await handle.query<{ level: number }>('state')).level === 1;
      await waitFor(isEscalated);
      for (const action of ['claim', 'approve']) {
        const act = { action, actor: 'anna', reason: 'fine' };
        await handle.executeUpdate('task', { args: [act], updateId: action });
      }
    },
  },
  {
    name: 'task-by-calendar',
    definitions: [],
    workflow: 'sluice.task',
    payload: null,
    async start({ temporal }) {
      const hours = [{ from: '00:00', to: '24:00' }];
      const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map((day) => [day, hours]);
      const calendar = { timeZone: 'Europe/Paris', week: Object.fromEntries(days) as object };
      await temporal.workflow.execute('sluice.putCalendar', {
        args: [{ tenant: 'default', actor: 'ada', name: 'always', calendar }],
        workflowId: 'put-calendar',
        taskQueue: 'replay',
      });
      const workflowId = taskId('default', 'by-calendar');
      const request = { tenant: 'default', item: 'by-calendar', title: 'Look', requestedBy: 'rita' };
      const onDue = { levels: [], end: { kind: 'outcome', outcome: 'reject' } };
      const handle = await temporal.workflow.start('sluice.task', {
        args: [{ ...request, calendar: 'always', dueMs: 200, warnBeforeMs: 100, onDue }],
        workflowId,
        taskQueue: 'replay',
      });
      return { workflowId, runId: handle.firstExecutionRunId };
    },
  },
  {
    name: 'large-values',
    before: 'a large value that was saved could not be handed on',
    definitions: [testDefinition('large-values')],
    workflow: 'large-values',
    payload: {},
  },
  {
    name: 'unsealed-and-unrecorded',
    before:
      'a result in the form of a worker was taken unchecked, though a person gave it; an event over 256 KiB of a Temporal client was dropped for good',
    definitions: [testDefinition('unsealed-and-unrecorded')],
    workflow: 'unsealed-and-unrecorded',
    payload: {},
    async drive(client, run) {
      await completeByHand(client, run, { output: 'not what core.sleep answers' });
      await waits(client, run, 'w');
      const event = { source: 'test', eventName: 'DOC', correlationKey: 'k' };
      const omitted = { ...event, eventId: 'large', payload: null, omitted: true };
      await client.signalEvent(run.workflowId, omitted);
      await client.signalEvent(run.workflowId, { ...event, eventId: 'small', payload: 1 });
    },
  },
  {
    name: 'counted-twice',
    before: 'an assignment counted twice against what a run carries, so that one of 960 KB failed',
    definitions: [testDefinition('counted-twice')],
    workflow: 'counted-twice',
    payload: {},
  },
  {
    name: 'wide-pad',
    before: '$pad failed at widths over 43,690',
    definitions: [testDefinition('wide-pad')],
    workflow: 'wide-pad',
    payload: {},
  },
  {
    name: 'people',
    definitions: [testDefinition('people')],
    workflow: 'people',
    payload: {},
    async drive(client, run) {
      await waits(client, run, 'a');
      await waits(client, run, 'b');
      const open = (await client.state(run.workflowId)).waits;
      const item = open.find(({ stepId }) => stepId === 'a')?.correlationKey ?? '';
      await client.temporal.workflow
        .getHandle(taskId('default', item))
        .executeUpdate('task', { args: [{ action: 'approve', actor: 'anna', reason: 'yes' }] });
    },
  },
];
