/**
 * Invariant [marked-values-are-nowhere]: a marked value is in no answer of any route of API and bridge, and
 * in no output of a command. The routes are those of the API's document, and the commands those of the tree:
 * a new one needs a case here.
 */
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { main } from '../../cli/main.js';
import { createProgram } from '../../cli/program.js';
import { deadLetterOf } from '../../ingress/sources/dead-letter.js';
import { openBridge, type TestBridge } from '../ingress/support/bridge.js';
import { waitFor } from '../support/wait-for.js';
import { useApi, type AskOptions, type Caller } from './support/api.js';
import { routesOf } from './support/document.js';

/** The value of a run, and one of an event that no run got. */
const PIN = 'geheim/4711 "x"';
const LOST = 'verloren&0815-77';
const FORMS = [PIN, LOST].flatMap((value) => [
  value,
  JSON.stringify(value).slice(1, -1),
  encodeURIComponent(value),
  Buffer.from(value).toString('base64').slice(0, 14),
  Buffer.from(value).toString('hex'),
]);

const make = defineAction({
  id: 'shown.make',
  version: 1,
  input: z.unknown(),
  output: z.object({ made: z.unknown() }),
  run: (input) => ({ made: input }),
});
const unmake = defineAction({
  id: 'shown.unmake',
  version: 1,
  input: z.unknown(),
  output: z.null(),
  run: (input) => {
    throw new SluiceError('SERVICE_DOWN', `no service for ${String(input)}`, {
      details: { input: input as string },
    });
  },
});

const DEFINITION = `
id: marking
version: 1
payloadSchema: { type: object, properties: { pin: { type: string, writeOnly: true } } }
triggers:
  - { type: event, eventName: BEGIN }
steps:
  - { id: ask, type: event.wait, eventName: [GO, ON], correlationKey: { $expr: payload.pin }, filters: [{ path: pin, op: "=", value: { $expr: payload.pin } }] }
  - { id: make, type: action.call, action: shown.make, input: { $expr: payload.pin }, compensate: { action: shown.unmake, input: { $expr: payload.pin } } }
  - { id: tell, type: event.publish, eventName: TOLD, correlationKey: { $expr: payload.pin }, payload: { told: { $expr: payload.pin } } }
  - { id: no, type: control.fail, message: { $expr: '"no " & payload.pin' } }
`;

const Ref = z.object({ runId: z.string(), workflowId: z.string() });
const api = useApi({ actions: [make, unmake] });
let bridge: TestBridge;
const runs: string[] = [];
let letters: readonly string[] = [];
/** A task with a marked answer. */
const TASK = 'look at this';
const CALENDAR = { timeZone: 'Europe/Paris', week: { mon: [{ from: '09:00', to: '17:00' }] } };
const ANSWER = { action: 'approve', reason: `it is ${PIN}`, answer: { pin: PIN } };

