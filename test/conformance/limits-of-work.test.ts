/**
 * The limits of docs/limits.md: the work of one task and what is open at once. Each test exceeds one
 * limit of Sluice, gets the coded error, and the catch branch of its run runs. Behind each is a limit of
 * Temporal that ends a run past every catch, or repeats its workflow task without an end.
 */
import { describe, expect, it } from 'vitest';
import { temporal } from '@temporalio/proto';
import type { Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { eventCounts, historiesOf, replay } from './support/histories.js';
import { caught, LONG_MS, result, text, useLimitRuns } from './support/limit-run.js';
import { countOf } from './support/log-lines.js';
import { foldLog } from './support/log-rules.js';
import { endOf } from './support/play.js';

const { world, start, finish, run } = useLimitRuns();

describe('one workflow task', () => {
  it(
    'a run of 5,000 control steps ends, with a bounded number in each workflow task',
    { timeout: LONG_MS },
    async () => {
      const body = [{ id: 's', type: 'transform.assign', assign: { n: { $expr: 'coalesce(n, 0) + 1' } } }];
      const loop: Json = {
        id: 'l',
        type: 'control.while',
        condition: { $expr: 'coalesce(n, 0) < 5000' },
        maxIterations: 5_000,
        body,
      };
      const handle = await start({ steps: [loop], result: { $expr: 'n' } });
      expect(await endOf(handle)).toEqual(result(5_000));
      const log = world().log(handle.firstExecutionRunId);
      expect(foldLog(log).run).toBe('SUCCEEDED');
      const histories = await historiesOf(world(), handle.workflowId, handle.firstExecutionRunId);
      const { EVENT_TYPE_WORKFLOW_TASK_COMPLETED: tasks = 0, EVENT_TYPE_WORKFLOW_TASK_FAILED: failed } =
        eventCounts(histories);
      expect(tasks).toBeGreaterThanOrEqual(5_000 / LIMITS.stepsPerTask);
      expect(failed).toBeUndefined();
      await replay(histories);
    },
  );

  it(
    'lanes that start at once with 1.5 MB of input schedule their actions over several workflow tasks',
    { timeout: LONG_MS },
    async () => {
      const body = [
        {
          id: 'e',
          type: 'action.call',
          action: 'test.swallow',
          input: { index: { $expr: 'index' }, big: { $expr: 'big' } },
        },
      ];
      const lanes = (count: number): Json => ({
        id: 'l',
        type: 'control.forEach',
        items: { $expr: `[1..${count}]` },
        concurrency: count,
        body,
      });
      const big: Json = { id: 'v', type: 'transform.assign', assign: { big: text(150) } };
      const handle = await start({ steps: [big, lanes(8)] });
      expect(await finish(handle)).toEqual(result(null));
      expect(countOf(world().log(handle.firstExecutionRunId), 'STEP_SUCCEEDED e')).toBe(8);
      const counts = eventCounts(await historiesOf(world(), handle.workflowId, handle.firstExecutionRunId));
      expect(counts['EVENT_TYPE_WORKFLOW_TASK_FAILED']).toBeUndefined();
      // What lanes hold is carried over a continue-as-new: more of it than fits is an error, not a
      // blocked task.
      expect(await run(caught(big, lanes(400)))).toEqual(result('STATE_TOO_LARGE'));
    },
  );

  it(
    'a loop over an expensive expression yields between its iterations; one that is too expensive is EXPRESSION_BUDGET',
    { timeout: LONG_MS },
    async () => {
      const costly = '$sum($map([1..20000], function($v) { $v * 2 }))';
      const body = [
        {
          id: 's',
          type: 'transform.assign',
          assign: { n: { $expr: `${costly} > 0 ? coalesce(n, 0) + 1 : 0` } },
        },
      ];
      const loop: Json = {
        id: 'l',
        type: 'control.while',
        condition: { $expr: 'coalesce(n, 0) < 40' },
        body,
      };
      const handle = await start({ steps: [loop], result: { $expr: 'n' } });
      expect(await finish(handle)).toEqual(result(40));
      const counts = eventCounts(await historiesOf(world(), handle.workflowId, handle.firstExecutionRunId));
      expect(counts['EVENT_TYPE_WORKFLOW_TASK_FAILED']).toBeUndefined();
      expect(counts['EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT']).toBeUndefined();
      expect(counts['EVENT_TYPE_WORKFLOW_TASK_COMPLETED']).toBeGreaterThan(3);
      const endless = { $expr: '($f := function($n) { $n > 0 ? $f($n - 1) : $f(1000) }; $f(1))' };
      expect(await run(caught({ id: 'a', type: 'transform.assign', assign: { a: endless } }))).toEqual(
        result('EXPRESSION_BUDGET'),
      );
    },
  );

  it('a loop over large values yields between its iterations', { timeout: LONG_MS }, async () => {
    const body = [
      {
        id: 's',
        type: 'transform.assign',
        assign: { n: { $expr: 'coalesce(n, 0) + 1' }, copy: { $expr: 'big' } },
      },
    ];
    const loop: Json = {
      id: 'l',
      type: 'control.while',
      condition: { $expr: 'coalesce(n, 0) < 300' },
      body,
    };
    const handle = await start({
      steps: [{ id: 'v', type: 'transform.assign', assign: { big: text(250) } }, loop],
      result: { $expr: 'n' },
    });
    expect(await finish(handle)).toEqual(result(300));
    const counts = eventCounts(await historiesOf(world(), handle.workflowId, handle.firstExecutionRunId));
    expect(counts['EVENT_TYPE_WORKFLOW_TASK_FAILED']).toBeUndefined();
    expect(counts['EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT']).toBeUndefined();
  });
});

describe('what is open at once', () => {
  it(
    'nested loops with more than 500 actions at once keep at most 500 of them open',
    { timeout: LONG_MS },
    async () => {
      const inner: Json = {
        id: 'i',
        type: 'control.forEach',
        items: { $expr: '[1..40]' },
        concurrency: 40,
        body: [{ id: 'e', type: 'action.call', action: 'test.echo', input: { $expr: 'item' } }],
      };
      const outer: Json = {
        id: 'o',
        type: 'control.forEach',
        items: { $expr: '[1..20]' },
        concurrency: 20,
        body: [inner],
      };
      const handle = await start({ steps: [outer] });
      expect(await endOf(handle)).toEqual(result(null));
      const log = world().log(handle.firstExecutionRunId);
      expect(foldLog(log).run).toBe('SUCCEEDED');
      expect(countOf(log, 'STEP_SUCCEEDED e')).toBe(800);
      const histories = await historiesOf(world(), handle.workflowId, handle.firstExecutionRunId);
      let open = 0;
      let most = 0;
      for (const { eventType } of histories.flatMap(({ history }) => history.events ?? [])) {
        const types = temporal.api.enums.v1.EventType;
        if (eventType === types.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED) most = Math.max(most, ++open);
        if (eventType === types.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) open--;
      }
      // One more: the flush.
      expect(most).toBeLessThanOrEqual(LIMITS.concurrency + 1);
      expect(most).toBeGreaterThan(100);
    },
  );

  it('more than 500 detached children are CONCURRENCY_LIMIT', { timeout: LONG_MS }, async () => {
    await world().publish({
      id: 'limits-sleeper',
      version: 1,
      steps: [{ id: 'w', type: 'event.wait', eventName: 'STOP' }],
    });
    const body = [
      { id: 'c', type: 'control.callWorkflow', workflow: 'limits-sleeper', detached: true, saveAs: 'child' },
    ];
    const loop: Json = {
      id: 'l',
      type: 'control.forEach',
      items: { $expr: '[1..510]' },
      concurrency: 50,
      body,
      collect: { $expr: 'child.workflowId' },
      saveAs: 'ids',
    };
    const definition = caught(loop);
    const handle = await start(definition);
    const end = await endOf(handle);
    const log = world().log(handle.firstExecutionRunId);
    const children = log.flatMap((event) => (event.type === 'CHILD_STARTED' ? [event.data.workflowId] : []));
    expect(end).toEqual(result('CONCURRENCY_LIMIT'));
    // Those that were just being started when the loop failed were cancelled with it.
    expect(children.length).toBeLessThanOrEqual(LIMITS.concurrency);
    expect(children.length).toBeGreaterThan(LIMITS.concurrency - 50);
    expect(foldLog(log).run).toBe('SUCCEEDED');
  });

  it('the lanes of nested loops are bounded, and all iterations run', { timeout: LONG_MS }, async () => {
    const inner: Json = {
      id: 'i',
      type: 'control.forEach',
      items: { $expr: '[1..100]' },
      concurrency: 100,
      body: [{ id: 't', type: 'time.wait', durationMs: 1 }],
      collect: 1,
      saveAs: 'ones',
    };
    const outer: Json = {
      id: 'o',
      type: 'control.forEach',
      items: { $expr: '[1..15]' },
      concurrency: 15,
      body: [inner],
      collect: { $expr: '$sum(ones)' },
      saveAs: 'sums',
    };
    const handle = await start({ steps: [outer], result: { $expr: '$sum(sums)' } });
    expect(await endOf(handle)).toEqual(result(1_500));
    expect(foldLog(world().log(handle.firstExecutionRunId)).run).toBe('SUCCEEDED');
  });
});

describe('a rejection without a handler', () => {
  it('lanes that fail together, or while another lane is cleaned up, never hang the run', async () => {
    const fail = (id: string): Json => ({
      id,
      type: 'action.call',
      action: 'core.fail',
      input: { code: id.toUpperCase() },
    });
    const branches = {
      a: [fail('a')],
      b: [fail('b')],
      c: [
        {
          id: 'tc',
          type: 'control.tryCatch',
          try: [{ id: 'w', type: 'event.wait', eventName: 'X' }],
          finally: [fail('c')],
        },
      ],
      d: [
        {
          id: 'l',
          type: 'control.forEach',
          items: [1, 2, 3],
          concurrency: 3,
          body: [{ id: 'x', type: 'transform.assign', assign: { x: { $expr: '1/0' } } }],
        },
      ],
    };
    const end = await run(caught({ id: 'p', type: 'control.parallel', branches }));
    expect(end).toEqual(result('EXPRESSION_NOT_JSON'));
  });
});
