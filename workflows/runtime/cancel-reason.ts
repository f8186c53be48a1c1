/**
 * Why a cancellation was requested, as Temporal's history records it. The SDK does not pass the reason to
 * workflow code, so it is read off the activation that carries the request.
 *
 * Invariant: the reason is known before anything in the workflow sees the cancellation, and is the same on
 * every replay.
 */
import type { WorkflowInternalsInterceptor } from '@temporalio/workflow';

/** Characters that a run's log keeps of the reason. */
const REASON_CHARACTERS = 1_000;

let firstReason: string | undefined;

/** The reason of the first request that has arrived; undefined: no request gave a reason. */
export function cancelReason(): string | undefined {
  return firstReason;
}

/** Reads the reason off each activation. */
export const readCancelReason: WorkflowInternalsInterceptor = {
  activate(input, next) {
    for (const { cancelWorkflow } of input.activation.jobs ?? []) {
      const reason = cancelWorkflow?.reason ?? '';
      if (reason !== '') firstReason ??= reason.slice(0, REASON_CHARACTERS);
    }
    next(input);
  },
};