beforeAll(async () => {
  bridge = await openBridge(api().sluice);
  const { tenant, projections } = api().sluice;
  const published = await api().ask('/v1/definitions', { json: { source: DEFINITION } });
  expect(await published.text()).toContain('marking');
  const post = (eventId: string, eventName: string, key: string | undefined, payload: object) =>
    bridge.post({
      eventId,
      eventName,
      tenantId: tenant,
      source: 's',
      payload: { ...payload },
      ...(key !== undefined && { workflow_correlation_key: key }),
    });
  const form = { type: 'object', properties: { pin: { type: 'string', writeOnly: true } } };
  await api().client.tasks.create({ item: TASK, title: 'Look', form, quorum: [{ count: 2 }] }, { tenant });
  const { action, ...input } = ANSWER;
  await api().client.tasks.act(TASK, action as 'approve', input, { tenant, actor: 'anna' });
  await post('begin', 'BEGIN', PIN, { pin: PIN, note: `for ${PIN}` });
  await post('refused', 'BEGIN', LOST, { pin: LOST, note: [LOST] });
  await post('lost', 'GO', LOST, { pin: LOST });
  const { runId } = await api().answer(Ref, '/v1/runs', {
    json: { definition: 'marking', payload: { pin: PIN }, workflowId: `w ${PIN}`, correlationKeys: [PIN] },
  });
  runs.push(runId);
  await waitFor(async () => (await projections.reads.listWaits(tenant, runId)).length === 1);
  await post('go', 'GO', PIN, { pin: PIN });
  await waitFor(async () => (await projections.reads.getRun(tenant, runId))?.status === 'FAILED');
  const fields = [
    'event',
    JSON.stringify({
      eventId: 'e',
      eventName: 'GO',
      tenantId: tenant,
      source: 's',
      workflow_correlation_key: LOST,
      payload: { pin: LOST },
    }),
  ];
  await projections.deadLetters.put([
    {
      ...deadLetterOf(
        'stream/1',
        fields.map((field) => Buffer.from(field)),
        new SluiceError('EVENT_INVALID', 'no'),
      ),
      tenant,
    },
    {
      ...deadLetterOf(
        'stream/2',
        [Buffer.from('event'), Buffer.from(`{"pin":"${LOST}"`)],
        new SluiceError('EVENT_INVALID', 'no'),
      ),
      tenant,
    },
  ]);
  await api().client.calendars.put('shown', CALENDAR, { tenant });
  await waitFor(async () => {
    const page = await projections.events.list(tenant, { eventName: 'TOLD' }, {});
    letters = (await projections.deadLetters.list(tenant, {}, {})).items.map(({ id }) => id);
    return page.items.length > 0 && letters.length >= 3;
  });
});
afterAll(() => bridge.stop());

function expectNowhere(text: string, where: string): void {
  for (const form of FORMS) expect(text.includes(form), `${form} in ${where}: ${text}`).toBe(false);
}

