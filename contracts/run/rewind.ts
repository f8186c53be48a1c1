/**
 * Rewinding a run: what the client asks of Temporal, and what an interpreter is told of it.
 *
 * A rewind is a reset whose reason says from which step on the run does things again. So the order and what is reset
 * are one act of Temporal's: neither is there without the other, whether the run was open or closed, and it stands in
 * the history of every execution that comes of it.
 */
import { z } from 'zod';

/** Begins the reason of a reset that is a rewind; JSON follows. */
const MARK = 'sluice:rewind ';

/** What is done again. */
export const Rewind = z.object({
  /** Makes idempotency keys other ones than before: 1 to 40 letters and digits. */
  id: z.string().regex(/^[A-Za-z0-9]{1,40}$/),
  /** Path of the step from which on things are done again, and the indexes of the loops around it. */
  step: z.string(),
  iteration: z.array(z.number().int()),
  actor: z.string().optional(),
  reason: z.string().optional(),
});
export type Rewind = z.infer<typeof Rewind>;

/** The reason of the reset. */
export function rewindReason(rewind: Rewind): string {
  return MARK + JSON.stringify(rewind);
}

/** The rewind that a reset's reason orders; undefined for a plain reset. */
export function rewindOf(reason: string): Rewind | undefined {
  if (!reason.startsWith(MARK)) return undefined;
  try {
    return Rewind.safeParse(JSON.parse(reason.slice(MARK.length))).data;
  } catch {
    // Somebody wrote a reason that only begins like one.
    return undefined;
  }
}

/** What an execution is told that was made by a reset: answer of the local activity `sluice.afterReset`. */
export const AfterReset = z.object({
  /** Temporal's run id of that execution. */
  execution: z.string(),
  /** Rewinds that are in force, the oldest first. */
  rewinds: z.array(Rewind),
  /** Id of the one that this reset is; absent: a plain reset. */
  own: z.string().optional(),
  /** The execution that was reset. */
  base: z.string(),
  /** Of a rewind: children that the undone part of the run waits for. Nobody does any more. */
  children: z.array(z.object({ workflowId: z.string(), runId: z.string() })).default([]),
  /** Version of the definition that the run was pinned to before. */
  version: z.number().int().positive().optional(),
});
export type AfterReset = z.infer<typeof AfterReset>;

/** The rewind under which things are done, as the run's state carries it. */
export interface Generation {
  /** Orders rewinds: a later one wins. */
  readonly n: number;
  readonly id: string;
}

/** Makes a key another one in each generation; without one it is the key that it always was. */
export function keyIn(generation: Generation | undefined, key: string): string {
  return generation === undefined ? key : `${key}${GENERATION_MARK}${generation.id}`;
}

/** Stands between a key and its generation. */
export const GENERATION_MARK = '~';
