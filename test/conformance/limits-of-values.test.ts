/**
 * The limits of docs/limits.md: sizes of values and of carried state. Each test exceeds one limit of
 * Sluice, gets the coded error, and the catch branch of its run runs. Behind each is a limit of Temporal
 * that ends a run past every catch, or repeats its workflow task without an end.
 */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import {
  caught,
  finishOn,
  LONG_MS,
  result,
  startOn,
  text,
  useLimitRuns,
  withWorld,
} from './support/limit-run.js';
import { countOf } from './support/log-lines.js';
import { endOf } from './support/play.js';

const { start, run } = useLimitRuns();

describe('values [limits-are-errors]', () => {
  it('a value over 256 KiB that was saved is handed on: to an action, a variable and the result', async () => {
    const steps: Json[] = [
      { id: 'a', type: 'action.call', action: 'test.echo', input: { $expr: 'payload' } },
      { id: 'b', type: 'transform.assign', assign: { copy: { $expr: 'payload.text' } } },
    ];
    const large = 'x'.repeat(300 * 1024);
    expect(await run({ steps, result: { $expr: 'vars.copy' } }, { text: large })).toEqual(result(large));
  });

  it('variables over 1 MiB are STATE_TOO_LARGE', async () => {
    const assign = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, text(250)]));
    expect(await run(caught({ id: 'a', type: 'transform.assign', assign }))).toEqual(
      result('STATE_TOO_LARGE'),
    );
  });

  it('variables that grow over 1 MiB one by one are STATE_TOO_LARGE', async () => {
    const grow: Json = {
      id: 'l',
      type: 'control.forEach',
      items: { $expr: '[1..6]' },
      body: [
        {
          id: 'a',
          type: 'transform.assign',
          assign: {
            all: { $expr: 'append(all, 1)' },
            'big.next': text(200),
            list: { $expr: 'append(list, 1)' },
          },
        },
      ],
    };
    expect(await run(caught(grow))).toEqual({ kind: 'result', result: null });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((name): Json => ({
      id: name,
      type: 'transform.assign',
      assign: { [name]: text(200) },
    }));
    expect(await run(caught(...names))).toEqual(result('STATE_TOO_LARGE'));
  });

  it('lanes that together write over 1 MiB fail their join, and nothing that they wrote is kept', async () => {
    const branches = Object.fromEntries(
      ['a', 'b', 'c', 'd', 'e'].map((name) => [
        name,
        [{ id: name, type: 'transform.assign', assign: { [name]: text(230) } }],
      ]),
    );
    expect(await run(caught({ id: 'p', type: 'control.parallel', branches }))).toEqual(
      result('STATE_TOO_LARGE'),
    );
  });

  it('a loop that collects more than the limit is STATE_TOO_LARGE', async () => {
    const loop = (concurrency: number): Json => ({
      id: 'l',
      type: 'control.forEach',
      items: { $expr: '[1..20]' },
      concurrency,
      body: [],
      collect: text(200),
      saveAs: 'out',
    });
    expect(await run(caught(loop(1)))).toEqual(result('STATE_TOO_LARGE'));
    expect(await run(caught(loop(5)))).toEqual(result('STATE_TOO_LARGE'));
  });

  it('the input of an action over 1 MiB is INPUT_TOO_LARGE', async () => {
    const input = { a: text(250), b: text(250), c: text(250), d: text(250), e: text(250) };
    expect(await run(caught({ id: 'a', type: 'action.call', action: 'test.swallow', input }))).toEqual(
      result('INPUT_TOO_LARGE'),
    );
    expect(
      await run(caught({ id: 'c', type: 'control.callWorkflow', workflow: 'limits-child', input })),
    ).toEqual(result('INPUT_TOO_LARGE'));
  });

  it('the input of an action just below 1 MiB is accepted', async () => {
    const input = { a: text(250), b: text(250), c: text(250), d: text(250) };
    expect(await run(caught({ id: 'a', type: 'action.call', action: 'test.swallow', input }))).toEqual(
      result(null),
    );
  });

  it('the result of an action over 1 MiB is RESULT_TOO_LARGE', async () => {
    const size = (characters: number, local = false): Json => ({
      id: 'a',
      type: 'action.call',
      action: 'test.size',
      input: { characters },
      ...(local && { local }),
    });
    expect(await run(caught(size(LIMITS.stateBytes)))).toEqual(result('RESULT_TOO_LARGE'));
    expect(await run(caught(size(LIMITS.localResultBytes, true)))).toEqual(result('RESULT_TOO_LARGE'));
    expect(await run(caught(size(LIMITS.stateBytes - 100)))).toEqual(result(null));
  });

  it('the result of an action that fits alone but not beside the variables is STATE_TOO_LARGE', async () => {
    const size: Json = {
      id: 'a',
      type: 'action.call',
      action: 'test.size',
      input: { characters: LIMITS.stateBytes - 100 },
      saveAs: 'out',
    };
    expect(await run(caught({ id: 'v', type: 'transform.assign', assign: { v: text(10) } }, size))).toEqual(
      result('STATE_TOO_LARGE'),
    );
  });

  it('a return over 1 MiB is RESULT_TOO_LARGE and can be caught; a result mapping over 1 MiB fails the run', async () => {
    const big = { a: text(250), b: text(250), c: text(250), d: text(250), e: text(250) };
    expect(await run(caught({ id: 'r', type: 'control.return', result: big }))).toEqual(
      result('RESULT_TOO_LARGE'),
    );
    const end = await run({ steps: [], result: big });
    expect(end).toMatchObject({ kind: 'error', type: 'RESULT_TOO_LARGE' });
  });

  it('a result of nearly 1 MiB reaches every client', async () => {
    const end = await run({
      steps: [{ id: 'r', type: 'control.return', result: [text(250), text(250), text(250), text(250)] }],
    });
    expect(end.kind).toBe('result');
  });

  it('details of an error over 256 KiB are RESULT_TOO_LARGE', async () => {
    expect(
      await run(
        caught({ id: 'f', type: 'control.fail', code: 'BIG', details: { a: text(200), b: text(200) } }),
      ),
    ).toEqual(result('RESULT_TOO_LARGE'));
  });

  it('an expression with an output over 256 KiB is EXPRESSION_TOO_LARGE', async () => {
    expect(await run(caught({ id: 'a', type: 'transform.assign', assign: { a: text(257) } }))).toEqual(
      result('EXPRESSION_TOO_LARGE'),
    );
  });

  it('a payload over 1 MiB is refused at the start', async () => {
    const end = await endOf(await start({ steps: [] }, { big: 'x'.repeat(LIMITS.stateBytes) }));
    expect(end).toMatchObject({ kind: 'error', type: 'PAYLOAD_INVALID', error: { stepPath: null } });
  });

  it('a payload of nearly 1 MiB runs, with lanes that start at once', async () => {
    const body: Json = [{ id: 'e', type: 'action.call', action: 'core.echo', input: { $expr: 'item' } }];
    const loop: Json = {
      id: 'l',
      type: 'control.forEach',
      items: { $expr: '[1..30]' },
      concurrency: 30,
      body,
    };
    expect(await run({ steps: [loop] }, { big: 'x'.repeat(LIMITS.stateBytes - 1_000) })).toEqual(
      result(null),
    );
  });

  it('a payload that is nested too deeply is refused at the start', async () => {
    let deep: Json = 0;
    for (let i = 0; i < 2_000; i++) deep = [deep];
    expect(await endOf(await start({ steps: [] }, { deep }))).toMatchObject({
      kind: 'error',
      type: 'PAYLOAD_INVALID',
    });
  });

  it('a wait that compares with more than 256 KiB is INPUT_TOO_LARGE', async () => {
    const filters = [{ path: 'a', op: 'in', value: [text(200), text(200)] }];
    expect(await run(caught({ id: 'w', type: 'event.wait', eventName: 'X', filters }))).toEqual(
      result('INPUT_TOO_LARGE'),
    );
  });

  it('a name of 200 characters that take six bytes each does not block the workflow task', async () => {
    const name = '\u0001'.repeat(200);
    const step = { id: 'a', name, type: 'action.call', action: 'core.echo', input: 1 };
    expect(await run({ steps: [step, { id: 'w', name, type: 'time.wait', durationMs: 5 }] })).toEqual(
      result(null),
    );
  });
});

