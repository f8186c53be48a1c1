/** A workflow that does nothing but call one activity, as the interpreter does for an action.call. */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  scheduleActivity,
  scheduleLocalActivity,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { ActionEnvelope, ActionResult } from '../../contracts/run/activity.js';
import type { Json } from '../../contracts/json.js';

export interface CallRequest {
  readonly type: string;
  readonly input: Json;
  readonly envelope: Partial<ActionEnvelope>;
  readonly heartbeatMs: number;
  /** Raw arguments instead of input and envelope. */
  readonly args?: readonly Json[];
}

/** What came back, as plain data. */
export type CallOutcome =
  | { readonly kind: 'result'; readonly result: ActionResult }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'timeout'; readonly timeoutType: string }
  | {
      readonly kind: 'failure';
      readonly type: string;
      readonly message: string;
      readonly nonRetryable: boolean;
      readonly details: readonly Json[];
      readonly stack: string;
    };

/** Calls the activity with an envelope of this run. */
export async function call(request: CallRequest): Promise<CallOutcome> {
  const info = workflowInfo();
  const runId = info.firstExecutionRunId;
  const run = { runId, tenant: 'default', definition: 'testing', version: 1 };
  const system = { environment: 'test', region: 'here', release: 'r1' };
  const envelope: ActionEnvelope = {
    run,
    actor: 'tester',
    step: { path: 'steps[0]', id: 'one', iteration: [], attempt: 1 },
    actionVersion: 1,
    idempotencyKey: `${runId}/steps[0]`,
    timeoutMs: 20_000,
    system,
    events:
      request.envelope.local === true
        ? []
        : [
            {
              seq: 1,
              at: info.startTime.getTime(),
              wave: 1,
              type: 'RUN_STARTED',
              data: {
                definition: { id: 'testing', version: 1, hash: '00' },
                semantics: 1,
                workflowId: info.workflowId,
                actor: 'tester',
                system,
                payload: {},
                parent: null,
                root: null,
                trigger: null,
                correlationKeys: [],
              },
            },
          ],
    ...request.envelope,
  };
  const args = [...(request.args ?? [request.input, envelope])];
  const retry = { initialInterval: 50, backoffCoefficient: 1 };
  try {
    const result = await (request.envelope.local === true
      ? scheduleLocalActivity(request.type, args, { startToCloseTimeout: '1m', retry })
      : scheduleActivity(request.type, args, {
          startToCloseTimeout: '1m',
          heartbeatTimeout: request.heartbeatMs,
          retry,
          cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        }));
    return { kind: 'result', result: result as ActionResult };
  } catch (thrown) {
    return outcomeOf(thrown);
  }
}

function outcomeOf(thrown: unknown): CallOutcome {
  if (isCancellation(thrown)) return { kind: 'cancelled' };
  // A local activity's failure comes without the wrapper.
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  if (cause instanceof TimeoutFailure) return { kind: 'timeout', timeoutType: String(cause.timeoutType) };
  if (!(cause instanceof ApplicationFailure)) throw thrown;
  return {
    kind: 'failure',
    type: cause.type ?? '',
    message: cause.message,
    nonRetryable: cause.nonRetryable === true,
    details: (cause.details ?? []) as Json[],
    stack: cause.stack ?? '',
  };
}
