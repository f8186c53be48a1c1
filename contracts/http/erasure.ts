/** Erasure on the wire. */
import { z } from 'zod';
import { RunStatus } from '../run/run.js';
import { TaskStatus } from '../tasks/task.js';
import { LIMITS } from '../limits.js';

/** Runs that one request names at most. */
const MOST_RUNS = 1_000;

export const ApiEraseBody = z
  .strictObject({
    runIds: z.array(z.string().min(1).max(256)).min(1).max(MOST_RUNS).optional(),
    correlationKey: z.string().min(1).max(LIMITS.correlationKeyCharacters).optional(),
    dryRun: z
      .boolean()
      .default(true)
      .meta({ description: 'Say what would be erased, and erase nothing. Only `false` erases.' }),
  })
  .meta({ id: 'Erase' });

const event = { source: z.string(), id: z.string(), name: z.string() };

export const ApiErasure = z
  .object({
    dryRun: z.boolean(),
    runs: z.array(
      z.object({
        runId: z.string(),
        workflowId: z.string(),
        status: RunStatus,
        before: z.union([z.string(), z.null()]).meta({ description: 'When it was erased before.' }),
      }),
    ),
    events: z.array(
      z.object({ ...event, before: z.boolean().meta({ description: 'It was erased before.' }) }),
    ),
    tasks: z
      .array(z.object({ item: z.string(), runId: z.union([z.string(), z.null()]), status: TaskStatus }))
      .meta({
        description: 'Tasks of people: those that the runs asked for, and the one that the key names.',
      }),
    executions: z
      .number()
      .int()
      .meta({ description: 'Executions that Temporal had of the runs and of their tasks.' }),
    deadLetters: z.number().int().meta({ description: 'Dead letters about them.' }),
    answers: z.number().int().meta({ description: 'Stored answers of the API that name them.' }),
    related: z
      .object({
        runs: z.array(z.object({ runId: z.string(), workflowId: z.string(), why: z.string() })),
        events: z.array(z.object(event)),
      })
      .meta({ description: 'What stays, and may hold the same values.' }),
  })
  .meta({ id: 'Erasure' });
