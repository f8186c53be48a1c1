/** The step human.task on a real server: what a run asks, what it gets, and what becomes of what it asked. */
import { createHash } from 'node:crypto';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import type { StartedRun } from '../../client/index.js';
import type { Json } from '../../contracts/json.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import type { TaskSummary } from '../../contracts/tasks/record.js';
import { useSluice, withSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const sluice = useSluice();
let serial = 0;

type Fields = Readonly<Record<string, unknown>>;

const ask = (id: string, more: Fields = {}): Fields => ({
  ...{ id, type: 'human.task', title: id, saveAs: `vars.${id}`, ...more },
});
const result = (id: string) => ({ result: { $expr: `vars.${id}` } });
const source = (steps: readonly Fields[], more: Fields = {}): string =>
  JSON.stringify({ id: `people-${++serial}`, version: 1, ...more, steps });
const begin = (steps: readonly Fields[], more: Fields = {}, payload: Json = {}) =>
  sluice().startSource(source(steps, more), payload);

/** Of the newest execution: a reset makes a new one. */
const resultOf = ({ workflowId }: StartedRun): Promise<unknown> => sluice().client.result(workflowId);

const tasks = () => sluice().projections.tasks;
const tasksOf = async (run: StartedRun): Promise<readonly TaskSummary[]> => {
  const { items } = await tasks().list(sluice().tenant, { onlyOpen: false }, { limit: 500 });
  return items.filter(({ item }) => item.includes(run.runId));
};
/** The open tasks of a run, once there are so many. */
const opened = (run: StartedRun, count = 1) =>
  waitFor(async () => {
    const open = (await tasksOf(run)).filter(({ decidedAt }) => decidedAt === null);
    return open.length === count && open;
  });
const act = async (item: string, action: string, more: Fields = {}): Promise<string> => {
  const handle = sluice().client.temporal.workflow.getHandle(taskId(sluice().tenant, item));
  try {
    const answer = await handle.executeUpdate<{ readonly status: string }, [Fields]>('task', {
      args: [{ action, actor: 'anna', reason: 'because', ...more }],
    });
    return answer.status;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) return String((error.cause as { type?: unknown }).type);
    throw error;
  }
};
const statuses = (run: StartedRun, ...wanted: readonly string[]) =>
  waitFor(async () => {
    const found = (await tasksOf(run)).map(({ status }) => status).sort();
    return JSON.stringify(found) === JSON.stringify([...wanted].sort()) && found;
  });
const log = async (run: StartedRun): Promise<readonly RunEvent[]> =>
  (await sluice().client.runs.events(run.runId, { limit: 500 })).items;
const rejected = (run: StartedRun) =>
  waitFor(async () => {
    const found = (await log(run)).findLast(({ type }) => type === 'SIGNAL_REJECTED');
    return found?.type === 'SIGNAL_REJECTED' && found.data.reason;
  });

