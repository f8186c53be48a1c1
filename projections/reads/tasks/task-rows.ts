/** Rows of tasks as their readers see them. */
import { z } from 'zod';
import type { TaskSummary } from '../../../contracts/tasks/record.js';
import { TaskState } from '../../../contracts/tasks/task.js';

export const TaskColumns = z.object({ late: z.boolean(), body: z.string(), list_key: z.string() });
type TaskColumns = z.infer<typeof TaskColumns>;

const isoOf = (ms: number): string => new Date(ms).toISOString();

export function stateOf({ body }: Pick<TaskColumns, 'body'>): TaskState {
  return TaskState.parse(JSON.parse(body));
}

export function toSummary(row: TaskColumns): TaskSummary {
  const { request, status, assignee, claim, due, decision, ...state } = stateOf(row);
  const { item, kind, taskType, title, priority, requestedBy } = request;
  return {
    ...{ item, kind, title, status, priority, requestedBy, late: row.late },
    taskType: taskType ?? null,
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
