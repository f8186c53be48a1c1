/** The workflow of a task on a real server: acts, races, deadlines, the inbox. */
import { randomUUID } from 'node:crypto';
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { taskId } from '../../contracts/naming/workflow-id.js';
import type { TaskAnswer } from '../../contracts/tasks/record.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const sluice = useSluice();

const ask = async (request: object = {}, item = randomUUID()) => {
  const { client, tenant, taskQueue } = sluice();
  const handle = await client.temporal.workflow.start('sluice.task', {
    args: [{ tenant, item, title: 'Look at this', requestedBy: 'rita', ...request }],
    workflowId: taskId(tenant, item),
    taskQueue,
  });
  const act = (action: string, actor: string, more: object = {}, updateId: string = randomUUID()) =>
    handle.executeUpdate<TaskAnswer, [object]>('task', { args: [{ action, actor, ...more }], updateId }).then(
      (answer): string => answer.status,
      (thrown: unknown): string => {
        // The workflow has ended.
        if (thrown instanceof WorkflowNotFoundError) return 'TASK_CLOSED';
        const cause = thrown instanceof WorkflowUpdateFailedError ? thrown.cause : thrown;
        if (cause instanceof ApplicationFailure) return cause.type ?? '';
        throw thrown;
      },
    );
  return { item, handle, act, result: () => handle.result() as Promise<object> };
};
const tasks = () => sluice().projections.tasks;
const entries = async (item: string) => (await tasks().entries(sluice().tenant, item)).items;
const entriesOf = async (item: string) =>
  (await tasks().entries(sluice().tenant, item, { limit: 500 })).items;
const cycled = (handle: WorkflowHandle) =>
  waitFor(async () => (await handle.describe()).status.name !== 'RUNNING');