describe('a step that asks people', () => {
  it('the decision is the output of the step, and assign sees it as the event', async () => {
    const run = await begin(
      [
        ask('a', {
          title: { $expr: '"Pay " & payload.invoice' },
          context: { amount: { $expr: 'payload.amount' } },
          form: { type: 'object', required: ['centre'], properties: { centre: { type: 'string' } } },
          outcomes: ['approve', { name: 'later', form: { type: 'null' } }],
          assignee: { role: { $expr: '"fin" & "ance"' } },
          exclude: { requester: true, accounts: ['eve'] },
          quorum: [{ count: 2 }],
          assign: { who: { $expr: 'event.payload.by' } },
        }),
      ],
      { result: { a: { $expr: 'vars.a' }, who: { $expr: 'vars.who' } } },
      { invoice: 'i-7', amount: 12 },
    );
    const [task] = await opened(run);
    expect(task).toMatchObject({
      title: 'Pay i-7',
      role: 'finance',
      requestedBy: 'test',
      kind: 'human_task',
    });
    const { item = '' } = task ?? {};
    expect(await tasks().get(sluice().tenant, item)).toMatchObject({ context: { amount: 12 } });
    const yes = { roles: ['finance'], answer: { centre: 'c' } };
    expect(await act(item, 'approve', yes)).toBe('requested');
    expect(await act(item, 'approve', { ...yes, actor: 'test' })).toBe('TASK_FORBIDDEN');
    expect(await act(item, 'approve', { ...yes, actor: 'eve' })).toBe('TASK_FORBIDDEN');
    expect(await act(item, 'approve', { ...yes, actor: 'bob', answer: {} })).toBe('PAYLOAD_INVALID');
    const later = { ...yes, actor: 'carl', outcome: 'later' };
    expect(await act(item, 'answer', later), 'the form of the outcome').toBe('PAYLOAD_INVALID');
    expect(await act(item, 'approve', { ...yes, actor: 'bob' })).toBe('approved');
    expect(await resultOf(run)).toMatchObject({
      a: { item, status: 'approved', outcome: 'approve', by: ['anna', 'bob'], answer: { centre: 'c' } },
      who: ['anna', 'bob'],
    });
    const steps = await sluice().client.runs.steps(run.runId);
    expect(steps.items).toMatchObject([{ kind: 'human.task', status: 'SUCCEEDED' }]);
    const waits = await sluice().projections.reads.listWaits(sluice().tenant, run.runId);
    expect(waits).toMatchObject([{ kind: 'human', status: 'SATISFIED' }]);
  });

  it('a step that asks keeps waiting over a continue-as-new, and gets the decision', async () => {
    const pad = {
      id: 'l',
      type: 'control.while',
      maxIterations: 100_000,
      condition: true,
    };
    const body = [{ id: 'e', type: 'action.call', action: 'core.echo', input: 1 }];
    const left = [ask('a'), { id: 'd', type: 'transform.assign', assign: { done: true } }];
    const race = { id: 'r', type: 'control.race', branches: { left, right: [{ ...pad, body }] } };
    await withSluice({ tuning: { historyEvents: 60 } }, async (small) => {
      const run = await small.startSource(source([race], result('a')));
      const of = () => small.client.temporal.workflow.getHandle(run.workflowId);
      await waitFor(async () => (await of().describe()).runId !== run.runId);
      const task = await waitFor(async () => (await small.projections.tasks.list(small.tenant)).items[0]);
      await small.client.temporal.workflow
        .getHandle(taskId(small.tenant, task.item))
        .executeUpdate('task', { args: [{ action: 'approve', actor: 'anna', reason: 'yes' }] });
      expect(await small.client.result(run.workflowId)).toMatchObject({ by: ['anna'] });
    });
  });

  it('a decision is in the outbox as ApprovalRecorded, with its reason and a digest of its evidence', async () => {
    const run = await begin([ask('a')], result('a'));
    const [task] = await opened(run);
    await act(task?.item ?? '', 'reject', { evidence: [{ b: 1, a: 2 }] });
    await resultOf(run);
    const { items } = await sluice().projections.events.dueOutbox(undefined, 500);
    const told = items.map(({ envelope }) => envelope as { readonly data?: Json });
    const digest = createHash('sha256').update('[{"a":2,"b":1}]').digest('hex');
    expect(JSON.stringify(told.find((one) => JSON.stringify(one).includes(task?.item ?? '-')))).toMatch(
      new RegExp(`ApprovalRecorded.*"approver":"anna".*"reason":"because".*sha256:${digest}`),
    );
  });

  it('a rejection is an outcome: the run goes on', async () => {
    const run = await begin([ask('a')], result('a'));
    const [task] = await opened(run);
    expect(await act(task?.item ?? '', 'reject')).toBe('rejected');
    expect(await resultOf(run)).toMatchObject({ outcome: 'reject', reason: 'because' });
  });

  it('a task that no one decides in time fails the step, which a catch sees', async () => {
    const again = { id: 't', type: 'control.tryCatch' };
    const try_ = [ask('a', { due: 300, onDue: { fail: true } })];
    const catch_ = [{ id: 'c', type: 'transform.assign', assign: { code: { $expr: 'error.code' } } }];
    const run = await begin(
      [{ ...again, try: try_, catchCodes: ['TASK_EXPIRED'], catch: catch_ }, ask('b')],
      { result: [{ $expr: 'vars.code' }, { $expr: 'vars.b.outcome' }] },
    );
    const task = await waitFor(async () => (await tasksOf(run)).find(({ title }) => title === 'b'));
    await act(task.item, 'approve');
    expect(await resultOf(run)).toEqual(['TASK_EXPIRED', 'approve']);
  });

  it('a task whose workflow someone cancels fails the step', async () => {
    const run = await begin([ask('a')]);
    const [task] = await opened(run);
    await sluice()
      .client.temporal.workflow.getHandle(taskId(sluice().tenant, task?.item ?? ''))
      .cancel();
    await expect(resultOf(run)).rejects.toMatchObject({ code: 'TASK_WITHDRAWN' });
  });

  it('a request that its expressions make impossible fails the step before anyone is asked', async () => {
    const run = await begin([ask('a', { title: { $expr: '12' } })]);
    await expect(resultOf(run)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(await tasksOf(run)).toEqual([]);
  });

  it('each iteration of a loop and each branch asks separately', async () => {
    const each = { id: 'l', type: 'control.forEach', items: ['x', 'y'], concurrency: 2 };
    const body = [ask('a', { title: { $expr: 'item' } })];
    const run = await begin(
      [{ ...each, body, collect: { $expr: 'item & " " & vars.a.outcome' }, saveAs: 'all' }],
      result('all'),
    );
    for (const { item, title } of await opened(run, 2)) {
      await act(item, title === 'x' ? 'approve' : 'reject');
    }
    expect(await resultOf(run)).toEqual(['x approve', 'y reject']);
  });
});

describe('a task that no one waits for any longer', () => {
  it('a cancelled run withdraws its open tasks', async () => {
    const branches = { x: [ask('a')], y: [ask('b')] };
    const run = await begin([{ id: 'p', type: 'control.parallel', branches }]);
    await opened(run, 2);
    await sluice().client.cancel(run.workflowId);
    await expect(resultOf(run)).rejects.toMatchObject({ code: 'RUN_CANCELED' });
    await statuses(run, 'withdrawn', 'withdrawn');
  });

  it('the branches that lose a race withdraw their tasks', async () => {
    const branches = { x: [ask('a')], y: [ask('b')] };
    const run = await begin([{ id: 'r', type: 'control.race', branches }]);
    const first = (await opened(run, 2)).find(({ title }) => title === 'a');
    await act(first?.item ?? '', 'approve');
    await resultOf(run);
    await statuses(run, 'approved', 'withdrawn');
  });

  it('a rewind to the step or before supersedes the task, and people are asked again', async () => {
    const first = { id: 'one', type: 'action.call', action: 'core.sleep', input: { ms: 1 } };
    const run = await begin([first, ask('a')], result('a'));
    const [task] = await opened(run);
    await sluice().waiting(run);
    await sluice().client.runs.rewind(run.runId, { stepPath: 'steps[0]' });
    await statuses(run, 'superseded', 'requested');
    const [second] = await opened(run);
    expect(second?.item).not.toBe(task?.item);
    await act(second?.item ?? '', 'approve');
    expect(await resultOf(run)).toMatchObject({ item: second?.item });
    await sluice().client.runs.rewind(run.runId, { stepPath: 'steps[1]' });
    const [third] = await opened(run);
    await act(third?.item ?? '', 'reject');
    expect(await resultOf(run)).toMatchObject({ outcome: 'reject' });
    await statuses(run, 'superseded', 'approved', 'rejected');
  });
});

describe('a run that is reset', () => {
  const reset = async (run: StartedRun) => {
    const { temporal } = sluice().client;
    const [first] = (await sluice().history(run)).filter((e) => e.workflowTaskCompletedEventAttributes);
    await temporal.workflowService.resetWorkflowExecution({
      namespace: sluice().temporal.namespace,
      workflowExecution: { workflowId: run.workflowId, runId: '' },
      reason: 'plain',
      requestId: `reset-${++serial}`,
      ...(first?.eventId && { workflowTaskFinishEventId: first.eventId }),
    });
  };

  it('an open task is taken up, and a decided one gives its decision [a-place-asks-once]', async () => {
    const run = await begin([ask('a'), ask('b')], { result: [{ $expr: 'vars.a' }, { $expr: 'vars.b' }] });
    const [a] = await opened(run);
    await reset(run);
    await sluice().waiting(run);
    expect(await opened(run)).toMatchObject([{ item: a?.item }]);
    await act(a?.item ?? '', 'approve', { reason: 'first' });
    const b = await waitFor(async () => (await tasksOf(run)).find(({ title }) => title === 'b'));
    await reset(run);
    await sluice().waiting(run);
    await act(b.item, 'reject');
    expect(await resultOf(run)).toMatchObject([
      { item: a?.item, outcome: 'approve', reason: 'first' },
      { item: b.item, outcome: 'reject' },
    ]);
    expect(await tasksOf(run)).toHaveLength(2);
  });

  it('a task that was withdrawn, or terminated, is asked again under a further name', async () => {
    const run = await begin([ask('a')], result('a'));
    const [first] = await opened(run);
    await sluice().client.cancel(run.workflowId);
    await statuses(run, 'withdrawn');
    await reset(run);
    const [second] = await opened(run);
    expect(second?.item).toBe(`${first?.item ?? ''}#2`);
    const { workflow } = sluice().client.temporal;
    await workflow.getHandle(taskId(sluice().tenant, second?.item ?? '')).terminate('by mistake');
    await reset(run);
    const third = await waitFor(async () => (await tasksOf(run)).find(({ item }) => item.endsWith('#3')));
    await act(third.item, 'approve');
    expect(await resultOf(run)).toMatchObject({ item: third.item });
  });
});

describe('the signal humanTask', () => {
  const signal = (run: StartedRun, payload: Json) =>
    sluice().client.temporal.workflow.getHandle(run.workflowId).signal('humanTask', payload);

  it('acts on the open task', async () => {
    const run = await begin([ask('a')], result('a'));
    await opened(run);
    await sluice().waiting(run);
    await signal(run, { action: 'approve', actor: 'anna', reason: 'fine' });
    expect(await resultOf(run)).toMatchObject({ outcome: 'approve', by: ['anna'] });
  });

  it.each([
    ['that is not an act', { hello: 'there' }, /^not an act/],
    ['for a step that does not ask', { step: 'x', action: 'approve', actor: 'anna' }, /^no open task fits/],
    ['that the task refuses', { step: 'a', action: 'claim', actor: 'eve' }, /^TASK_FORBIDDEN: /],
    [
      'of Sluice itself',
      { step: 'a', action: 'withdraw', actor: 'eve', reason: 'x' },
      /^TASK_ACTION_ILLEGAL/,
    ],
  ])('is recorded and ignored: a signal %s', async (_, payload, reason) => {
    const run = await begin([ask('a', { assignee: { account: 'anna' } })], result('a'));
    const [task] = await opened(run);
    await sluice().waiting(run);
    await signal(run, payload);
    expect(await rejected(run)).toMatch(reason);
    await act(task?.item ?? '', 'approve');
    expect(await resultOf(run)).toMatchObject({ outcome: 'approve' });
  });

  it('a report of a task that the run does not wait for changes nothing', async () => {
    const run = await begin([ask('a')], result('a'));
    const [task] = await opened(run);
    const decision = { status: 'approved', outcome: 'approve', answer: null, by: ['eve'], reason: '', at: 1 };
    const handle = sluice().client.temporal.workflow.getHandle(run.workflowId);
    await handle.signal('taskEnded', { item: 'another', decision, error: null });
    expect(await rejected(run)).toMatch(/^no step waits/);
    await handle.signal('taskEnded', { item: task?.item, decision: 'yes' });
    await act(task?.item ?? '', 'approve');
    expect(await resultOf(run)).toMatchObject({ by: ['anna'] });
  });
});
