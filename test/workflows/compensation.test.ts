/**
 * Compensation on a real Temporal server and the real projections: docs/compensation.md, sentence by
 * sentence.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../contracts/json.js';
import type { RunProgress } from '../../contracts/run/messages.js';
import { historiesOf, replay } from '../conformance/support/histories.js';
import { countOf, linesOf } from '../conformance/support/log-lines.js';
import { endOf, type End } from '../conformance/support/play.js';
import { expectRows } from '../conformance/support/rows.js';
import { type Handle, openWorld, type World } from '../conformance/support/world.js';

let world: World;
/** Its runs continue as new early. */
let early: World;

beforeAll(async () => {
  world = await openWorld();
  early = await openWorld({ limits: { historyEvents: 60, historyEventsMost: 40_000 } });
});
afterAll(async () => {
  await world?.close();
  await early?.close();
});

let count = 0;

async function start(body: object, payload: Json = {}, where = world): Promise<Handle> {
  const id = `saga-${++count}`;
  await where.publish({ id, version: 1, ...body });
  return await where.start(id, payload);
}

/** The end of a run, after its log was checked against the rules, the rows and the history. */
async function finish(handle: Handle, where = world): Promise<{ end: End; lines: readonly string[] }> {
  const end = await endOf(handle);
  const runId = handle.firstExecutionRunId;
  const log = where.log(runId);
  await expectRows(where.projections, { tenant: 'default', runId }, log);
  await replay(await historiesOf(where, handle.workflowId, runId));
  return { end, lines: linesOf(log).map(({ text }) => text) };
}

const step = (id: string, more: object = {}): object => ({
  id,
  type: 'action.call',
  action: 'test.echo',
  version: 1,
  input: { did: id },
  compensate: { action: 'test.echo', version: 1, input: { undo: { $expr: 'output.input.did' } } },
  ...more,
});
const fails = (id = 'broken', code = 'BROKEN'): object => ({ id, type: 'control.fail', code });

/** What was compensated, in order: the inputs of the compensations that ran. */
const undone = (handle: Handle, where = world): unknown[] =>
  where.test.calls
    .filter(({ runId }) => runId === handle.firstExecutionRunId)
    .flatMap(({ input }) => {
      const { undo } = input as { undo?: unknown };
      return undo === undefined ? [] : [undo];
    });

const failed = (code = 'BROKEN') => expect.objectContaining({ kind: 'error', type: code }) as unknown;

