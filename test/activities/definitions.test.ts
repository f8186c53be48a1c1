import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedRun, PublishResult } from '../../contracts/run/activity.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { ACTIVITY_TYPES } from '../../contracts/run/messages.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import { waitFor } from '../support/wait-for.js';
import { openWorld, type World } from './world.js';

let world: World;
let away = false;
/** How many more answers to a publish are lost after the database has committed it. */
let lostAnswers = 0;
/** What happens once, before the ids of the definitions are read. */
let beforeIds: () => Promise<unknown> = () => Promise.resolve();

beforeAll(async () => {
  world = await openWorld({
    actions: [],
    through: (store): ProjectionStore => ({
      ...store,
      findDefinition: (...args) =>
        away
          ? Promise.reject(new SluiceError('DATABASE_UNAVAILABLE', 'away'))
          : store.findDefinition(...args),
      definitionIds: async (...args) => {
        const act = beforeIds;
        beforeIds = () => Promise.resolve();
        await act();
        return store.definitionIds(...args);
      },
      putDefinition: async (...args) => {
        const put = await store.putDefinition(...args);
        if (lostAnswers-- > 0) throw new SluiceError('DATABASE_UNAVAILABLE', 'the answer is lost');
        return put;
      },
    }),
  });
});
afterAll(() => world.close());

async function ask<T>(type: string, request: Json): Promise<T> {
  const { outcome } = await world.call({ type, args: [request] });
  if (outcome.kind === 'result') return outcome.result as T;
  throw Object.assign(new Error('message' in outcome ? outcome.message : outcome.kind), { outcome });
}
const publish = (source: string, format = 'yaml') =>
  ask<PublishResult>(ACTIVITY_TYPES.publishDefinition, { tenant: 'default', actor: 'me', source, format });
const prepare = (definition: string, payload: Json = {}, more: object = {}) =>
  ask<PreparedRun>(ACTIVITY_TYPES.prepareRun, { tenant: 'default', definition, payload, ...more });
const refused = (type: string, message: RegExp) => ({
  message: expect.stringMatching(message) as string,
  outcome: expect.objectContaining({ kind: 'failure', type, nonRetryable: true }) as object,
});

const source = (id: string, version: number, steps = '[]', more = '') =>
  `id: ${id}\nversion: ${version}\n${more}\nsteps: ${steps}\n`;

describe('starting while a definition is published', () => {
  it('a run whose definition is published between two reads of its start gets it, and is not refused', async () => {
    await publish(source('there-before', 1));
    beforeIds = () => publish(source('published-meanwhile', 1));
    expect(await prepare('published-meanwhile')).toMatchObject({ pin: { id: 'published-meanwhile' } });
  });
});

describe('publishing', () => {
  it('publishing is idempotent, and a published version never changes', async () => {
    const first = await publish(source('stable', 1));
    expect(first).toMatchObject({ created: true, pin: { id: 'stable', version: 1 } });
    expect(await publish(source('stable', 1))).toEqual({ ...first, created: false });
    await expect(publish(source('stable', 1, '[{ id: a, type: control.return }]'))).rejects.toMatchObject(
      refused('DEFINITION_CONFLICT', /stable/),
    );
  });

  it('a publish that is interrupted between the version and its schedules is finished by its repetition', async () => {
    const { schedule } = world.client;
    const position = (n: number) => schedule.getHandle(`sluice/default/interrupted/${n}`);
    const cron = (hour: number) => `{ type: schedule, cron: "0 ${hour} * * *" }`;
    await publish(source('interrupted', 1, '[]', `triggers: [${cron(1)}, ${cron(1)}]`));
    lostAnswers = 1;
    expect(await publish(source('interrupted', 2, '[]', `triggers: [${cron(2)}]`))).toMatchObject({
      pin: { version: 2 },
    });
    expect((await position(0).describe()).spec.calendars).toMatchObject([{ hour: [{ start: 2 }] }]);
    await expect(position(1).describe()).rejects.toThrow(/not found/i);
    await position(0).delete();
  });

  it('publishing a bad document reports every problem with line and column', async () => {
    const failure = publish(source('bad', 1, '[{ id: a, type: action.cal }, { id: a, type: state.set }]'));
    await expect(failure).rejects.toMatchObject(refused('DEFINITION_INVALID', /problems/));
    const { outcome } = (await failure.catch((error: unknown) => error)) as {
      outcome: { details: { details: { problems: object[] } }[] };
    };
    expect(outcome.details[0]?.details.problems.length).toBeGreaterThan(1);
    expect(outcome.details[0]?.details.problems[0]).toMatchObject({ line: 4, stepPath: 'steps[0]' });
  });

  it('publishing refuses an action that this worker does not have, with similar names and the place', async () => {
    const steps =
      '[{ id: a, type: action.call, action: core.ehco }, { id: b, type: action.call, action: core.echo, version: 7 }]';
    const failure = publish(source('unknown-action', 1, steps));
    await expect(failure).rejects.toMatchObject(
      refused('ACTION_NOT_FOUND', /"core\.ehco" at steps\[0\].*core\.echo.*and 1 more/),
    );
  });
});

