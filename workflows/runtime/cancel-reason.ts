/**
 * Why a cancellation was requested, as Temporal's history has it. The SDK gives no word of it to workflow code, so it
 * is read off the activation in which the request comes.
 *
 * Invariant: it is known before anything in the workflow sees the cancellation, and is the same on every replay.
 */
import type { WorkflowInternalsInterceptor } from '@temporalio/workflow';

/** As a run's log keeps it. */
const MOST_CHARACTERS = 1_000;

let given: string | undefined;

/** The reason of the first request that has come; undefined: none was given. */
export function cancelReason(): string | undefined {
  return given;
}

/** Reads the reason off each activation. */
export const readCancelReason: WorkflowInternalsInterceptor = {
  activate(input, next) {
    for (const { cancelWorkflow } of input.activation.jobs ?? []) {
      const reason = cancelWorkflow?.reason ?? '';
      if (reason !== '') given ??= reason.slice(0, MOST_CHARACTERS);
    }
    next(input);
  },
};
