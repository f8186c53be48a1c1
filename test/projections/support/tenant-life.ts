/**
 * One entry for each read and each write that projections offer: the tests of isolation and of failures go
 * through these lists. A new read or write needs an entry here.
 */
import { correlate } from '../../../contracts/events/correlation.js';
import type { Execution } from '../../../contracts/run/projection.js';
import { beginTask } from '../../../contracts/tasks/decide.js';
import type { TaskWrite } from '../../../contracts/tasks/record.js';
import { TaskRequest } from '../../../contracts/tasks/task.js';
import type { Projections } from '../../../projections/index.js';
import { event, invocation, lease, runStartedAs, START_MS, stepStarted, stepSucceeded } from './runs.js';

const KEY = 'same-key';
const use = invocation(KEY);
const definition = {
  pin: { id: 'same', version: 1, hash: 'a' },
  source: 'acme',
  format: 'yaml' as const,
  publishedBy: 'alice',
};

// Young: the row of an act that has not ended outlives retention, as an open run does.
const BEGUN = new Date();
const auditKey = ({ tenant }: Execution['run']) => ({ tenant, at: BEGUN, requestId: 'r-1' });
const actBy = ({ tenant, runId }: Execution['run']) => ({
  ...{ kind: 'key', issuer: undefined, subject: tenant, act: 'cancelRun', on: [`run:${runId}`] },
});

type Ask = (projections: Projections, of: Execution) => Promise<unknown>;

const place = { path: 'steps[1]', iteration: [], attempt: 1 };
const waits = [
  { place: 'steps[1]', eventNames: ['PAID'], correlationKey: 'o-2', since: 0, filters: [], full: false },
];
const publish = { position: 1, eventId: 'p-1', eventName: 'DONE', correlationKey: null, payload: {} };
const CALENDAR = {
  timeZone: 'Europe/Paris',
  week: { mon: [{ from: '09:00', to: '17:00' }] },
  days: [],
};
const change = { by: 'ada', at: new Date(START_MS), operation: 'op-1' };
const closing = { status: 'TERMINATED', closedAt: START_MS + 1_000, reason: 'seen', mended: 0 } as const;
const eventKey = (of: Execution) => ({ tenant: of.run.tenant, source: 'shop', id: 'e-1' });
const retry = (of: Execution) => ({
  ...eventKey(of),
  definition: 'same',
  letter: 'd-1',
  act: { at: '2026-01-02T03:04:06.000Z', actor: of.run.tenant, act: 'retry' as const, note: null },
});
const outboxRow = (of: Execution) => ({
  key: [of.run.tenant, of.run.runId, 1, 6, 'p-1'] as [string, string, number, number, string],
  envelope: {},
  attempts: 0,
  sent: 0,
});

function arrived({ run }: Execution, id: string, key: string) {
  const bus = {
    tenant: run.tenant,
    source: 'shop',
    id,
    name: 'PAID',
    time: null,
    correlationKey: key,
    payload: { of: run.tenant },
  };
  const receivedAt = new Date(START_MS + 1_000);
  return { event: bus, envelope: bus, correlation: correlate(bus, {}), via: 'http' as const, receivedAt };
}