describe('a run that fails', () => {
  it('a run that fails undoes the steps that succeeded, the last first, and keeps its own error', async () => {
    const handle = await start({
      steps: [
        step('a'),
        step('plain', { compensate: undefined }),
        step('b'),
        { id: 'skipped', ...step('skipped', { when: false }) },
        step('c'),
        fails(),
      ],
    });
    const { end, lines } = await finish(handle);
    expect(end).toEqual(failed());
    expect(undone(handle)).toEqual(['c', 'b', 'a']);
    expect(lines.slice(lines.indexOf('RUN_COMPENSATING'))).toEqual([
      'RUN_COMPENSATING',
      'STEP_STARTED c.compensate',
      'STEP_SUCCEEDED c.compensate',
      'STEP_STARTED b.compensate',
      'STEP_SUCCEEDED b.compensate',
      'STEP_STARTED a.compensate',
      'STEP_SUCCEEDED a.compensate',
      'RUN_FAILED',
    ]);
  });

  it('a run that succeeds undoes nothing', async () => {
    const handle = await start({ steps: [step('a'), step('b')] });
    const { end, lines } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: null });
    expect(lines).not.toContain('RUN_COMPENSATING');
    expect(undone(handle)).toEqual([]);
  });

  it('a run whose result cannot be evaluated undoes its steps', async () => {
    const handle = await start({ steps: [step('a')], result: { $expr: '1 + "x"' } });
    expect((await finish(handle)).end).toEqual(failed('EXPRESSION_TYPE'));
    expect(undone(handle)).toEqual(['a']);
  });

  it('the mapping of a compensation sees the names as they were when its step ended, in each iteration', async () => {
    const handle = await start({
      steps: [
        {
          id: 'l',
          type: 'control.forEach',
          items: ['x', 'y', 'z'],
          itemVar: 'thing',
          body: [
            { id: 'n', type: 'transform.assign', assign: { n: { $expr: 'coalesce(n, 0) + 1' } } },
            step('s', {
              compensate: {
                action: 'test.echo',
                version: 1,
                input: { undo: { $expr: '[thing, n, input.did]' } },
              },
            }),
          ],
        },
        { id: 'late', type: 'transform.assign', assign: { n: 99 } },
        fails(),
      ],
    });
    const { lines } = await finish(handle);
    expect(undone(handle)).toEqual([
      ['z', 3, 's'],
      ['y', 2, 's'],
      ['x', 1, 's'],
    ]);
    expect(lines).toContain('STEP_SUCCEEDED s.compensate[2]');
  });

  it('the timeline links each compensation to its step', async () => {
    const handle = await start({ steps: [step('a'), fails()] });
    await finish(handle);
    const { items } = await world.projections.reads.listSteps('default', handle.firstExecutionRunId);
    expect(items.find(({ kind }) => kind === 'compensation')).toMatchObject({
      path: 'steps[0].compensate',
      id: 'a.compensate',
      undoes: 'steps[0]',
      action: 'test.echo',
      status: 'SUCCEEDED',
    });
  });

  it('parallel branches are undone in reverse order of completion', async () => {
    const gated = (id: string): object =>
      step(id, { action: 'test.gate', input: { gate: id, output: { input: { did: id } } } });
    const handle = await start({
      steps: [
        { id: 'p', type: 'control.parallel', branches: { one: [gated('a')], two: [gated('b')] } },
        fails(),
      ],
    });
    const runId = handle.firstExecutionRunId;
    await world.seen(runId, 'both began', (log) => countOf(log, 'STEP_STARTED') >= 3);
    world.test.open(runId, 'b');
    await expect
      .poll(async () => (await handle.query<RunProgress>('progress')).steps.succeeded, { timeout: 20_000 })
      .toBe(1);
    world.test.open(runId, 'a');
    await finish(handle);
    expect(undone(handle)).toEqual(['a', 'b']);
  });
});

describe('a compensation that fails', () => {
  it('a compensation that fails is retried by its policy, then becomes a dead letter and stops no other', async () => {
    const bad = {
      compensate: {
        action: 'test.flaky',
        version: 1,
        input: { failures: 9, code: 'NO_REFUND' },
        retry: { maxAttempts: 2, backoffMs: 1 },
      },
    };
    const handle = await start({
      steps: [step('a'), step('b'), step('c', bad), step('d'), step('e'), fails()],
    });
    const { end, lines } = await finish(handle);
    expect(end).toEqual(failed());
    expect(undone(handle)).toEqual(['e', 'd', 'b', 'a']);
    expect(lines).toContain('STEP_RETRYING c.compensate');
    expect(lines).toContain('STEP_FAILED c.compensate#2');
    expect(lines.filter((line) => line.startsWith('COMPENSATION_FAILED'))).toHaveLength(1);
    const { items } = await world.projections.deadLetters.list('default', {
      runId: handle.firstExecutionRunId,
    });
    expect(items).toEqual([
      expect.objectContaining({
        kind: 'compensation',
        status: 'OPEN',
        subject: 'test.flaky of c',
        errorCode: 'NO_REFUND',
        canRetry: true,
      }),
    ]);
  });

  it('a compensation whose input cannot be evaluated is a dead letter with the context of its step', async () => {
    const handle = await start({
      steps: [
        step('a', { compensate: { action: 'test.echo', version: 1, input: { $expr: '1 + "x"' } } }),
        step('b'),
        fails(),
      ],
    });
    const { end } = await finish(handle);
    expect(end).toEqual(failed());
    expect(undone(handle)).toEqual(['b']);
    const { items } = await world.projections.deadLetters.list('default', {
      runId: handle.firstExecutionRunId,
    });
    expect(items).toMatchObject([{ errorCode: 'COMPENSATION_INVALID', canRetry: false }]);
    const letter = await world.projections.deadLetters.get('default', items[0]?.id ?? '');
    expect(JSON.parse(letter?.body ?? '')).toMatchObject({
      type: 'compensation',
      stage_name: 'a',
      original_context: { input: { did: 'a' } },
    });
  });
});