describe('preparing a run', () => {
  it('a prepared run is pinned to its definition, payload with defaults, actions, children and runtime context', async () => {
    await publish(source('child', 1));
    await publish(source('child', 2));
    await publish(
      source(
        'parent',
        1,
        `
  - { id: a, type: action.call, action: core.echo }
  - { id: b, type: control.if, condition: true, then: [{ id: c, type: action.call, action: core.log, version: 1, input: { message: m } }] }
  - { id: d, type: control.callWorkflow, workflow: child }
  - { id: e, type: control.callWorkflow, workflow: not-yet }`,
        'payloadSchema: { type: object, properties: { n: { type: integer, default: 7 } } }',
      ),
    );
    const prepared = await prepare('parent');
    expect(prepared).toMatchObject({
      pin: { id: 'parent', version: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      payload: { n: 7 },
      system: { environment: 'test', region: 'here', release: 'r1' },
    });
    expect(prepared.actions).toEqual({ 'core.echo': 1 });
    expect(prepared.children).toEqual({ child: 2 });
    expect(Object.keys(prepared.document as object)).toEqual(['id', 'version', 'payloadSchema', 'steps']);
  });

  it('a prepared run gets the latest version, or the requested one', async () => {
    expect((await prepare('child')).pin.version).toBe(2);
    expect((await prepare('child', {}, { version: 1 })).pin.version).toBe(1);
  });

  it('preparing a run refuses what cannot run, before anything runs', async () => {
    await expect(prepare('chidl')).rejects.toMatchObject(
      refused('DEFINITION_NOT_FOUND', /no definition "chidl"; did you mean "child"/),
    );
    await expect(prepare('child', {}, { version: 9 })).rejects.toMatchObject(
      refused('DEFINITION_VERSION_NOT_FOUND', /no version 9 of "child"; the latest is 2/),
    );
    await expect(prepare('child', {}, { tenant: 'other' })).rejects.toMatchObject(
      refused('DEFINITION_NOT_FOUND', /Tenant "other"/),
    );
    await expect(prepare('parent', { n: 'x' })).rejects.toMatchObject(
      refused('PAYLOAD_INVALID', /\$\.n must be integer/),
    );
    await expect(prepare('constructor')).rejects.toMatchObject(
      refused('DEFINITION_NOT_FOUND', /constructor/),
    );
  });

  it('preparing a run refuses a definition whose action this worker no longer has', async () => {
    const gone = source('gone', 1, '[{ id: a, type: action.call, action: old.action }]');
    await world.projections.putDefinition('default', {
      pin: { id: 'gone', version: 1, hash: 'f'.repeat(64) },
      source: gone,
      format: 'yaml',
      publishedBy: 'me',
    });
    await expect(prepare('gone')).rejects.toMatchObject(
      refused('ACTION_NOT_FOUND', /there is no action "old\.action" at steps\[0\]/),
    );
  });

  it('preparing a run waits for a database that is away', async () => {
    away = true;
    const handle = await world.start({
      type: ACTIVITY_TYPES.prepareRun,
      args: [{ tenant: 'default', definition: 'child', payload: {} }],
    });
    await waitFor(async () => ((await handle.describe()).raw.pendingActivities?.[0]?.attempt ?? 0) > 1);
    away = false;
    expect(await handle.result()).toMatchObject({ kind: 'result', result: { pin: { id: 'child' } } });
  });
});

describe('flushing events', () => {
  it('flushed events commit once, under the execution that the activity belongs to', async () => {
    const runId = 'run-flushed';
    const events = [{ seq: 1, at: 1_000, wave: 1, type: 'STATE_SET', data: { state: 'NEW' } }];
    const run = { runId, tenant: 'default', definition: 'child', version: 1 };
    await ask(ACTIVITY_TYPES.flushEvents, { run, events });
    await ask(ACTIVITY_TYPES.flushEvents, { run, events });
    const { items } = await world.projections.reads.listEvents('default', runId);
    expect(items).toMatchObject([{ seq: 1, type: 'STATE_SET' }]);
  });

  it('flushing refuses events that do not parse', async () => {
    const run = { runId: 'r', tenant: 'default', definition: 'child', version: 1 };
    await expect(
      ask(ACTIVITY_TYPES.flushEvents, { run, events: [{ seq: 0, type: 'NO_SUCH' }] }),
    ).rejects.toMatchObject(refused('INPUT_INVALID', /events/));
  });
});
