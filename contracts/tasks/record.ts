/** What the workflow of a task has its activities check and write, and what they answer. */
import { z } from 'zod';
import { JsonValue, type Json } from '../json.js';
import { TaskAct } from './act.js';
import { Assignee, TaskKind, TaskPriority, TaskState, TaskStatus } from './task.js';

const Time = z.number().int().nonnegative();

/** One entry of a task's log. */
export const TaskEntry = z.object({
  /** Position in the log, from 1. */
  seq: z.number().int().positive(),
  at: Time,
  /** An action, or what time did. */
  action: z.string(),
  /** Null: time, or Sluice itself. */
  actor: z.string().nullable(),
  roles: z.array(z.string()),
  proven: z.boolean(),
  requestId: z.string().nullable(),
  /** What its sender wrote: reason, note, outcome, answer, evidence, assignee. */
  given: JsonValue,
  /** After it. */
  status: TaskStatus,
  round: z.number().int(),
  level: z.number().int(),
  /** Why it was refused; null: it took place. */
  refused: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type TaskEntry = z.infer<typeof TaskEntry>;

const TaskNotice = z.object({ key: z.string(), category: z.string(), to: Assignee, at: Time });
export type TaskNotice = z.infer<typeof TaskNotice>;

/** Argument of `sluice.recordTask`: the state, and what led to it. */
export const TaskWrite = z.object({
  state: TaskState,
  entries: z.array(TaskEntry).min(1),
  notices: z.array(TaskNotice),
});
export type TaskWrite = z.infer<typeof TaskWrite>;

/** Argument of `sluice.checkTaskAct`. */
export const TaskCheck = z.object({
  tenant: z.string(),
  item: z.string(),
  /** JSON Schema of the answer; absent: any. */
  form: JsonValue.optional(),
  act: TaskAct,
  /** Whether a claim proves who acts, or none is needed. */
  proven: z.boolean(),
});

/** Its answer: who acts, for certain. */
export const CheckedActor = z.object({
  account: z.string(),
  roles: z.array(z.string()),
  proven: z.boolean(),
});

/** The answer to an act that took place. */
export const TaskAnswer = z.object({
  status: TaskStatus,
  round: z.number().int(),
  level: z.number().int(),
  /** The entry of the log. */
  seq: z.number().int(),
  /** Whether the act closed the task. */
  decided: z.boolean(),
});
export type TaskAnswer = z.infer<typeof TaskAnswer>;

/** An answer that the workflow remembers, so that the same request gets it again. */
export const RememberedAnswer = z.object({
  requestId: z.string(),
  /** Of the act: another act under the same request id is refused. */
  print: z.string(),
  answer: TaskAnswer.nullable(),
  refused: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type RememberedAnswer = z.infer<typeof RememberedAnswer>;

/** What the workflow carries over continue-as-new. */
export const CarriedTask = z.object({
  state: TaskState,
  seq: z.number().int().positive(),
  answers: z.array(RememberedAnswer),
});
export type CarriedTask = z.infer<typeof CarriedTask>;

/** A task as a list shows it. Times are ISO instants. */
export interface TaskSummary {
  readonly item: string;
  readonly kind: string;
  readonly taskType: string | null;
  readonly title: string;
  readonly status: TaskStatus;
  readonly priority: string;
  /** Whether a deadline of it has passed. */
  readonly late: boolean;
  readonly requestedBy: string;
  /** The run that asks; null: none. */
  readonly runId: string | null;
  readonly account: string | null;
  readonly role: string | null;
  readonly claimedBy: string | null;
  readonly round: number;
  readonly level: number;
  readonly dueAt: string | null;
  readonly requestedAt: string;
  readonly changedAt: string;
  readonly decidedAt: string | null;
  readonly outcome: string | null;
}

/** A task with what it asks, its decision and its notifications. */
export interface TaskView extends TaskSummary {
  readonly description: string;
  readonly context: Json;
  readonly form: Json;
  readonly outcomes: readonly string[];
  /** The forms of outcomes that have their own. */
  readonly outcomeForms: Readonly<Record<string, Json>>;
  /** The step that asks; null: none. */
  readonly step: { readonly definition: string; readonly stepId: string; readonly stepPath: string } | null;
  readonly votes: TaskState['votes'];
  readonly decision: TaskState['decision'];
  readonly notifications: readonly TaskNotice[];
}

/** Which tasks a list has. A task must fit everything that is given. */
export const TaskFilter = z
  .strictObject({
    /** One, or any of several. */
    status: z.union([TaskStatus, z.array(TaskStatus).min(1).readonly()]).optional(),
    kind: TaskKind.optional(),
    priority: TaskPriority.optional(),
    account: z.string().optional(),
    role: z.string().optional(),
    requestedBy: z.string().optional(),
    claimedBy: z.string().optional(),
    /** First run id of the run that asks. */
    runId: z.string().optional(),
    /** Default: true, unless `status` names a closed one. */
    onlyOpen: z.boolean().optional(),
    onlyLate: z.boolean().optional(),
  })
  .readonly();
export type TaskFilter = z.infer<typeof TaskFilter>;

/** How many tasks a tenant has. */
export interface TaskCounts {
  readonly total: number;
  readonly open: number;
  readonly late: number;
  readonly byStatus: Readonly<Record<TaskStatus, number>>;
}