describe('onFailure: true', () => {
  const doubtful = (more: object = {}): object =>
    step('t', {
      action: 'test.gate',
      input: { gate: 'never' },
      timeoutMs: 50,
      compensate: {
        action: 'test.echo',
        version: 1,
        input: { undo: { $expr: '[input.gate, error.code, output]' } },
        onFailure: true,
        ...more,
      },
    });

  it('onFailure: true undoes a step that timed out, because it may have had its effect', async () => {
    const handle = await start({ steps: [step('a'), doubtful()] });
    expect((await finish(handle)).end).toEqual(failed('ACTION_TIMEOUT'));
    expect(undone(handle)).toEqual([['never', 'ACTION_TIMEOUT', null], 'a']);
  });

  it('a step that timed out is not undone by default', async () => {
    const handle = await start({ steps: [step('a'), doubtful({ onFailure: false })] });
    await finish(handle);
    expect(undone(handle)).toEqual(['a']);
  });

  it('onFailure: true does not undo a step that was denied, because it has done nothing', async () => {
    const denied = step('d', {
      action: 'test.unauthorized',
      version: 1,
      compensate: { action: 'test.echo', version: 1, input: { undo: 'd' }, onFailure: true },
    });
    const handle = await start({ steps: [step('a'), denied] });
    expect((await finish(handle)).end).toEqual(failed('UNAUTHORIZED'));
    expect(undone(handle)).toEqual(['a']);
  });
});

describe('compensation scopes', () => {
  it('a control.saga that fails undoes only its own steps, and a catch around it goes on', async () => {
    const handle = await start({
      steps: [
        step('outside'),
        {
          id: 't',
          type: 'control.tryCatch',
          try: [{ id: 'g', type: 'control.saga', steps: [step('a'), step('b'), fails()] }],
          catch: [step('after')],
        },
      ],
    });
    const { end, lines } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: null });
    expect(undone(handle)).toEqual(['b', 'a']);
    expect(lines.indexOf('RUN_RESUMED')).toBeGreaterThan(lines.indexOf('STEP_SUCCEEDED a.compensate'));
  });

  it('the steps of a nested scope that succeeded are undone with the scope around it', async () => {
    const inner = { id: 'in', type: 'control.saga', steps: [step('b'), step('c')] };
    const handle = await start({
      steps: [
        step('z'),
        {
          id: 't',
          type: 'control.tryCatch',
          try: [{ id: 'out', type: 'control.saga', steps: [step('a'), inner, step('d'), fails()] }],
          catch: [fails('again', 'AGAIN')],
        },
      ],
    });
    const { end } = await finish(handle);
    expect(end).toEqual(failed('AGAIN'));
    expect(undone(handle)).toEqual(['d', 'c', 'b', 'a', 'z']);
  });

  it('the steps of a nested scope that failed are not undone twice', async () => {
    const inner = { id: 'in', type: 'control.saga', steps: [step('b'), fails()] };
    const handle = await start({
      steps: [{ id: 'out', type: 'control.saga', steps: [step('a'), inner] }],
    });
    expect((await finish(handle)).end).toEqual(failed());
    expect(undone(handle)).toEqual(['b', 'a']);
  });

  it('a scope in a branch that lost a race is undone, and the winner stays', async () => {
    const handle = await start({
      steps: [
        {
          id: 'r',
          type: 'control.race',
          branches: {
            loser: [
              {
                id: 'g',
                type: 'control.saga',
                steps: [step('a'), { id: 'w', type: 'event.wait', eventName: 'NEVER' }],
              },
            ],
            winner: [step('b'), { id: 'go', type: 'event.wait', eventName: 'GO' }],
          },
        },
      ],
    });
    const runId = handle.firstExecutionRunId;
    await world.seen(runId, 'both wait', (log) => countOf(log, 'WAIT_OPENED') === 2);
    await handle.signal('event', { eventId: '1', eventName: 'GO' });
    expect((await finish(handle)).end).toEqual({ kind: 'result', result: null });
    expect(undone(handle)).toEqual(['a']);
  });
});

