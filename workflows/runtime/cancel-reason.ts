/**
 * Why a cancellation was requested, and by whom, as Temporal's history records it. The SDK does not pass the
 * reason to workflow code, so it is read off the activation that carries the request.
 *
 * Invariant: the reason is known before anything in the workflow sees the cancellation, and is the same on
 * every replay.
 */
import type { WorkflowInternalsInterceptor } from '@temporalio/workflow';
import { cancelOf, type CancelReason } from '../../contracts/cancel-reason.js';

/** Characters that a run's log keeps of the reason. */
const REASON_CHARACTERS = 1_000;

let first: CancelReason | undefined;

/** What the first request that gave a reason says; empty: none has. */
export function cancelReason(): CancelReason {
  return first ?? {};
}

/** Reads the reason off each activation. */
export const readCancelReason: WorkflowInternalsInterceptor = {
  activate(input, next) {
    for (const { cancelWorkflow } of input.activation.jobs ?? []) {
      const reason = cancelWorkflow?.reason ?? '';
      if (reason !== '') first ??= cut(cancelOf(reason));
    }
    next(input);
  },
};

function cut({ actor, reason }: CancelReason): CancelReason {
  return {
    ...(reason !== undefined && { reason: reason.slice(0, REASON_CHARACTERS) }),
    ...(actor !== undefined && { actor: actor.slice(0, REASON_CHARACTERS) }),
  };
}
