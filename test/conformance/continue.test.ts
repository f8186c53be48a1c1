/**
 * Runs that continue as new: seen from outside, a run is the same as one in a single execution. The
 * history limits are small here, so that a run continues after a few steps.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../contracts/json.js';
import type { RunProgress } from '../../contracts/run/messages.js';
import { historiesOf, replay } from './support/histories.js';
import { countOf } from './support/log-lines.js';
import { type FoldedLog, foldLog } from './support/log-rules.js';
import { endOf, type End } from './support/play.js';
import { expectRows } from './support/rows.js';
import { type Handle, openWorld, type World } from './support/world.js';

let world: World;
let serial = 0;

beforeAll(async () => {
  world = await openWorld({ limits: { historyEvents: 60, historyEventsMost: 2_000 } });
});
afterAll(() => world.close());

async function start(definition: Record<string, unknown>, payload: Json = {}): Promise<Handle> {
  const id = `continue-${++serial}`;
  await world.publish({ id, version: 1, ...definition });
  return world.start(id, payload);
}

interface Ended {
  readonly end: End;
  readonly folded: FoldedLog;
  readonly executions: number;
}

/** Waits for the end, and compares the log, the rows and the replays of all executions. */
async function finish(handle: Handle): Promise<Ended> {
  const end = await endOf(handle);
  const runId = handle.firstExecutionRunId;
  const log = world.log(runId);
  const folded = foldLog(log);
  await expectRows(world.projections, { tenant: 'default', runId }, log, folded);
  const histories = await historiesOf(world, handle.workflowId, runId);
  await replay(histories);
  expect(countOf(log, 'RUN_CONTINUED')).toBe(histories.length - 1);
  return { end, folded, executions: histories.length };
}

const echo = (id: string, input: Json, more: Record<string, Json> = {}): Json => ({
  id,
  type: 'action.call',
  action: 'test.echo',
  input,
  ...more,
});

function inputsOf(handle: Handle, step: string): unknown[] {
  const own = world.test.calls.filter(
    (call) => call.runId === handle.firstExecutionRunId && call.step === step,
  );
  return own.map(({ input }) => input);
}