describe('cancellation', () => {
  const waits = { id: 'w', type: 'event.wait', eventName: 'NEVER' };
  const cancelled = async (body: object): Promise<Handle> => {
    const handle = await start(body);
    await world.seen(handle.firstExecutionRunId, 'w waits', (log) => countOf(log, 'WAIT_OPENED w') === 1);
    await handle.cancel();
    return handle;
  };

  it('cancellation undoes the run, open scopes included, and the run ends CANCELED', async () => {
    const saga = { id: 'g', type: 'control.saga', steps: [step('b'), waits] };
    const handle = await cancelled({ onCancel: 'compensate', steps: [step('a'), saga] });
    const { end, lines } = await finish(handle);
    expect(end).toEqual({ kind: 'canceled' });
    expect(undone(handle)).toEqual(['b', 'a']);
    expect(lines).toContain('RUN_COMPENSATING');
  });

  it('a cancelled run with onCancel: leave undoes nothing', async () => {
    const handle = await cancelled({ onCancel: 'leave', steps: [step('a'), waits] });
    const { end, lines } = await finish(handle);
    expect(end).toEqual({ kind: 'canceled' });
    expect(undone(handle)).toEqual([]);
    expect(lines).not.toContain('RUN_COMPENSATING');
  });

  it('cancellation during the compensation of a run stops none of it, and the run fails with its error', async () => {
    const gated = { action: 'test.gate', version: 1, input: { gate: 'undo' } };
    const handle = await start({ steps: [step('a'), step('b', { compensate: gated }), fails()] });
    const runId = handle.firstExecutionRunId;
    await world.seen(runId, 'b is being undone', (log) => countOf(log, 'RUN_COMPENSATING') === 1);
    expect((await handle.query<RunProgress>('progress')).status).toBe('COMPENSATING');
    expect((await world.projections.reads.getRun('default', runId))?.status).toBe('COMPENSATING');
    await handle.cancel();
    await world.seen(runId, 'cancel noted', (log) => countOf(log, 'RUN_CANCEL_REQUESTED') === 1);
    world.test.open(runId, 'undo');
    const { end } = await finish(handle);
    expect(end).toEqual(failed());
    expect(undone(handle)).toEqual(['a']);
  });

  it('a run that exceeds its timeout is undone', async () => {
    const handle = await start({ timeoutMs: 1_500, steps: [step('a'), waits] });
    expect((await finish(handle)).end).toEqual(failed('RUN_TIMEOUT'));
    expect(undone(handle)).toEqual(['a']);
  });
});

describe('a child workflow', () => {
  it('a child that fails undoes its own steps, and its parent undoes those of the parent', async () => {
    await world.publish({ id: 'saga-child', version: 1, steps: [step('c1'), step('c2'), fails()] });
    const call = { id: 'call', type: 'control.callWorkflow', workflow: 'saga-child' };
    const handle = await start({ steps: [step('p1'), call] });
    expect((await finish(handle)).end).toEqual(failed());
    expect(undone(handle)).toEqual(['p1']);
    const inChild = world.test.calls.filter(
      ({ step: id, input }) => /^c\d$/.test(id) && 'undo' in (input as object),
    );
    expect(inChild.map(({ step: id }) => id)).toEqual(['c2', 'c1']);
  });
});

