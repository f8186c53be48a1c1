/**
 * Undoing a step: what a compensation is told, and all that is needed to run one, now or from a dead letter.
 */
import { z } from 'zod';
import { JsonValue } from '../json.js';
import { SecretRef } from './activity-refs.js';

/** What a compensating action gets beside its mapped input, as `context.compensation`. */
export const CompensationPayload = z.object({
  type: z.literal('compensation'),
  /** Id of the step that is undone. */
  stage_name: z.string(),
  /** Workflow id of the run that the step belongs to. */
  workflow_id: z.string(),
  /** The step's own input (secrets as markers) and output as they were; `error` where it failed. */
  original_context: JsonValue,
  /** Ids of what the step made: what its action gave to `context.artifact`. */
  artifacts_to_undo: z.array(z.string()),
});
export type CompensationPayload = z.infer<typeof CompensationPayload>;

/** How a step that has been done can be undone: travels with the event that ends the step. */
export const Undo = z.object({
  action: z.string(),
  version: z.number().int().positive(),
  /** The mapped input; null where `problem` says why there is none. */
  input: JsonValue.nullable(),
  problem: z.string().optional(),
  /** Idempotency key of the compensation, whoever runs it. */
  key: z.string(),
  secrets: z.array(SecretRef).optional(),
  /** Limit of one execution, ms. */
  timeoutMs: z.number().int().positive(),
  tags: z.array(z.string()).optional(),
});
export type Undo = z.infer<typeof Undo>;

/** A compensation that can be run: what a dead letter of one holds. */
export const CompensationRequest = Undo.extend({
  /** The step that is undone. */
  step: z.object({ path: z.string(), id: z.string(), iteration: z.array(z.number().int()) }),
  /** Attempts made so far. */
  attempts: z.number().int().nonnegative(),
  payload: CompensationPayload,
});
export type CompensationRequest = z.infer<typeof CompensationRequest>;

const SUFFIX = '.compensate';

/** Step path of the compensation of a step: `steps[1].compensate`. */
export function compensationPath(stepPath: string): string {
  return `${stepPath}${SUFFIX}`;
}

/** The step that a compensation undoes, by the compensation's path; undefined for any other path. */
export function undoneBy(stepPath: string): string | undefined {
  return stepPath.endsWith(SUFFIX) ? stepPath.slice(0, -SUFFIX.length) : undefined;
}