describe('a run that continues as new', () => {
  it('a continued run keeps variables, loop positions, loop names [loop-names-end-with-the-loop], a caught error and the business state', async () => {
    const handle = await start({
      steps: [
        { id: 's', type: 'state.set', state: 'LOOPING' },
        {
          id: 't',
          type: 'control.tryCatch',
          try: [{ id: 'f', type: 'control.fail', code: 'KEPT', details: { a: 1 } }],
          captureErrorAs: 'why',
          catch: [
            {
              id: 'l',
              type: 'control.forEach',
              items: { $expr: '[1..30]' },
              itemVar: 'n',
              body: [
                echo('e', { $expr: '[n, index, length, why.details.a]' }, { saveAs: 'last' }),
                { id: 'sum', type: 'transform.assign', assign: { sum: { $expr: 'coalesce(sum, 0) + n' } } },
              ],
              collect: { $expr: 'last.input[0]' },
              saveAs: 'out',
            },
            { id: 'code', type: 'transform.assign', assign: { code: { $expr: 'error.code' } } },
          ],
        },
        { id: 'w', type: 'event.wait', eventName: 'END' },
      ],
      result: {
        sum: { $expr: 'sum' },
        code: { $expr: 'code' },
        count: { $expr: '$count(out)' },
        last: { $expr: 'out[29]' },
      },
    });
    await world.seen(
      handle.firstExecutionRunId,
      'WAIT_OPENED w',
      (log) => countOf(log, 'WAIT_OPENED w') === 1,
    );
    expect(await handle.query('state')).toMatchObject({ state: 'LOOPING', vars: { sum: 465 } });
    await handle.signal('event', { eventId: '1', eventName: 'END' });
    const { end, executions } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: { sum: 465, code: 'KEPT', count: 30, last: 30 } });
    expect(inputsOf(handle, 'e')).toEqual(Array.from({ length: 30 }, (_, i) => [i + 1, i, 30, 1]));
    expect(executions).toBeGreaterThan(2);
  });

  it('a continued run keeps its memo, its search attributes and its meta values', async () => {
    const id = `continue-${++serial}`;
    const loop = { id: 'l', type: 'control.forEach', items: { $expr: '[1..25]' }, body: [echo('e', 1)] };
    const result = [{ $expr: 'meta.actor' }, { $expr: 'meta.trigger.kind' }, { $expr: 'meta.version' }];
    await world.publish({ id, version: 1, steps: [loop], result });
    await world.publish({ id, version: 2, steps: [], result: 'another version' });
    const handle = await world.start(
      id,
      {},
      { actor: 'alice', trigger: { kind: 'test' }, version: 1, other: 'kept' },
    );
    const { end, executions } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: ['alice', 'test', 1] });
    expect(executions).toBeGreaterThan(1);
    const { memo, searchAttributes } = await world.client.workflow.getHandle(handle.workflowId).describe();
    expect(memo).toMatchObject({ actor: 'alice', other: 'kept' });
    expect(searchAttributes).toMatchObject({ SluiceDefinition: [id], SluiceDefinitionVersion: [1] });
  });

  it('a continued run keeps its retries, with their attempt, key and time', async () => {
    const handle = await start({
      steps: [
        {
          id: 'p',
          type: 'control.parallel',
          branches: {
            // The pause between its attempts is longer than the other branch, which makes the run continue.
            a: [
              {
                id: 'r',
                type: 'action.call',
                action: 'test.flaky',
                input: { failures: 2 },
                retry: { maxAttempts: 3, backoffMs: 3_000, backoffMultiplier: 1, jitter: false },
                saveAs: 'r',
              },
            ],
            b: [{ id: 'l', type: 'control.forEach', items: { $expr: '[1..25]' }, body: [echo('e', 1)] }],
          },
        },
      ],
      result: { $expr: 'r.attempt' },
    });
    const { end, executions } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: 3 });
    expect(executions).toBeGreaterThan(1);
    const calls = world.test.calls.filter(
      ({ runId, step }) => runId === handle.firstExecutionRunId && step === 'r',
    );
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
  });

  it('a continued run keeps its lanes, their overlays and their iterations, and each item runs once', async () => {
    const handle = await start({
      steps: [
        { id: 'z', type: 'transform.assign', assign: { base: 100 } },
        {
          id: 'l',
          type: 'control.forEach',
          items: { $expr: '[1..60]' },
          concurrency: 7,
          onItemError: 'continue',
          body: [
            {
              id: 'w',
              type: 'transform.assign',
              assign: { base: { $expr: 'base + item' }, last: { $expr: 'item' } },
            },
            echo('e', { $expr: 'item' }, { saveAs: 'mine' }),
            { id: 'f', type: 'control.fail', when: { $expr: 'item % 20 = 0' } },
          ],
          collect: { $expr: '[base, mine.input]' },
          saveAs: 'out',
        },
      ],
      result: { out: { $expr: 'out' }, base: { $expr: 'base' }, last: { $expr: 'last' } },
    });
    const { end, executions } = await finish(handle);
    const out = Array.from({ length: 60 }, (_, i) => ((i + 1) % 20 === 0 ? null : [101 + i, i + 1]));
    expect(end).toEqual({ kind: 'result', result: { out, base: 159, last: 59 } });
    expect(executions).toBeGreaterThan(2);
    const inputs = inputsOf(handle, 'e') as number[];
    expect([...inputs].sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });

  it('a continued run keeps open waits in their order, buffered events, spent ids and deadlines [signals-survive]', async () => {
    const busy = (id: string, count: number): Json => ({
      id,
      type: 'control.forEach',
      items: { $expr: `[1..${count}]` },
      body: [echo(`${id}e`, 1)],
    });
    const handle = await start({
      steps: [
        {
          id: 'p',
          type: 'control.parallel',
          branches: {
            // Opened last of the two, though it is the first lane.
            late: [
              busy('b1', 12),
              {
                id: 'w2',
                type: 'event.wait',
                eventName: 'X',
                assign: { late: { $expr: 'event.payload' } },
              },
            ],
            early: [
              {
                id: 'w1',
                type: 'event.wait',
                eventName: 'X',
                assign: { early: { $expr: 'event.payload' } },
              },
            ],
            timed: [
              {
                id: 'w3',
                type: 'event.wait',
                eventName: 'NEVER',
                timeoutMs: 4_000,
                onError: { policy: 'continue' },
              },
            ],
            busy: [
              busy('b2', 30),
              {
                id: 'w4',
                type: 'event.wait',
                eventName: 'AFTER',
                assign: { after: { $expr: 'event.payload' } },
              },
            ],
          },
        },
        { id: 'w5', type: 'event.wait', eventName: 'X', timeoutMs: 200, onError: { policy: 'continue' } },
      ],
      result: { $expr: 'vars' },
    });
    const runId = handle.firstExecutionRunId;
    const send = (eventId: string, eventName: string, payload: Json): Promise<void> =>
      handle.signal('event', { eventId, eventName, payload });
    await world.seen(runId, 'w1 and w3 open', (log) => countOf(log, 'WAIT_OPENED') >= 2);
    // Before its wait opens, and before the run continues.
    await send('after', 'AFTER', 'buffered');
    await world.seen(
      runId,
      'all waits open',
      (log) => countOf(log, 'WAIT_OPENED w2') + countOf(log, 'WAIT_OPENED w4') === 2,
    );
    await send('one', 'X', 1);
    await send('one', 'X', 1);
    await send('after', 'AFTER', 'again');
    await send('two', 'X', 2);
    const { end, folded, executions } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: { early: 1, late: 2, after: 'buffered' } });
    expect(executions).toBeGreaterThan(2);
    expect(Object.fromEntries(folded.waits)).toMatchObject({
      w3: 'TIMED_OUT',
      w4: 'SATISFIED',
      w5: 'TIMED_OUT',
    });
    const log = world.log(runId);
    expect(countOf(log, 'EVENT_DROPPED')).toBe(2);
    const opened = log.find(
      ({ type, stepPath }) => type === 'WAIT_OPENED' && stepPath?.includes('timed') === true,
    );
    const closed = log.find(({ type }) => type === 'WAIT_TIMED_OUT');
    expect((closed?.at ?? 0) - (opened?.at ?? 0)).toBeGreaterThanOrEqual(4_000);
  });

  it('a continued run resumes a catch, a finally and a return that are under way [continue-as-new-is-not-an-error]', async () => {
    const many = (id: string): Json => ({
      id,
      type: 'control.forEach',
      items: { $expr: '[1..20]' },
      body: [echo(`${id}e`, 1)],
    });
    const handle = await start({
      steps: [
        {
          id: 't',
          type: 'control.tryCatch',
          try: [{ id: 'r', type: 'control.return', result: { kept: true } }],
          finally: [many('f')],
        },
        { id: 'never', type: 'control.fail' },
      ],
    });
    const { end, executions } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: { kept: true } });
    expect(executions).toBeGreaterThan(1);
    expect(inputsOf(handle, 'fe')).toHaveLength(20);
  });
});

