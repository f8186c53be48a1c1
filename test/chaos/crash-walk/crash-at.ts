/** Where a worker of the crash walk dies. */
import { z } from 'zod';

const Kind = z.enum(['begin', 'finish', 'flush']);

export const CrashAt = z.object({
  workflowId: z.string(),
  /** Which kind of commit. */
  kind: Kind,
  when: z.enum(['before', 'after']),
  /** Of that step only. */
  step: z.string().optional(),
  /** Only one that carries such an event. */
  carries: z.string().optional(),
});
export type CrashAt = z.infer<typeof CrashAt>;

/** A commit as it is made. */
export interface Commit {
  readonly kind: z.infer<typeof Kind>;
  readonly workflowId: string;
  readonly step: string | undefined;
  readonly events: readonly string[];
}