/** Writes of a tenant, under ids that both tenants use: they fill every table that a tenant has. */
export const LIFE: Readonly<Record<string, Ask>> = {
  'events.record': async ({ events }, of) => {
    await events.record(arrived(of, 'e-0', 'o-2'));
  },
  putCalendar: (all, { run }) =>
    all.putCalendar({ tenant: run.tenant, name: 'same', calendar: CALENDAR }, run.tenant),
  putDefinition: (all, { run }) =>
    all.putDefinition(
      run.tenant,
      { ...definition, source: run.tenant, operation: { at: new Date(START_MS), operation: 'op-0' } },
      { events: [{ eventName: 'PAID', position: 0, spec: {} }], schedules: ['daily'] },
    ),
  putSchedules: (all, { run }) => all.putSchedules([run.tenant, 'same'], ['daily'], 1),
  beginAction: async (all, of) => {
    const events = [runStartedAs(of), stepStarted(2, 'steps[0]', KEY)];
    return await all.beginAction(of, events, use, lease('w1'));
  },
  renewLease: (all, { run }) => all.renewLease(run.tenant, KEY, lease('w1')),
  finishAction: (all, of) =>
    all.finishAction(of, use, {
      outcome: { status: 'SUCCEEDED', output: of.run.tenant, artifacts: [] },
      writes: [],
      holder: 'w1',
      evidence: {
        kind: 'authorization',
        actor: of.run.tenant,
        decision: 'ALLOW',
        body: {},
      },
    }),
  recordAction: (all, of) =>
    all.recordAction(of, [], invocation('read', 'steps[3]'), {
      lease: lease('w1'),
      startedAt: START_MS,
      outcome: { status: 'SUCCEEDED', output: of.run.tenant, artifacts: [] },
      writes: [],
    }),
  putEvidence: (all, of) =>
    all.putEvidence(
      of,
      { ...place, path: 'steps[2]', id: 'p' },
      {
        ...{ kind: 'authorization', actor: of.run.tenant, decision: 'ALLOW', body: {} },
      },
    ),
  commitEvents: (all, of) =>
    all.commitEvents(of, [
      stepSucceeded(3, 'steps[0]'),
      event(4, 'WAIT_OPENED', { kind: 'event', eventNames: ['PAID'], correlationKey: 'o-1' }, place),
      event(5, 'RUN_WAITING', {}),
      event(6, 'STEP_SUCCEEDED', { id: 'p', kind: 'event.publish', publish }, { path: 'steps[2]' }),
      event(7, 'EVENT_RECEIVED', {
        eventId: 'e-0',
        source: 'shop',
        eventName: 'PAID',
        correlationKey: 'o-2',
      }),
    ]),
  'apiRequests.begin': ({ apiRequests }, { run }) => {
    const held = { holder: 'api', now: START_MS, forMs: 1_000 };
    return apiRequests.begin(apiKey(run), 'hash', held, START_MS + 2_000);
  },
  'audit.begin': ({ audit }, { run }) => audit.begin({ ...auditKey(run), ...actBy(run) }),
  'deliver an event': async ({ events }, of) => {
    await events.record(arrived(of, 'e-1', 'o-1'));
  },
  'tasks.record': ({ tasks }, of) => tasks.record(of.executionId, taskOf(of, of.run.tenant)),
  'tasks.record of a step': ({ tasks }, of) => tasks.record(`${of.executionId}-task`, withdrawnTask(of)),
  'deadLetters.put': ({ deadLetters }, { run }) =>
    deadLetters.put([
      { tenant: run.tenant, id: 'd-1', kind: 'event', subject: 's', reason: run.tenant, at: START_MS },
    ]),
};

async function noteMissed(all: Projections, of: Execution, step: 'sending' | 'sent'): Promise<void> {
  const { events } = await all.missedEvents(of.run, waits);
  await all.recordMissed(of, { waits, events, sender: 'look-back', step });
}

/** Name of a task that a step of the run asks for. */
const stepTask = ({ run }: Execution): string => `${run.definition}/${run.runId}/ask`;

/** A task of a step that has ended without an answer. */
function withdrawnTask(of: Execution): TaskWrite {
  const { state, entries } = taskOf(of, of.run.tenant);
  const ended = { outcome: null, answer: null, by: [], reason: of.run.tenant, at: START_MS };
  const { runId, definition: id } = of.run;
  const step = { definition: id, stepId: 'ask', path: 'steps[0]', iteration: [] };
  const run = { workflowId: of.workflowId, runId, ...step };
  const request = { ...state.request, item: stepTask(of), run };
  return {
    state: { ...state, request, status: 'withdrawn', decision: { status: 'withdrawn', ...ended } },
    entries,
    notices: [],
  };
}

