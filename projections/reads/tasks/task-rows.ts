/** Rows of tasks as their readers see them. */
import { z } from 'zod';
import type { TaskSummary } from '../../../contracts/tasks/record.js';
import { TaskState } from '../../../contracts/tasks/task.js';

/** The state of a task, from its text. */
const Body = z.string().transform((text, context): TaskState => {
  try {
    return TaskState.parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: 'custom', message: 'is not the state of a task' });
    return z.NEVER;
  }
});

export const TaskColumns = z.object({ late: z.boolean(), body: Body, list_key: z.string() });
type TaskColumns = z.infer<typeof TaskColumns>;

const isoOf = (ms: number): string => new Date(ms).toISOString();

export function toSummary(row: TaskColumns): TaskSummary {
  const { request, status, assignee, claim, due, decision, ...state } = row.body;
  const { item, kind, taskType, title, priority, requestedBy } = request;
  return {
    ...{ item, kind, title, status, priority, requestedBy, late: row.late },
    taskType: taskType ?? null,
    runId: request.run?.runId ?? null,
    account: assignee.account ?? null,
    role: assignee.role ?? null,
    claimedBy: claim?.account ?? null,
    round: state.round,
    level: state.level,
    dueAt: due === null ? null : isoOf(due),
    requestedAt: isoOf(state.requestedAt),
    changedAt: isoOf(state.changedAt),
    decidedAt: decision === null ? null : isoOf(decision.at),
    outcome: decision?.outcome ?? null,
  };
}