describe('the carried state', () => {
  const limits = { historyEvents: 30, historyEventsMost: 2_000 };
  const loop = (count: number): Json => ({
    id: 'l',
    type: 'control.forEach',
    items: { $expr: `[1..${count}]` },
    body: [{ id: 'e', type: 'action.call', action: 'core.echo', input: 1 }],
  });

  it('a carried state over the limit is STATE_TOO_LARGE at the step where it grows, so no continue-as-new fails', async () => {
    await withWorld({ limits }, async (own) => {
      const assign = { a: text(250), b: text(250), c: text(250), d: text(250) };
      const steps = [
        { id: 'v', type: 'transform.assign', assign },
        ...(caught({
          id: 'w',
          type: 'control.parallel',
          branches: { x: [{ id: 'x', type: 'transform.assign', assign: { x: 1, ...assign } }], y: [] },
        })['steps'] as Json[]),
        loop(15),
      ];
      const handle = await startOn(own, { steps, result: { $expr: 'caught.input' } });
      expect(await finishOn(own, handle)).toEqual(result('STATE_TOO_LARGE'));
      expect(countOf(own.log(handle.firstExecutionRunId), 'RUN_CONTINUED')).toBeGreaterThan(0);
    });
  });

  it('an assignment of 960 KB counts once against the carried state, and is carried [limits-are-errors]', async () => {
    await withWorld({ limits }, async (own) => {
      const large = { a: text(240), b: text(240), c: text(240), d: text(240) };
      const steps = [{ id: 'v', type: 'transform.assign', assign: { large } }, loop(15)];
      const handle = await startOn(own, { steps, result: { $expr: '$length(large.d)' } });
      expect(await finishOn(own, handle)).toEqual(result(240 * 1024 - 2));
      expect(countOf(own.log(handle.firstExecutionRunId), 'RUN_CONTINUED')).toBeGreaterThan(0);
    });
  });

  it(
    'remembered long ids, a full buffer and 1 MiB of variables fit into the carried state together',
    { timeout: LONG_MS },
    async () => {
      await withWorld({ limits: { historyEvents: 150, historyEventsMost: 40_000 } }, async (own) => {
        const assign = { a: text(250), b: text(250), c: text(250), d: text(250) };
        const steps = [
          { id: 'v', type: 'transform.assign', assign },
          { id: 'w', type: 'event.wait', eventName: 'END' },
        ];
        const handle = await startOn(own, { steps, result: { $expr: '$length(a)' } });
        const target = own.client.workflow.getHandle(handle.workflowId);
        const long = 'i'.repeat(900);
        for (let i = 0; i < 400; i += 50) {
          const batch = Array.from({ length: 50 }, (_, k) =>
            target.signal('event', {
              eventId: `${i + k}${long}`,
              source: long,
              eventName: 'NOISE',
              payload: 'x'.repeat(200),
            }),
          );
          await Promise.all(batch);
        }
        await target.signal('event', { eventId: 'end', eventName: 'END' });
        expect(await finishOn(own, handle)).toEqual(result(250 * 1024 - 2));
        const log = own.log(handle.firstExecutionRunId);
        expect(countOf(log, 'EVENT_RECEIVED')).toBe(401);
        expect(countOf(log, 'EVENT_DROPPED')).toBeGreaterThan(0);
        expect(countOf(log, 'RUN_CONTINUED')).toBeGreaterThan(0);
      });
    },
  );

  it('an event that a lane received is carried once, not once for each lane inside it', async () => {
    await withWorld({ limits }, async (own) => {
      const lanes = {
        id: 'f',
        type: 'control.forEach',
        items: { $expr: '[1..40]' },
        concurrency: 40,
        body: [
          loop(2),
          {
            id: 'w',
            type: 'event.wait',
            eventName: 'GO',
            timeoutMs: 1_500,
            onError: { policy: 'continue' },
          },
        ],
      };
      const steps = [{ id: 'first', type: 'event.wait', eventName: 'BIG' }, lanes];
      const handle = await startOn(own, { steps, result: { $expr: '$length(event.payload)' } });
      await own.client.workflow
        .getHandle(handle.workflowId)
        .signal('event', { eventId: '1', eventName: 'BIG', payload: 'x'.repeat(200_000) });
      expect(await finishOn(own, handle)).toEqual(result(200_000));
      expect(countOf(own.log(handle.firstExecutionRunId), 'RUN_CONTINUED')).toBeGreaterThan(0);
    });
  });
});