/** A task as it begins. @param value what it shows, and what its log holds */
export const taskOf = ({ run }: Execution, value: string): TaskWrite => {
  const asked = { tenant: run.tenant, item: 't-1', title: value, context: value, requestedBy: 'rita' };
  const { state, notices } = beginTask(
    TaskRequest.parse({ ...asked, assignee: { account: 'anna', role: 'admin' } }),
    START_MS,
  );
  const entry = { seq: 1, at: START_MS, action: 'requested', actor: null, roles: [], proven: true };
  return {
    state,
    entries: [
      {
        ...entry,
        requestId: null,
        given: { note: value },
        status: 'requested',
        round: 1,
        level: 0,
        refused: null,
      },
    ],
    notices: notices.map((notice) => ({ ...notice, at: START_MS })),
  };
};

const apiKey = ({ tenant }: Execution['run']) => ({ tenant, principal: 'p', key: 'k' });

/** Every read, and its answer for a tenant that has nothing. */
export const READS: Readonly<Record<string, readonly [ask: Ask, nothing: unknown]>> = {
  'reads.getRun': [({ reads }, { run }) => reads.getRun(run.tenant, run.runId), undefined],
  'reads.listRuns': [
    async ({ reads }, { run }) => [
      (await reads.listRuns(run.tenant)).items,
      (await reads.listRuns(run.tenant, { correlationKey: 'order:o-1' })).items,
      (await reads.listRuns(run.tenant, { definition: run.definition, status: 'WAITING' })).items,
    ],
    [[], [], []],
  ],
  'reads.listSteps': [async ({ reads }, { run }) => (await reads.listSteps(run.tenant, run.runId)).items, []],
  'reads.listEvents': [
    async ({ reads }, { run }) => (await reads.listEvents(run.tenant, run.runId, { superseded: true })).items,
    [],
  ],
  'reads.listWaits': [({ reads }, { run }) => reads.listWaits(run.tenant, run.runId), []],
  'reads.listInvocations': [({ reads }, { run }) => reads.listInvocations(run.tenant, run.runId), []],
  'reads.readLedger': [
    ({ reads }, { run }) => reads.readLedger(run.tenant, run.runId),
    { items: [], unreadable: [] },
  ],
  'reads.listEvidence': [({ reads }, { run }) => reads.listEvidence(run.tenant, run.runId), []],
  'reads.pageWaits': [async ({ reads }, { run }) => (await reads.pageWaits(run.tenant, run.runId)).items, []],
  'reads.pageInvocations': [
    async ({ reads }, { run }) => (await reads.pageInvocations(run.tenant, run.runId)).items,
    [],
  ],
  'reads.pageEvidence': [
    async ({ reads }, { run }) => (await reads.pageEvidence(run.tenant, run.runId)).items,
    [],
  ],
  'reads.pageInbound': [
    async ({ reads }, { run }) => (await reads.pageInbound(run.tenant, run.runId)).items,
    [],
  ],
  'reads.listDefinitions': [
    async ({ reads }, { run }) => (await reads.listDefinitions(run.tenant)).items,
    [],
  ],
  'reads.getDefinition': [({ reads }, { run }) => reads.getDefinition(run.tenant, 'same'), undefined],
  'reads.listAudit': [async ({ reads }, { run }) => (await reads.listAudit(run.tenant)).items, []],
  'reads.listAudit of a run': [
    async ({ reads }, { run }) => (await reads.listAudit(run.tenant, { on: `run:${run.runId}` })).items,
    [],
  ],
  'reads.checkContiguity': [
    ({ reads }, { run }) => reads.checkContiguity(run.tenant, run.runId),
    { lastSeq: 0, gaps: [], doubled: [] },
  ],
  findDefinition: [(all, { run }) => all.findDefinition(run.tenant, 'same'), undefined],
  definitionIds: [(all, { run }) => all.definitionIds(run.tenant), []],
  findCalendar: [async (all, { run }) => (await all.findCalendar(run.tenant, 'same'))?.by ?? null, null],
  'reads.listCalendars': [
    async ({ reads }, { run }) => (await reads.listCalendars(run.tenant)).items.map(({ by }) => by),
    [],
  ],
  'reads.getCalendar': [
    async ({ reads }, { run }) => (await reads.getCalendar(run.tenant, 'same'))?.by ?? null,
    null,
  ],
  definitionVersions: [(all, { run }) => all.definitionVersions(run.tenant, 'same'), []],
  definitionSchedules: [(all, { run }) => all.definitionSchedules(run.tenant, 'same'), []],
  missedEvents: [async (all, { run }) => (await all.missedEvents(run, waits)).events, []],
  waitsOpenedAfter: [(all, { run }) => all.waitsOpenedAfter(run, 0), []],
  'events.triggers': [({ events }, { run }) => events.triggers(run.tenant, 'PAID'), []],
  'events.envelope': [({ events }, of) => events.envelope(eventKey(of)), undefined],
  'events.wasReceived': [
    ({ events }, of) => events.wasReceived({ ...eventKey(of), id: 'e-0' }, of.run.runId),
    false,
  ],
  'events.receivedLongAgo': [
    async ({ events }, of) => [
      ...(await events.receivedLongAgo(of.run, [{ ...eventKey(of), id: 'e-0', at: new Date(0) }], 0)),
    ],
    [],
  ],
  'events.isKnownTenant': [({ events }, { run }) => events.isKnownTenant(run.tenant), false],
  'events.list': [async ({ events }, { run }) => (await events.list(run.tenant, {}, {})).items, []],
  'events.explain': [({ events }, of) => events.explain(eventKey(of)), undefined],
  'tasks.list': [
    async ({ tasks }, { run }) => [
      (await tasks.list(run.tenant)).items,
      (await tasks.list(run.tenant, { role: 'admin' })).items,
    ],
    [[], []],
  ],
  'tasks.get': [({ tasks }, { run }) => tasks.get(run.tenant, 't-1'), undefined],
  'tasks.entries': [async ({ tasks }, { run }) => (await tasks.entries(run.tenant, 't-1')).items, []],
  'tasks.count': [async ({ tasks }, { run }) => (await tasks.count(run.tenant)).open, 0],
  'reads.listTasks': [async ({ reads }, { run }) => (await reads.listTasks(run.tenant)).items, []],
  'reads.getTask': [({ reads }, { run }) => reads.getTask(run.tenant, 't-1'), undefined],
  'reads.listTaskEntries': [
    async ({ reads }, { run }) => (await reads.listTaskEntries(run.tenant, 't-1')).items,
    [],
  ],
  'reads.countTasks': [async ({ reads }, { run }) => (await reads.countTasks(run.tenant)).open, 0],
  'deadLetters.list': [async ({ deadLetters }, { run }) => (await deadLetters.list(run.tenant)).items, []],
  'deadLetters.get': [({ deadLetters }, { run }) => deadLetters.get(run.tenant, 'd-1'), undefined],
  'deadLetters.runStatus': [
    ({ deadLetters }, { run }) => deadLetters.runStatus(run.tenant, run.runId),
    undefined,
  ],
  'deadLetters.hasOutbox': [({ deadLetters }, of) => deadLetters.hasOutbox(outboxRow(of).key), false],
  'deadLetters.triggerObstacle': [
    async ({ deadLetters }, of) =>
      (await deadLetters.triggerObstacle({ ...eventKey(of), definition: 'same' })) ?? null,
    'event',
  ],
  'erasure.scope': [
    async ({ erasure }, { run }) => (await erasure.scope(run.tenant, { correlationKey: 'o-1' })).runs,
    [],
  ],
  'erasure.tasks': [({ erasure }, { run }) => erasure.tasks(run.tenant, run), []],
  'erasure.executions': [({ erasure }, { run }) => erasure.executions(run.tenant, run.runId), []],
  'reconciliation.findWatched': [
    async ({ reconciliation }, { run }) =>
      (await reconciliation.findWatched([run])).filter(({ row }) => row !== undefined),
    [],
  ],
};

