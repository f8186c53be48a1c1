/** Two people at the same instant, and an act in the instant of the deadline: many times over. */
import { randomUUID } from 'node:crypto';
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { taskId } from '../../contracts/naming/workflow-id.js';
import type { TaskAnswer } from '../../contracts/tasks/record.js';
import type { TaskDecision, TaskState } from '../../contracts/tasks/task.js';
import { soakSize } from '../support/soak.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const sluice = useSluice();
/** As many at once as a worker has room for. */
const AT_ONCE = 25;
const times = soakSize({ small: 25, full: 500 });

const ask = async (request: object = {}) => {
  const { client, tenant, taskQueue } = sluice();
  const item = randomUUID();
  const handle = await client.temporal.workflow.start('sluice.task', {
    args: [{ tenant, item, title: 'Look at this', requestedBy: 'rita', ...request }],
    workflowId: taskId(tenant, item),
    taskQueue,
  });
  const act = (action: string, actor: string) =>
    handle.executeUpdate<TaskAnswer, [object]>('task', { args: [{ action, actor, reason: 'so' }] }).then(
      (answer): string => answer.status,
      (thrown: unknown): string => {
        if (thrown instanceof WorkflowNotFoundError) return 'TASK_CLOSED';
        const cause = thrown instanceof WorkflowUpdateFailedError ? thrown.cause : thrown;
        if (cause instanceof ApplicationFailure) {
          return cause.type === 'AcceptedUpdateCompletedWorkflow' ? 'TASK_CLOSED' : (cause.type ?? '');
        }
        throw thrown;
      },
    );
  const due = async () => (await handle.query<TaskState>('state')).due ?? NaN;
  return { item, act, due, result: () => handle.result() as Promise<TaskDecision> };
};
const entriesOf = async (item: string) =>
  (await sluice().projections.tasks.entries(sluice().tenant, item)).items;
const often = async (once: () => Promise<void>): Promise<void> => {
  for (let done = 0; done < times; done += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, times - done) }, once));
  }
};

describe('acts at the same instant', () => {
  it('exactly one wins of approve and reject, in the answers, the log and the row [one-decision-wins]', async () => {
    await often(async () => {
      const { item, act, result } = await ask();
      const both = await Promise.all([act('approve', 'anna'), act('reject', 'bob')]);
      const { status } = await result();
      expect(both.filter((answer) => answer === status)).toHaveLength(1);
      expect(both.filter((answer) => answer === 'TASK_CLOSED')).toHaveLength(1);
      const took = (await entriesOf(item)).filter(({ refused, seq }) => refused === null && seq > 1);
      expect(took.map((entry) => entry.status)).toEqual([status]);
      expect((await sluice().projections.tasks.get(sluice().tenant, item))?.status).toBe(status);
    });
  });

  it('an act in the instant of the deadline either decides or finds it expired [deadlines-happen-once]', async () => {
    let n = 0;
    await often(async () => {
      const before = (n++ % 10) * 20 - 20;
      const { item, act, result, due } = await ask({ dueMs: 800, onDue: { end: { kind: 'fail' } } });
      const instant = (await due()) - before;
      await waitFor(() => Date.now() >= instant);
      const answer = await act('approve', 'anna');
      const { status } = await result();
      expect([
        ['approved', 'approved'],
        ['expired', 'TASK_CLOSED'],
      ]).toContainEqual([status, answer]);
      const entries = await entriesOf(item);
      const ended = entries.filter(({ refused, seq }) => refused === null && seq > 1);
      expect(ended.map((entry) => entry.status)).toEqual([status]);
    });
  });
});