describe('the cancellation of a run that continues as new', () => {
  it('cancelling a run whose lanes are parked runs every finally and closes every wait', async () => {
    const handle = await start({
      steps: [
        {
          id: 'p',
          type: 'control.parallel',
          branches: {
            held: [{ id: 'g', type: 'action.call', action: 'test.gate', input: { gate: 'never' } }],
            loop: [
              {
                id: 't',
                type: 'control.tryCatch',
                try: [
                  {
                    id: 'l',
                    type: 'control.while',
                    condition: true,
                    maxIterations: 100_000,
                    body: [echo('e', 1)],
                  },
                ],
                catch: [{ id: 'c', type: 'control.fail', code: 'NEVER' }],
                finally: [echo('f', 'cleaned')],
              },
            ],
            wait: [{ id: 'w', type: 'event.wait', eventName: 'X' }],
          },
        },
      ],
    });
    // The action in flight keeps the run from continuing, so the loop stops between two of its steps.
    let before = -1;
    await expect
      .poll(
        async () => {
          const { lastSeq } = await handle.query<RunProgress>('progress');
          const still = lastSeq === before && lastSeq > 20;
          before = lastSeq;
          return still;
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBe(true);
    await handle.cancel();
    const { end, folded, executions } = await finish(handle);
    expect(end).toEqual({ kind: 'canceled' });
    expect(executions).toBe(1);
    expect(inputsOf(handle, 'f')).toEqual(['cleaned']);
    expect(Object.fromEntries(folded.waits)).toEqual({ w: 'CANCELED' });
    expect(Object.fromEntries(folded.steps)).toMatchObject({ g: 'CANCELED', t: 'CANCELED', p: 'CANCELED' });
  });

  it('cancelling a run that has continued ends it canceled, and it never continues again', async () => {
    const handle = await start({
      steps: [
        {
          id: 't',
          type: 'control.tryCatch',
          try: [
            { id: 'l', type: 'control.forEach', items: { $expr: '[1..25]' }, body: [echo('e', 1)] },
            { id: 'w', type: 'event.wait', eventName: 'X' },
          ],
          finally: [{ id: 'l2', type: 'control.forEach', items: { $expr: '[1..25]' }, body: [echo('f', 1)] }],
        },
      ],
    });
    const runId = handle.firstExecutionRunId;
    await world.seen(runId, 'WAIT_OPENED w', (log) => countOf(log, 'WAIT_OPENED w') === 1);
    const continued = countOf(world.log(runId), 'RUN_CONTINUED');
    expect(continued).toBeGreaterThan(0);
    await world.client.workflow.getHandle(handle.workflowId).cancel();
    const { end } = await finish(handle);
    expect(end).toEqual({ kind: 'canceled' });
    expect(inputsOf(handle, 'f')).toHaveLength(25);
    expect(countOf(world.log(runId), 'RUN_CONTINUED')).toBe(continued);
  });
});

describe('a child that runs on', () => {
  it('a child that runs on stops no other lane while the history has room', async () => {
    await world.publish({
      id: 'continue-child',
      version: 1,
      steps: [{ id: 'w', type: 'event.wait', eventName: 'GO' }],
    });
    const handle = await start({
      steps: [
        {
          id: 'p',
          type: 'control.parallel',
          branches: {
            child: [{ id: 'c', type: 'control.callWorkflow', workflow: 'continue-child' }],
            loop: [
              { id: 'l', type: 'control.forEach', items: { $expr: '[1..40]' }, body: [echo('e', 1)] },
              { id: 'w', type: 'event.wait', eventName: 'DONE' },
            ],
          },
        },
        echo('after', 1),
      ],
    });
    const runId = handle.firstExecutionRunId;
    await world.seen(runId, 'WAIT_OPENED w', (log) => countOf(log, 'WAIT_OPENED w') === 1);
    expect(countOf(world.log(runId), 'RUN_CONTINUED')).toBe(0);
    const started = world.log(runId).find(({ type }) => type === 'CHILD_STARTED');
    if (started?.type !== 'CHILD_STARTED') throw new Error('no child');
    await world.client.workflow
      .getHandle(started.data.workflowId)
      .signal('event', { eventId: '1', eventName: 'GO' });
    await world.seen(runId, 'continued', (log) => countOf(log, 'RUN_CONTINUED') === 1);
    await world.client.workflow
      .getHandle(handle.workflowId)
      .signal('event', { eventId: '2', eventName: 'DONE' });
    const { end, executions } = await finish(handle);
    expect(end).toEqual({ kind: 'result', result: null });
    expect(executions).toBeGreaterThan(1);
  });
});