/** Every write, in the order in which the other tenant makes it under the same ids. */
export const WRITES: Readonly<Record<string, Ask>> = {
  ...LIFE,
  recordMissed: (all, of) => noteMissed(all, of, 'sending'),
  'recordMissed again': (all, of) => noteMissed(all, of, 'sent'),
  returnEvents: (all, of) =>
    all.returnEvents(of, [{ source: 'shop', id: 'e-1', seq: 8, at: START_MS + 2_000 }]),
  'events.noteConflict': ({ events }, of) =>
    events.noteConflict(eventKey(of), {
      at: '2026-01-02T03:04:06.000Z',
      via: 'http',
      differs: ['payload'],
      digest: 'd',
    }),
  'events.finish': ({ events }, of) =>
    events.finish(eventKey(of), {
      outcome: 'ROUTED',
      deliveries: [{ runId: of.run.runId, status: 'SIGNALED' }],
      triggers: [],
      routedTo: [of.run.runId],
      error: null,
      letters: [
        {
          tenant: of.run.tenant,
          id: 't-1',
          kind: 'trigger',
          subject: 'same by PAID',
          reason: 'no',
          retryWith: { source: 'shop', id: 'e-1', definition: 'same' },
          at: START_MS,
          reopens: 'always',
        },
      ],
      receivedAt: new Date(START_MS + 1_000),
    }),
  'deadLetters.requeueTrigger': ({ deadLetters }, of) =>
    deadLetters.requeueTrigger(retry(of), retry(of).letter, retry(of).act),
  'events.finishRetry': ({ events }, of) =>
    events.finishRetry(retry(of), {
      triggers: [],
      runId: null,
      outcome: 'ROUTED',
      error: null,
      failure: null,
      act: { ...retry(of).act, act: 'retried' },
    }),
  'events.settleOutbox': ({ events }, of) =>
    events.settleOutbox(outboxRow(of), { status: 'DEAD', error: 'no' }),
  'deadLetters.requeueOutbox': ({ deadLetters }, of) => deadLetters.requeueOutbox(outboxRow(of).key),
  'events.settleOutbox again': ({ events }, of) => events.settleOutbox(outboxRow(of), { status: 'SENT' }),
  'deadLetters.move': ({ deadLetters }, { run }) =>
    deadLetters.move(run.tenant, 'd-1', {
      from: ['OPEN'],
      to: 'DISMISSED',
      act: { at: '2026-01-02T03:04:06.000Z', actor: 'bob', act: 'dismiss', note: null },
    }),
  'audit.settle': ({ audit }, { run }) =>
    audit.settle(auditKey(run), {
      ...{ outcome: 'done', code: undefined, on: [`run:${run.runId}`], endedAt: new Date(START_MS) },
    }),
  'apiRequests.renew': ({ apiRequests }, { run }) =>
    apiRequests.renew(apiKey(run), { holder: 'api', forMs: 1_500 }),
  'apiRequests.end': ({ apiRequests }, { run }) =>
    apiRequests.end(apiKey(run), 'api', { kind: 'answered', answer: '{}' }),
  'apiRequests.forget': ({ apiRequests }) => apiRequests.forget(START_MS),
  promoteDefinition: (all, { run }) =>
    all.promoteDefinition(
      [run.tenant, 'same'],
      { version: 1, triggers: { events: [], schedules: [] } },
      change,
    ),
  notePauses: (all, { run }) =>
    all.notePauses([run.tenant, 'same'], [{ id: 's-1', paused: true, note: `note of ${run.tenant}` }]),
  unpublishDefinition: (all, { run }) =>
    all.unpublishDefinition(run.tenant, 'same', { ...change, operation: 'op-2' }),
  'maintenance.rebuildRun': (all, { run }) => all.maintenance.rebuildRun(run.tenant, run.runId),
  'maintenance.restoreRun': (all, of) =>
    all.maintenance.restoreRun([{ execution: of, events: [runStartedAs(of)] }]),
  'reconciliation.noteResync': ({ reconciliation }, of) => reconciliation.noteResync(of.run, of.executionId),
  'reconciliation.closeRun': ({ reconciliation }, of) => reconciliation.closeRun(of, closing),
  'reconciliation.confirmRun': ({ reconciliation }, { run }) => reconciliation.confirmRun(run, 'TERMINATED'),
  'erasure.eraseTraces': ({ erasure }, of) =>
    erasure.eraseTraces({
      ...{ tenant: of.run.tenant, runs: [{ runId: of.run.runId, workflowId: of.workflowId }] },
      events: [{ source: 'shop', id: 'e-1' }],
    }),
  'erasure.eraseEvent': ({ erasure }, of) => erasure.eraseEvent(eventKey(of)),
  'erasure.eraseTask': ({ erasure }, of) =>
    erasure.eraseTask(of.run.tenant, { item: stepTask(of), execution: `${of.executionId}-task` }),
  'erasure.eraseRun': ({ erasure }, { run }) => erasure.eraseRun(run.tenant, run.runId),
  'maintenance.removeClosedRuns': (all) =>
    all.maintenance.removeClosedRuns({ endedBefore: new Date(), limit: 10 }),
  'maintenance.removeClosedTasks': (all) =>
    all.maintenance.removeClosedTasks({ endedBefore: new Date(), limit: 10 }),
  'maintenance.removeEvents': (all) =>
    all.maintenance.removeEvents({ receivedBefore: new Date(), limit: 10 }),
  'maintenance.removeAudit': (all) => all.maintenance.removeAudit({ begunBefore: new Date(), limit: 10 }),
  'events.takeRelayLease': ({ events }) => events.takeRelayLease('relay', 1_000),
  'reconciliation.takeTurn': ({ reconciliation }) => reconciliation.takeTurn(3_600_000),
};

