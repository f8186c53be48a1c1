/**
 * The reason of a request to cancel a run, which names who asks: Temporal gives a workflow the reason of a
 * request, and not the identity of its client. So the actor rides in the reason ([actors-ride-along]).
 *
 * What could break it: a reason that somebody writes in this form by hand names whom it likes, as everything
 * that comes straight from a Temporal client may; the audit row of the API is what proves.
 */
import { z } from 'zod';

/** Prefix of the reason of a request that Sluice made; JSON follows. */
const MARK = 'sluice:cancel ';

const CancelReason = z.object({ actor: z.string().optional(), reason: z.string().optional() });
export type CancelReason = z.infer<typeof CancelReason>;

/** The reason as Temporal gets it. */
export function cancelText(asked: CancelReason): string {
  return MARK + JSON.stringify(asked);
}

/** What the reason of a request says; one from another Temporal client is a reason only. */
export function cancelOf(text: string): CancelReason {
  if (!text.startsWith(MARK)) return { reason: text };
  try {
    return CancelReason.safeParse(JSON.parse(text.slice(MARK.length))).data ?? { reason: text };
  } catch {
    return { reason: text };
  }
}