const q = (eventId: string): string => `/v1/events/explain?source=s&eventId=${eventId}`;
type Cases = () => readonly (readonly [path: string, options?: AskOptions])[];
const TASK_BODIES: Readonly<Record<string, object>> = {
  comment: { note: 'seen' },
  answer: { outcome: 'none' },
  reassign: { assignee: { role: 'r' } },
  escalate: { reason: 'r' },
};
/** What is asked of each route, by operation id. */
const CASES: Readonly<Record<string, Cases>> = {
  listEvents: () => [['/v1/events'], ['/v1/events?eventName=GO'], ['/v1/events?eventName=TOLD']],
  explainEvent: () => ['begin', 'refused', 'lost', 'go'].map((id) => [q(id)]),
  publishEvent: () => [['/v1/events', { json: { eventName: 'NONE', payload: 1 } }]],
  erase: () => [['/v1/erasures', { json: { runIds: runs } }]],
  listRuns: () => [['/v1/runs'], ['/v1/runs?definition=marking']],
  ...Object.fromEntries(
    [
      ['getRun', ''],
      ['explainRun', '/explanation'],
      ['listRunSteps', '/steps'],
      ['listRunEvents', '/events?superseded=true'],
      ['listRunWaits', '/waits'],
      ['listRunInvocations', '/invocations'],
      ['listRunEvidence', '/evidence'],
      ['listRunInbound', '/inbound'],
      ['listRunAudit', '/audit'],
      ['exportRun', '/export'],
      ['followRun', '/timeline'],
    ].map(([id = '', path]): [string, Cases] => [id, () => runs.map((run) => [`/v1/runs/${run}${path}`])]),
  ),
  ...Object.fromEntries(
    ['cancel', 'terminate', 'rerun', 'resume', 'retry', 'requeue-event-wait', 'execute'].map(
      (act): [string, Cases] => [
        `${act.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Run`,
        () => runs.map((run) => [`/v1/runs/${run}/${act}`, { json: {} }]),
      ],
    ),
  ),
  signalRun: () => runs.map((run) => [`/v1/runs/${run}/signal`, { json: { eventName: 'GO', payload: 1 } }]),
  rewindRun: () => runs.map((run) => [`/v1/runs/${run}/rewind`, { json: { stepPath: 'steps[7]' } }]),
  startRun: () => [['/v1/runs', { json: { definition: 'marking', payload: { pin: 1 } } }]],
  bulkRuns: () => [
    ['/v1/runs/bulk', { json: { action: 'rerun', filter: { definition: 'marking' }, dryRun: true } }],
    ['/v1/runs/bulk', { json: { action: 'rewind', filter: { definition: 'marking' }, dryRun: true } }],
    ['/v1/runs/bulk', { json: { action: 'cancel', filter: { definition: 'marking' } } }],
  ],
  listTasks: () => [['/v1/tasks']],
  countTasks: () => [['/v1/task-counts']],
  getTask: () => [[`/v1/tasks/${encodeURIComponent(TASK)}`]],
  listTaskEntries: () => [[`/v1/tasks/${encodeURIComponent(TASK)}/log`]],
  createTask: () => [['/v1/tasks', { json: { item: TASK, title: 'Again' } }]],
  ...Object.fromEntries(
    [
      ...['claim', 'release', 'approve', 'reject', 'answer', 'request-change', 'resubmit', 'comment'],
      ...['reassign', 'escalate', 'override'],
    ].map((act): [string, Cases] => [
      `${act === 'request-change' ? 'requestChangeOf' : act}Task`,
      () => [[`/v1/tasks/${encodeURIComponent(TASK)}/${act}`, { json: TASK_BODIES[act] ?? {} }]],
    ]),
  ),
  bulkTasks: () => [['/v1/tasks/bulk', { json: { action: 'claim', filter: {}, all: true, dryRun: true } }]],
  listDeadLetters: () => [['/v1/dead-letters']],
  getDeadLetter: () => letters.map((id) => [`/v1/dead-letters/${id}`]),
  retryDeadLetter: () => letters.map((id) => [`/v1/dead-letters/${id}/retry`, { json: {} }]),
  bulkDeadLetters: () => [['/v1/dead-letters/bulk', { json: { action: 'retry', filter: {}, all: true } }]],
  dismissDeadLetter: () => letters.map((id) => [`/v1/dead-letters/${id}/dismiss`, { json: {} }]),
  // They are for a role that no reader or operator has, and answer what they are sent.
  decodePayloads: () => [['/v1/codec/decode', { json: { payloads: [] } }]],
  encodePayloads: () => [['/v1/codec/encode', { json: { payloads: [] } }]],
  putCalendar: () => [['/v1/calendars/shown', { json: CALENDAR }]],
  listCalendars: () => [['/v1/calendars']],
  getCalendar: () => [['/v1/calendars/shown']],
  listFunctions: () => [['/v1/functions']],
  publishDefinition: () => [['/v1/definitions', { json: { source: DEFINITION } }]],
  validateDefinition: () => [['/v1/validations', { json: { source: DEFINITION } }]],
  promoteDefinition: () => [['/v1/definitions/marking/promote', { json: { version: 1 } }]],
  unpublishDefinition: () => [['/v1/definitions/marking/unpublish', { json: {} }]],
  listDefinitions: () => [['/v1/definitions']],
  getDefinition: () => [['/v1/definitions/marking']],
  getDefinitionVersion: () => [['/v1/definitions/marking/versions/1']],
};

/** Runs one command line in this process, as a reader. @returns all that it printed */
async function printed(args: readonly string[]): Promise<string> {
  const { url, token, sluice } = api();
  let text = '';
  const keep = (part: unknown): boolean => ((text += String(part)), true);
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(keep),
  );
  try {
    await main(['node', 'sluice', '--tenant', sluice.tenant, ...args], {
      TEMPORAL_ADDRESS: sluice.temporal.address,
      TEMPORAL_NAMESPACE: sluice.temporal.namespace,
      SLUICE_TASK_QUEUE: sluice.taskQueue,
      SLUICE_API_URL: url,
      SLUICE_API_TOKEN: token.reader,
      SLUICE_BRIDGE_URL: bridge.url,
    });
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return text;
}