describe('a task', () => {
  it('people act by updates, and the log, the inbox and the result agree', async () => {
    const { item, act, result } = await ask({
      ...{ priority: 'urgent', assignee: { role: 'admin' }, quorum: [{ count: 2 }] },
      exclude: { requester: true },
      form: { type: 'object', required: ['amount'], properties: { amount: { type: 'integer' } } },
    });
    const good = { reason: 'fine', roles: ['admin'], answer: { amount: 5 } };
    expect(await act('claim', 'anna', { roles: ['admin'] })).toBe('in_review');
    expect(await act('approve', 'bob', good)).toBe('TASK_CLAIMED');
    expect(await act('approve', 'anna', { ...good, answer: { amount: 'x' } })).toBe('PAYLOAD_INVALID');
    expect(await act('approve', 'anna', good)).toBe('requested');
    expect(await act('approve', 'rita', good)).toBe('TASK_FORBIDDEN');
    expect(await act('approve', 'carl', { ...good, roles: ['writer'] })).toBe('TASK_FORBIDDEN');
    // The validator refuses these without a trace.
    expect(await act('dance', 'bob')).toBe('INPUT_INVALID');
    expect(await act('approve', 'bob', { roles: ['admin'] })).toBe('INPUT_INVALID');
    expect(await act('withdraw', 'bob', { reason: 'no' })).toBe('TASK_ACTION_ILLEGAL');
    expect(await act('approve', 'bob', good)).toBe('approved');
    expect(await result()).toMatchObject({ status: 'approved', by: ['anna', 'bob'], answer: { amount: 5 } });
    expect(
      (await entries(item)).map(({ seq, action, actor, refused }) => [seq, action, actor, refused?.code]),
    ).toEqual([
      [1, 'requested', null, undefined],
      [2, 'claim', 'anna', undefined],
      [3, 'approve', 'bob', 'TASK_CLAIMED'],
      [4, 'approve', 'anna', 'PAYLOAD_INVALID'],
      [5, 'approve', 'anna', undefined],
      [6, 'approve', 'rita', 'TASK_FORBIDDEN'],
      [7, 'approve', 'carl', 'TASK_FORBIDDEN'],
      [8, 'approve', 'bob', undefined],
    ]);
    expect(await tasks().get(sluice().tenant, item)).toMatchObject({
      ...{ status: 'approved', outcome: 'approve', votes: [{ account: 'anna' }, { account: 'bob' }] },
      notifications: [{ key: 'assignment:1' }, { key: 'decision' }],
    });
  });

  it('exactly one wins of approve and reject at once [one-decision-wins]', async () => {
    const once = async () => {
      const { act, result } = await ask();
      const both = await Promise.all([
        act('approve', 'anna', { reason: 'yes' }),
        act('reject', 'bob', { reason: 'no' }),
      ]);
      const { status } = (await result()) as { readonly status: string };
      expect(both.filter((answer) => answer === status)).toHaveLength(1);
      expect(both.filter((answer) => answer === 'TASK_CLOSED')).toHaveLength(1);
    };
    // `task-races.soak.test.ts` does it 500 times.
    await Promise.all(Array.from({ length: 20 }, once));
  });

  it('a repeated request gets its first answer, and another act under its id is refused', async () => {
    const { act, item, handle } = await ask();
    const request = { requestId: 'r-1', reason: 'seen', note: 'seen' };
    expect(await act('comment', 'anna', request)).toBe('requested');
    expect(await act('claim', 'bob')).toBe('in_review');
    expect(await act('comment', 'anna', request)).toBe('requested');
    expect(await act('comment', 'eve', request)).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await entries(item)).toHaveLength(3);
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ status: 'withdrawn' });
  });

  it('the timers warn, escalate and end it though no one looks [deadlines-happen-once]', async () => {
    const { item, result } = await ask({
      ...{ dueMs: 400, warnBeforeMs: 200 },
      onDue: { levels: [{ assignee: { account: 'boss' }, dueMs: 300 }], end: { kind: 'fail' } },
    });
    expect(await result()).toMatchObject({ status: 'expired', outcome: null });
    expect((await entries(item)).map(({ action, level }) => [action, level])).toEqual([
      ['requested', 0],
      ['warned', 0],
      ['escalated', 1],
      ['warned', 1],
      ['expired', 1],
    ]);
    const { notifications } = (await tasks().get(sluice().tenant, item)) ?? { notifications: [] };
    expect(notifications.map(({ category, to }) => `${category} ${to.account ?? 'anyone'}`).sort()).toEqual([
      'assignment anyone',
      'assignment boss',
      'deadline anyone',
      'deadline boss',
      'decision rita',
      'escalation boss',
    ]);
  });

  it('a task that has ended is not asked again, also by a new workflow of its name [closed-tasks-stay-closed]', async () => {
    const { item, act, result } = await ask();
    await act('approve', 'anna', { reason: 'yes' });
    await result();
    const again = await ask({ title: 'Other' }, item);
    await cycled(again.handle);
    await expect(again.result()).rejects.toMatchObject({ cause: { type: 'TASK_EXISTS' } });
    expect(await tasks().get(sluice().tenant, item)).toMatchObject({
      title: 'Look at this',
      status: 'approved',
    });
  });

  it('state, claims and remembered answers survive a continue-as-new', async () => {
    const { item, act, handle } = await ask({ quorum: [{ count: 2 }] });
    const first = { requestId: 'first', note: 'seen', reason: 'seen' };
    expect(await act('comment', 'anna', first)).toBe('requested');
    expect(await act('approve', 'anna', { reason: 'yes' })).toBe('requested');
    expect(await act('claim', 'bob')).toBe('in_review');
    const { runId } = await handle.describe();
    await waitFor(async () => {
      // Temporal lets ten updates of a workflow be under way.
      await Promise.all(Array.from({ length: 8 }, () => act('comment', 'bob', { note: 'more' })));
      return (await handle.describe()).runId !== runId;
    });
    const { length } = await entriesOf(item);
    expect(await act('comment', 'anna', first)).toBe('requested');
    expect(await entriesOf(item)).toHaveLength(length);
    expect(await act('approve', 'eve', { reason: 'yes' })).toBe('TASK_CLAIMED');
    expect(await act('approve', 'bob', { reason: 'yes' })).toBe('approved');
    expect(await handle.result()).toMatchObject({ by: ['anna', 'bob'] });
  });

  it('a start under another name, or with a state of its sender, is refused', async () => {
    const { client, tenant, taskQueue } = sluice();
    const request = { tenant, item: 'i', title: 't', requestedBy: 'x' };
    for (const [workflowId, args, type] of [
      [taskId('other', 'i'), [request], 'WORKFLOW_ID_FOREIGN'],
      [taskId(tenant, 'i'), [request, { state: {} }], 'INPUT_INVALID'],
      [taskId(tenant, 'j'), [{ ...request, title: '' }], 'INPUT_INVALID'],
    ] as const) {
      const started = client.temporal.workflow.execute('sluice.task', {
        args: [...args],
        workflowId,
        taskQueue,
      });
      await expect(started).rejects.toMatchObject({ cause: { type } });
    }
  });

  it('the inbox shows late tasks first, then by priority, then the oldest; closed ones on request', async () => {
    const role = `role-${randomUUID()}`;
    const asked = [];
    for (const more of [
      { priority: 'low' },
      { priority: 'normal' },
      { priority: 'urgent' },
      { priority: 'normal' },
      { priority: 'low', dueMs: 1, onDue: { levels: [{ assignee: { role } }] } },
    ]) {
      asked.push(await ask({ assignee: { role }, dueMs: 3_600_000, ...more }));
    }
    const { tenant } = sluice();
    const [low, normal, urgent, later, late] = asked.map(({ item }) => item);
    const listed = async (filter: object = {}, page: object = {}) =>
      await tasks().list(tenant, { role, ...filter }, page);
    const all = await waitFor(async () => {
      const { items } = await listed();
      return items.length === 5 && items[0]?.late === true && items;
    });
    expect(all.map(({ item }) => item)).toEqual([late, urgent, normal, later, low]);
    await asked[2]?.act('claim', 'anna', { roles: [role] });
    await asked[3]?.act('reject', 'anna', { roles: [role], reason: 'no' });
    const pages: string[] = [];
    for (let after: string | null | undefined; after !== null;) {
      const page = await listed({}, { limit: 2, ...(after !== undefined && { after }) });
      pages.push(...page.items.map(({ item }) => item));
      after = page.next;
    }
    expect(pages).toEqual([late, urgent, normal, low]);
    const names = async (filter: object) => (await listed(filter)).items.map(({ item }) => item);
    expect(await names({ onlyOpen: false })).toEqual([late, urgent, normal, low, later]);
    expect(await names({ status: 'rejected' })).toEqual([later]);
    expect(await names({ claimedBy: 'anna' })).toEqual([urgent]);
    expect(await names({ onlyLate: true })).toEqual([late]);
    expect(await tasks().count(tenant)).toMatchObject({ late: 1, byStatus: { in_review: 1, escalated: 1 } });
    await expect(listed({}, { after: 'x' })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });
});
