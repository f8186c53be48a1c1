/**
 * Compensating a step: what a compensating action gets, and all that running it needs, now or from a dead
 * letter.
 */
import { z } from 'zod';
import { JsonValue } from '../json.js';
import { SecretRef } from './activity-refs.js';

/** What a compensating action gets besides its mapped input, as `context.compensation`. */
export const CompensationPayload = z.object({
  type: z.literal('compensation'),
  /** Id of the step to undo. */
  stage_name: z.string(),
  /** Workflow id of the run that the step belongs to. */
  workflow_id: z.string(),
  /** The step's input (secrets as markers) and output as they were; `error` if it failed. */
  original_context: JsonValue,
  /** Ids of what the step made: the ones that its action passed to `context.artifact`. */
  artifacts_to_undo: z.array(z.string()),
});
export type CompensationPayload = z.infer<typeof CompensationPayload>;

/** How a step that has been done can be undone: travels with the event that ends the step. */
export const Compensation = z.object({
  action: z.string(),
  version: z.number().int().positive(),
  /** The mapped input; null if `problem` says why it could not be evaluated. */
  input: JsonValue.nullable(),
  problem: z.string().optional(),
  /** Idempotency key of the compensation, in the run and from a dead letter. */
  key: z.string(),
  secrets: z.array(SecretRef).optional(),
  /** Limit of one execution, ms. */
  timeoutMs: z.number().int().positive(),
  tags: z.array(z.string()).optional(),
});
export type Compensation = z.infer<typeof Compensation>;

/** A compensation that can be run: the content of its dead letter. */
export const CompensationRequest = Compensation.extend({
  /** The step to undo. */
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
export function compensatedStep(stepPath: string): string | undefined {
  return stepPath.endsWith(SUFFIX) ? stepPath.slice(0, -SUFFIX.length) : undefined;
}