function commandsOf(command: Command, path: readonly string[] = []): string[] {
  const subs = command.commands.filter((sub) => sub.name() !== 'help' && sub.name() !== 'completion-server');
  if (subs.length === 0) return [path.join(' ')];
  return subs.flatMap((sub) => commandsOf(sub, [...path, sub.name()]));
}

type Lines = () => readonly (readonly string[])[];
const ofRuns =
  (...more: readonly string[]): Lines =>
  () =>
    runs.map((run) => [run, ...more]);
/** What is asked of each command. The acts come last, and what they refuse is printed too. */
const LINES: Readonly<Record<string, Lines>> = {
  'runs list': () => [[], ['--definition', 'marking']],
  ...Object.fromEntries(
    [
      'show',
      'explain',
      'steps',
      'events',
      'waits',
      'invocations',
      'evidence',
      'inbound',
      'audit',
      'export',
    ].map((what) => [`runs ${what}`, ofRuns()]),
  ),
  'runs find': () => [...runs.map((run) => [run]), ['order-7', '--since', '24h']],
  'events list': () => [[], ['--name', 'GO']],
  'events explain': () => ['begin', 'refused', 'lost', 'go'].map((id) => ['s', id]),
  'events publish': () => [['NONE']],
  'audit list': () => [[]],
  'tasks list': () => [[]],
  'tasks count': () => [[]],
  'tasks show': () => [[TASK], ['none']],
  'tasks log': () => [[TASK]],
  'tasks create': () => [[JSON.stringify({ item: TASK, title: 'Again' })]],
  ...Object.fromEntries(
    [
      ...['claim', 'release', 'approve', 'reject', 'answer', 'request-change', 'resubmit', 'comment'],
      ...['reassign', 'escalate', 'override'],
    ].map((act): [string, Lines] => [`tasks ${act}`, () => [[TASK]]]),
  ),
  ...Object.fromEntries(
    [
      ...['claim', 'release', 'approve', 'reject', 'answer', 'request-change', 'resubmit', 'comment'],
      ...['reassign', 'escalate'],
    ].map((act): [string, Lines] => [`tasks bulk ${act}`, () => [['--all', '--dry-run']]]),
  ),
  'dead-letters list': () => [[], ['--status', 'all']],
  'dead-letters show': () => letters.map((id) => [id]),
  'dead-letters retry': () => [['--all', '--dry-run'], letters.slice(0, 1)],
  'dead-letters dismiss': () => [['--all', '--dry-run']],
  'calendars put': () => [['shown', 'examples/calendars/office.yaml']],
  'calendars list': () => [[]],
  'calendars show': () => [['shown']],
  'definitions list': () => [[]],
  'definitions promote': () => [['marking', '1']],
  'definitions show': () => [['marking']],
  ...Object.fromEntries(
    ['cancel', 'terminate', 'resume', 'retry', 'requeue-event-wait'].map((act) => [`runs ${act}`, ofRuns()]),
  ),
  'runs signal': ofRuns('GO'),
  'runs rewind': ofRuns('steps[7]'),
  'runs rerun': ofRuns(),
  ...Object.fromEntries(
    ['cancel', 'terminate', 'rerun', 'rewind'].map((act): [string, Lines] => [
      `runs bulk ${act}`,
      () => [['--definition', 'marking', '--dry-run']],
    ]),
  ),
};
/** They show nothing of a run that somebody else has started, and nothing of an event. */
const WITHOUT_RUNS =
  /^(dev|worker|bridge|api|api key|validate|lsp|publish|unpublish|run|types|functions|policy check|runs verify|doctor|migrate|keys \w+|rebuild|database \w+|reconcile|prune|completion)$/;
/** Who has the database's password: it names runs by their workflow ids, and shows no value of them. */
const OF_THE_DATABASE = ['erase'];

