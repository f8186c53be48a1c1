/**
 * Why and when a running action has to stop: a signal for the action, a reason for the code around it.
 *
 * States: running → stopping (for the first reason that comes) → ended. The reasons, and the outcome of an
 * action that then throws:
 *
 * | reason | source | the attempt |
 * | --- | --- | --- |
 * | `canceled` | the workflow | has been cancelled; the ledger row says ACTION_CANCELED |
 * | `timeout` | the envelope's timeoutMs | failed with ACTION_TIMEOUT, a business error |
 * | `shutdown` | this worker stops | is repeated by another worker, under the same key |
 * | `lease-lost` | another worker has taken the lease | belongs to that worker |
 * | `unwanted` | Temporal: timed out there, closed, paused or reset | is up to Temporal |
 *
 * An action that completes although it was told to stop has succeeded, except past its timeout.
 */
import type { Context } from '@temporalio/activity';

export type StopReason = 'canceled' | 'timeout' | 'shutdown' | 'lease-lost' | 'unwanted';

export interface Stop {
  /** The signal for the action; its `reason` is an Error. */
  readonly signal: AbortSignal;
  /** The first reason; undefined while nothing asks the action to stop. */
  readonly reason: StopReason | undefined;
  /** Resolves with the first reason. */
  readonly requested: Promise<StopReason>;
  /** Resolves at the action's timeout, also if something asked it to stop before. */
  readonly timeUp: Promise<void>;
  /** Stops the action because another worker has the lease. */
  leaseLost(): void;
  /** Clears the timer and the listener of Temporal's signal. */
  dispose(): void;
}

/**
 * Watches for a reason to stop.
 * @param timeoutMs the action's limit from now on, ms
 */
export function watchStop(context: Pick<Context, 'cancellationSignal'>, timeoutMs: number): Stop {
  const controller = new AbortController();
  let reason: StopReason | undefined;
  let request: (reason: StopReason) => void = () => undefined;
  const requested = new Promise<StopReason>((resolve) => (request = resolve));
  const stop = (why: StopReason, error: unknown): void => {
    if (reason !== undefined) return;
    // Set before the abort: an action may throw while the signal is still calling its listeners.
    reason = why;
    controller.abort(error);
    request(why);
  };
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      stop('timeout', new Error(`The action took longer than ${timeoutMs} ms`));
      resolve();
    }, timeoutMs);
  });
  const temporal = context.cancellationSignal;
  const onTemporal = (): void => {
    const failure: unknown = temporal.reason;
    stop(reasonOf(failure), failure);
  };
  if (temporal.aborted) onTemporal();
  else temporal.addEventListener('abort', onTemporal, { once: true });

  return {
    signal: controller.signal,
    get reason() {
      return reason;
    },
    requested,
    timeUp,
    leaseLost: () => stop('lease-lost', new Error('Another worker has taken the lease of the attempt')),
    dispose() {
      clearTimeout(timer);
      temporal.removeEventListener('abort', onTemporal);
    },
  };
}

/** The message of the SDK's cancellation failure is a name of `ActivityCancelReason`. */
function reasonOf(failure: unknown): StopReason {
  const why = failure instanceof Error ? failure.message : '';
  if (why === 'CANCELLED') return 'canceled';
  return why === 'WORKER_SHUTDOWN' ? 'shutdown' : 'unwanted';
}