describe('continue-as-new', () => {
  it(
    'continue-as-new carries the compensation stack, and compensation goes on at the same entry',
    { timeout: 60_000 },
    async () => {
      const loop = {
        id: 'l',
        type: 'control.forEach',
        items: { $expr: '[1..30]' },
        body: [
          step('s', {
            compensate: { action: 'test.echo', version: 1, input: { undo: { $expr: 'item' } } },
          }),
        ],
      };
      const handle = await start({ steps: [loop, fails()] }, {}, early);
      const { end, lines } = await finish(handle, early);
      expect(end).toEqual(failed());
      expect(undone(handle, early)).toEqual(Array.from({ length: 30 }, (_, i) => 30 - i));
      const after = lines.slice(lines.indexOf('RUN_COMPENSATING'));
      expect(after.filter((line) => line === 'RUN_CONTINUED').length).toBeGreaterThan(0);
      expect(lines.indexOf('RUN_CONTINUED')).toBeLessThan(lines.indexOf('RUN_COMPENSATING'));
    },
  );

  it(
    'a history that fills up during a compensation makes the run continue as new after it, and loses none',
    { timeout: 60_000 },
    async () => {
      const gated = step('b', {
        compensate: { action: 'test.gate', version: 1, input: { gate: 'undo', output: null } },
      });
      const handle = await start({ steps: [step('a'), gated, step('c'), fails()] }, {}, early);
      const runId = handle.firstExecutionRunId;
      await early.seen(runId, 'b is being undone', (log) => countOf(log, 'STEP_STARTED b.compensate') === 1);
      for (let i = 0; i < 60; i++) await handle.signal('event', { eventId: String(i), eventName: 'NOISE' });
      early.test.open(runId, 'undo');
      const { end, lines } = await finish(handle, early);
      expect(end).toEqual(failed());
      expect(undone(handle, early)).toEqual(['c', 'a']);
      expect(lines).toContain('STEP_SUCCEEDED b.compensate');
      const after = lines.slice(lines.indexOf('STEP_STARTED b.compensate'));
      expect(after).toContain('RUN_CONTINUED');
      expect(after.indexOf('RUN_CONTINUED')).toBeLessThan(after.indexOf('STEP_STARTED a.compensate'));
    },
  );

  it(
    'a cancelled run whose history is full makes each step that it cannot undo a dead letter',
    { timeout: 60_000 },
    async () => {
      const full = await openWorld({ limits: { historyEvents: 60, historyEventsMost: 150 } });
      try {
        const gated = step('b', {
          compensate: { action: 'test.gate', version: 1, input: { gate: 'undo', output: null } },
        });
        const waits = { id: 'w', type: 'event.wait', eventName: 'NEVER' };
        const handle = await start({ steps: [step('a'), step('z'), gated, step('c'), waits] }, {}, full);
        const runId = handle.firstExecutionRunId;
        await full.seen(runId, 'it waits', (log) => countOf(log, 'WAIT_OPENED') === 1);
        await handle.cancel();
        await full.seen(runId, 'b is being undone', (log) => countOf(log, 'STEP_STARTED b.compensate') === 1);
        for (let i = 0; i < 150; i++) {
          await handle.signal('event', { eventId: String(i), eventName: 'NOISE' });
        }
        full.test.open(runId, 'undo');
        const { end, lines } = await finish(handle, full);
        expect(end).toMatchObject({ kind: 'canceled' });
        expect(lines).toContain('STEP_SUCCEEDED b.compensate');
        expect(undone(handle, full)).toEqual(['c']);
        expect(lines).not.toContain('RUN_CONTINUED');
        const { items } = await full.projections.deadLetters.list('default', { runId });
        expect(
          items.map(({ subject, errorCode, canRetry }) => [subject, errorCode, canRetry]).sort(),
        ).toEqual([
          ['test.echo of a', 'HISTORY_LIMIT', true],
          ['test.echo of z', 'HISTORY_LIMIT', true],
        ]);
      } finally {
        await full.close();
      }
    },
  );
});