describe('A marked value', () => {
  it('a marked value is in no answer of a route to anybody but an admin [marked-values-are-nowhere]', async () => {
    const routes = await routesOf(api());
    const without: string[] = [];
    for (const { id, method, path: template } of routes) {
      const plain = method === 'GET' && !template.includes('{');
      const cases = CASES[id]?.() ?? (plain ? [[template] as const] : undefined);
      if (cases === undefined) without.push(id);
      for (const [path, options] of cases ?? []) {
        for (const as of ['reader', 'operator'] satisfies Caller[]) {
          const response = await api().ask(path, { ...options, as });
          expectNowhere(await response.text(), `${id} ${path} as ${as}`);
          if (options?.json === undefined && template.startsWith('/v1')) {
            expect(response.status, path).toBe(200);
          }
        }
      }
    }
    expect(without, 'routes without a case').toEqual([]);
    expectNowhere(api().log.join('\n'), "the API's log");
  });

  it('a marked value is in no answer and no log line of the bridge [marked-values-are-nowhere]', async () => {
    const { tenant } = api().sluice;
    const ask = async (path: string) => (await fetch(`${bridge.url}${path}`)).text();
    const list = await ask(`/events?tenant=${tenant}`);
    expect(list).toContain('begin');
    expectNowhere(list, 'the list');
    for (const id of ['begin', 'refused', 'lost', 'go']) {
      const answer = await ask(`/events?tenant=${tenant}&source=s&id=${id}`);
      expect(answer).toContain('[redacted]');
      expectNowhere(answer, `the event ${id}`);
    }
    expectNowhere(await ask('/metrics'), 'the metrics');
    expectNowhere(JSON.stringify(bridge.logged), "the bridge's log");
  });

  it('a marked value is in no output of a command of a reader [marked-values-are-nowhere]', async () => {
    const commands = commandsOf(createProgram({}, () => undefined).program);
    expect(commands.filter((name) => LINES[name] === undefined && !WITHOUT_RUNS.test(name))).toEqual(
      OF_THE_DATABASE,
    );
    for (const [name, lines] of Object.entries(LINES)) {
      expect(commands).toContain(name);
      for (const line of lines()) {
        for (const form of [['--json', '--verbose'], []]) {
          const args = [...name.split(' '), ...line, ...form];
          expectNowhere(await printed(args), args.join(' '));
        }
      }
    }
    const { tenant } = api().sluice;
    const shown = await printed(['dead-letters', 'list', '--status', 'all', '--json']);
    expect(shown.trim().split('\n').length).toBeGreaterThanOrEqual(letters.length);
    const whole = await Promise.all(
      letters.map((id) => api().client.deadLetters.show(id, { tenant, unredacted: true })),
    );
    expect(JSON.stringify(whole)).toContain('geheim/4711');
  });

  it('an admin who asks for it sees the value in events too', async () => {
    for (const path of ['/v1/events?unredacted=true', `${q('begin')}&unredacted=true`]) {
      expect(await (await api().ask(path)).text()).toContain('geheim/4711');
      expect(await api().refusal(path, { as: 'reader' })).toMatchObject({ code: 'FORBIDDEN' });
    }
  });

  it('a guess of a marked key or state is answered like a wrong guess', async () => {
    const ask = async (key: string, as: Caller) =>
      (await api().ask(`/v1/runs?limit=1&correlationKey=${encodeURIComponent(key)}`, { as })).json();
    for (const as of ['reader', 'operator'] satisfies Caller[]) {
      expect(await ask(PIN, as)).toEqual({ items: [], next: null });
      expect(await ask('wrong', as)).toEqual({ items: [], next: null });
    }
    const lines = await api().ask('/v1/runs/bulk', {
      json: { action: 'rerun', filter: { correlationKey: PIN }, dryRun: true },
      as: 'operator',
    });
    expect((await lines.text()).trim().split('\n')).toHaveLength(1);
    const found = await api().client.runs.list(
      { correlationKey: PIN },
      {},
      { tenant: api().sluice.tenant, unredacted: true },
    );
    expect(found.items.length).toBeGreaterThan(0);
  });
});
