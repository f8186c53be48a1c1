/** Compensation on a real Temporal server and the real projections: docs/compensation.md, sentence by sentence. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../contracts/json.js';
import type { RunProgress } from '../../contracts/run/messages.js';
import { historiesOf, replay } from '../conformance/support/histories.js';
import { countOf, linesOf } from '../conformance/support/log-lines.js';
import { foldLog } from '../conformance/support/log-rules.js';
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

/** The end of a run, and its log held against the rules, the rows and the history. */
async function finish(handle: Handle, where = world): Promise<{ end: End; lines: readonly string[] }> {
  const end = await endOf(handle);
  const runId = handle.firstExecutionRunId;
  const log = where.log(runId);
  await expectRows(where.projections, 'default', runId, log, foldLog(log));
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

/** What was undone, in order: the inputs of the compensations that ran. */
const undone = (handle: Handle, where = world): unknown[] =>
  where.test.calls
    .filter(({ runId }) => runId === handle.firstExecutionRunId)
    .flatMap(({ input }) => {
      const { undo } = input as { undo?: unknown };
      return undo === undefined ? [] : [undo];
    });

const failed = (code = 'BROKEN') => expect.objectContaining({ kind: 'error', type: code }) as unknown;

describe('a run that fails', () => {
  it('undoes what succeeded, the last first, and fails with its own error', async () => {
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

  it('undoes nothing where it succeeds', async () => {
    const handle = await start({ steps: [step('a'), step('b')] });
    const { end, lines } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: null });
    expect(lines).not.toContain('RUN_COMPENSATING');
    expect(undone(handle)).toEqual([]);
  });

  it('undoes what it did where only its result cannot be worked out', async () => {
    const handle = await start({ steps: [step('a')], result: { $expr: '1 + "x"' } });
    expect((await finish(handle)).end).toEqual(failed('EXPRESSION_TYPE'));
    expect(undone(handle)).toEqual(['a']);
  });

  it('gives the mapping the scopes as they were when the step ended, and each iteration its own', async () => {
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

  it('links each compensation to its step in the timeline', async () => {
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

  it('undoes parallel branches in reverse order of completion', async () => {
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
  it('is retried by its own policy, then becomes a dead letter and does not stop the rest', async () => {
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

  it('whose input cannot be worked out is a dead letter with the context of the step', async () => {
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

  it('undoes a step that timed out, which may have had its effect', async () => {
    const handle = await start({ steps: [step('a'), doubtful()] });
    expect((await finish(handle)).end).toEqual(failed('ACTION_TIMEOUT'));
    expect(undone(handle)).toEqual([['never', 'ACTION_TIMEOUT', null], 'a']);
  });

  it('is no default', async () => {
    const handle = await start({ steps: [step('a'), doubtful({ onFailure: false })] });
    await finish(handle);
    expect(undone(handle)).toEqual(['a']);
  });

  it('does not undo a step that was denied: it has done nothing', async () => {
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

describe('scopes', () => {
  it('a control.saga that fails undoes its own steps only; what catches the error goes on', async () => {
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

  it('a nested scope that succeeded belongs to the one around it', async () => {
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

  it('of a nested scope that failed, nothing is undone twice', async () => {
    const inner = { id: 'in', type: 'control.saga', steps: [step('b'), fails()] };
    const handle = await start({
      steps: [{ id: 'out', type: 'control.saga', steps: [step('a'), inner] }],
    });
    expect((await finish(handle)).end).toEqual(failed());
    expect(undone(handle)).toEqual(['b', 'a']);
  });

  it('a scope in a branch that lost a race is undone; the winner stays', async () => {
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

  it('undoes the run, scopes that are open included, and the run ends CANCELED', async () => {
    const saga = { id: 'g', type: 'control.saga', steps: [step('b'), waits] };
    const handle = await cancelled({ onCancel: 'compensate', steps: [step('a'), saga] });
    const { end, lines } = await finish(handle);
    expect(end).toEqual({ kind: 'canceled' });
    expect(undone(handle)).toEqual(['b', 'a']);
    expect(lines).toContain('RUN_COMPENSATING');
  });

  it('with onCancel: leave leaves everything as it is', async () => {
    const handle = await cancelled({ onCancel: 'leave', steps: [step('a'), waits] });
    const { end, lines } = await finish(handle);
    expect(end).toEqual({ kind: 'canceled' });
    expect(undone(handle)).toEqual([]);
    expect(lines).not.toContain('RUN_COMPENSATING');
  });

  it('while the run is undone stops nothing of it, and the run fails with its error', async () => {
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

  it('that runs out of the time of the run undoes it too', async () => {
    const handle = await start({ timeoutMs: 1_500, steps: [step('a'), waits] });
    expect((await finish(handle)).end).toEqual(failed('RUN_TIMEOUT'));
    expect(undone(handle)).toEqual(['a']);
  });
});

describe('a child workflow', () => {
  it('undoes itself where it fails, and its parent what the parent did', async () => {
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
  it('carries the stack, and goes on undoing where it was', { timeout: 60_000 }, async () => {
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
  });

  it(
    'comes between two compensations where the history fills up while one of them runs; none is lost',
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
    'cannot come after a cancellation: what the history has no room to undo is a dead letter each',
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
