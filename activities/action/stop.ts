/**
 * Why and when a running action has to stop. One signal for the action, one reason for the code around it.
 *
 * States: running → stopping (for the first reason that comes) → ended. Reasons, and what becomes of an action
 * that then throws:
 *
 * | reason | who says so | the attempt |
 * | --- | --- | --- |
 * | `canceled` | the workflow | has been cancelled; the ledger row says ACTION_CANCELED |
 * | `timeout` | the envelope's timeoutMs | failed with ACTION_TIMEOUT, a business error |
 * | `shutdown` | this worker stops | is repeated by another worker, under the same key |
 * | `lease-lost` | another worker has taken the lease | is that worker's |
 * | `unwanted` | Temporal: timed out there, closed, paused or reset | is Temporal's to decide |
 *
 * An action that ends well in spite of being told to stop has succeeded, except past its own timeout.
 */
import type { Context } from '@temporalio/activity';

export type StopReason = 'canceled' | 'timeout' | 'shutdown' | 'lease-lost' | 'unwanted';

export interface Stop {
  /** For the action; its `reason` is an Error. */
  readonly signal: AbortSignal;
  /** The first reason; undefined while nothing asks the action to stop. */
  readonly reason: StopReason | undefined;
  /** Resolves with it. */
  readonly requested: Promise<StopReason>;
  /** Resolves when the action's own time is over, also where it was told to stop before that. */
  readonly timeUp: Promise<void>;
  /** Says that another worker has the lease. */
  leaseLost(): void;
  /** Lets go of the timer and of the Temporal signal. */
  dispose(): void;
}

/**
 * Watches for a reason to stop.
 * @param timeoutMs the action's own limit, from now on
 */
export function watchStop(context: Pick<Context, 'cancellationSignal'>, timeoutMs: number): Stop {
  const controller = new AbortController();
  let reason: StopReason | undefined;
  let tell: (reason: StopReason) => void = () => undefined;
  const requested = new Promise<StopReason>((resolve) => (tell = resolve));
  const stop = (why: StopReason, error: unknown): void => {
    if (reason !== undefined) return;
    // Set before the abort: an action may throw while the signal is still telling its listeners.
    reason = why;
    controller.abort(error);
    tell(why);
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
    const said: unknown = temporal.reason;
    stop(reasonOf(said), said);
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

/** The SDK's cancellation failure says why in its message; the names are those of `ActivityCancelReason`. */
function reasonOf(failure: unknown): StopReason {
  const said = failure instanceof Error ? failure.message : '';
  if (said === 'CANCELLED') return 'canceled';
  return said === 'WORKER_SHUTDOWN' ? 'shutdown' : 'unwanted';
}
