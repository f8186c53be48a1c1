/**
 * Rewinding a run: what the client asks of Temporal, and what the interpreter learns of it.
 *
 * A rewind is a reset whose reason names the step from which on the run repeats its work. So Temporal takes
 * the order and does the reset in one act, for open and for closed runs, and the order is in the history of
 * every execution that descends from it.
 */
import { z } from 'zod';

/** Prefix of the reason of a reset that is a rewind; JSON follows. */
const MARK = 'sluice:rewind ';

/** The order to repeat work. */
export const Rewind = z.object({
  /** Id of the rewind, which makes idempotency keys different from before: 1 to 40 letters and digits. */
  id: z.string().regex(/^[A-Za-z0-9]{1,40}$/),
  /**
   * Path of the step from which on the run repeats its work; `iteration`: the indexes of the loops around it.
   */
  step: z.string(),
  iteration: z.array(z.number().int()),
  actor: z.string().optional(),
  reason: z.string().optional(),
  /** The signature of the order (contracts/naming/claims.ts). */
  claim: z.string().optional(),
});
export type Rewind = z.infer<typeof Rewind>;

/** A rewind as the reason of a reset. */
export function rewindReason(rewind: Rewind): string {
  return MARK + JSON.stringify(rewind);
}

/** What the claim of a rewind signs. @param executionId the execution that is reset */
export function rewindText({ claim: _claim, ...rewind }: Rewind, executionId: string): string {
  return JSON.stringify([executionId, Rewind.parse(rewind)]);
}

/** The rewind that the reason of a reset orders; undefined for a plain reset. */
export function rewindOf(reason: string): Rewind | undefined {
  if (!reason.startsWith(MARK)) return undefined;
  try {
    return Rewind.safeParse(JSON.parse(reason.slice(MARK.length))).data;
  } catch {
    // Someone wrote a reason that only begins like a rewind.
    return undefined;
  }
}

/** What an execution that a reset made learns: the answer of the local activity `sluice.afterReset`. */
export const AfterReset = z.object({
  /** Temporal's run id of that execution. */
  execution: z.string(),
  /** The rewinds in force, the oldest first. */
  rewinds: z.array(Rewind),
  /** Ids of rewinds that are not in force, because no door of Sluice has ordered them. */
  refused: z.array(z.string()).optional(),
  /** Id of the rewind that this reset is; absent: a plain reset. */
  own: z.string().optional(),
  /** The execution that was reset. */
  base: z.string(),
  /** After a rewind: children that the undone part of the run waited for. No step waits for them now. */
  children: z.array(z.object({ workflowId: z.string(), runId: z.string() })).default([]),
  /** After a rewind: base names of the tasks that the undone part has asked. */
  tasks: z.array(z.string()).default([]),
  /** Version of the definition that the earlier execution was pinned to. */
  version: z.number().int().positive().optional(),
});
export type AfterReset = z.infer<typeof AfterReset>;

/** The rewind under which a step runs, in the carried state. */
export interface Generation {
  /** Order of the rewind: the greatest wins. */
  readonly n: number;
  readonly id: string;
}

/** The key in a generation: a different one for each rewind, the original one before any. */
export function keyIn(generation: Generation | undefined, key: string): string {
  return generation === undefined ? key : `${key}${GENERATION_MARK}${generation.id}`;
}

/** Separates a key from the id of its rewind. */
export const GENERATION_MARK = '~';