/** What some of the writes return. */
export const GIVES: Readonly<Record<string, unknown>> = {
  beginAction: { kind: 'execute' },
  renewLease: true,
  'apiRequests.begin': { kind: 'execute' },
  'apiRequests.renew': true,
  'apiRequests.forget': 0,
  'reconciliation.closeRun': true,
  'erasure.eraseTraces': { deadLetters: 1, answers: 0 },
  'maintenance.removeClosedRuns': 1,
  'maintenance.removeClosedTasks': 1,
  'maintenance.removeEvents': 1,
  'maintenance.removeAudit': 1,
};

/** Reads of the whole database, for operators; they take no tenant. */
export const READS_OF_ALL: readonly string[] = [
  'requireSchema',
  'hasDefinitions',
  'scheduledDefinitions',
  'maintenance.loggedRuns',
  'maintenance.claimForTemporal',
  'maintenance.temporalOwner',
  'maintenance.countClosedRuns',
  'maintenance.countClosedTasks',
  'maintenance.countEvents',
  'maintenance.countAudit',
  'deadLetters.countOpen',
  'events.unfinished',
  'events.triggerRetries',
  'events.dueOutbox',
  'reconciliation.watchedRuns',
  'reconciliation.openTasks',
];

/** Names of all functions that projections offer, one level deep. */
export function offered(projections: Projections): readonly string[] {
  return Object.entries(projections).flatMap(([name, value]: [string, unknown]) => {
    if (name === 'close' || name === 'database') return [];
    if (typeof value === 'function') return [name];
    return Object.keys(value as object).map((inner) => `${name}.${inner}`);
  });
}
