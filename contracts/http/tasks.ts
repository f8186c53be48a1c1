/** Tasks on the wire. */
import { z } from 'zod';
import { TASK_PRIORITIES, TaskStatus } from '../tasks/task.js';
import { TaskEntry } from '../tasks/record.js';

const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);
const text = () => orNull(z.string());
const anything = (description: string) => z.unknown().meta({ description });
const Names = z.object({ account: z.string().optional(), role: z.string().optional() });

export const ApiTaskSummary = z
  .object({
    item: z.string().meta({ description: 'Name of the task.' }),
    kind: z.string(),
    title: z.string(),
    taskType: text(),
    status: TaskStatus,
    priority: z.enum(TASK_PRIORITIES),
    late: z.boolean().meta({ description: 'A deadline of it has passed.' }),
    requestedBy: z.string(),
    runId: text().meta({ description: 'The run that asks.' }),
    account: text().meta({ description: 'Whom it is assigned to.' }),
    role: text(),
    claimedBy: text(),
    round: z.number().int(),
    level: z.number().int(),
    dueAt: text(),
    requestedAt: z.string(),
    changedAt: z.string(),
    decidedAt: text(),
    outcome: text(),
  })
  .meta({ id: 'TaskSummary' });

export const ApiTask = ApiTaskSummary.extend({
  description: z.string(),
  context: anything('What a person sees.'),
  form: anything('JSON Schema of the answer; null: any.'),
  outcomes: z.array(z.string()),
  outcomeForms: z
    .record(z.string(), z.unknown())
    .meta({ description: 'Forms of outcomes that have their own.' }),
  step: orNull(z.object({ definition: z.string(), stepId: z.string(), stepPath: z.string() })),
  votes: z
    .array(
      z.object({
        account: z.string(),
        roles: z.array(z.string()),
        outcome: z.string(),
        answer: anything('What the person answered.'),
        at: z.number(),
      }),
    )
    .meta({ description: 'Decisions of this round. Times are epoch milliseconds.' }),
  decision: orNull(
    z.object({
      status: TaskStatus,
      outcome: text(),
      answer: anything('The answer of the last who decided.'),
      by: z.array(z.string()),
      reason: z.string(),
      at: z.number(),
    }),
  ),
  notifications: z.array(z.object({ key: z.string(), category: z.string(), to: Names, at: z.number() })),
}).meta({ id: 'Task' });

export const ApiTaskEntry = z
  .object({ ...TaskEntry.shape, given: anything('What its sender wrote.') })
  .meta({ id: 'TaskEntry' });

export const ApiTaskCounts = z
  .object({
    total: z.number(),
    open: z.number(),
    late: z.number(),
    byStatus: z.record(TaskStatus, z.number()),
  })
  .meta({ id: 'TaskCounts' });
