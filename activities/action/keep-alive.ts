/**
 * Keeps a running attempt alive in two places: it heartbeats to Temporal, which so notices a lost worker in
 * seconds and can tell a live one to stop, and it renews the lease in the ledger, so that no second worker
 * takes over an action that is still running.
 *
 * Invariants
 * - A beat repeats the action's last progress: an empty one would erase it.
 * - The lease outlives a lost beat: it is twice the heartbeat timeout and renewed at a third of that timeout.
 * - A renewal that fails because the database is away ends nothing; the next one tries again.
 */
import type { Context } from '@temporalio/activity';
import { LIMITS } from '../../contracts/limits.js';
import type { Json } from '../../contracts/json.js';

/** Lease of a local activity, ms. It can't heartbeat, and it is short; a crash must not block it for long. */
const LOCAL_LEASE_MS = 6_000;

export interface KeepAliveOptions {
  readonly context: Context;
  /** Renews the lease in the ledger; false where another holder has it. */
  readonly renew: (until: number) => Promise<boolean>;
  /** Told once, when another holder has the lease. */
  readonly onLeaseLost: () => void;
}

export interface KeepAlive {
  /** Starts beating and renewing. */
  start(): void;
  /** Beats now, with this progress. */
  beat(progress: Json | undefined): void;
  /** True where another holder has the lease. */
  readonly lost: boolean;
  /** Stops beating and renewing, and waits for a renewal under way. */
  stop(): Promise<void>;
  /** Gives the lease up, so that the next attempt need not wait for its end. For attempts that have ended. */
  release(): Promise<void>;
}

/** How long a lease lasts, ms. */
function leaseMsOf({ info: { heartbeatTimeoutMs = 0, isLocal } }: Context): number {
  return isLocal
    ? LOCAL_LEASE_MS
    : 2 * (heartbeatTimeoutMs > 0 ? heartbeatTimeoutMs : LIMITS.actionHeartbeatMs);
}

/** End of a lease that begins now, epoch ms. */
export function leaseEnd(context: Context): number {
  return Date.now() + leaseMsOf(context);
}

export function keepAlive({ context, renew, onLeaseLost }: KeepAliveOptions): KeepAlive {
  const { heartbeatTimeoutMs = 0, isLocal } = context.info;
  const canBeat = !isLocal && heartbeatTimeoutMs > 0;
  let timer: NodeJS.Timeout | undefined;
  let renewal: Promise<void> | undefined;
  let progress: Json | undefined;
  let lost = false;

  const beat = (): void => {
    if (canBeat) context.heartbeat(progress);
  };
  const renewOnce = async (): Promise<void> => {
    try {
      if (lost || (await renew(leaseEnd(context)))) return;
      lost = true;
      onLeaseLost();
    } catch (error) {
      context.log.warn('The lease could not be renewed; it is tried again', {
        error: error instanceof Error ? error.message : String(error),
      });
    } finally {
      renewal = undefined;
    }
  };

  return {
    start() {
      timer = setInterval(
        () => {
          beat();
          renewal ??= renewOnce();
        },
        leaseMsOf(context) / 6,
      );
    },
    beat(now) {
      progress = now;
      beat();
    },
    get lost() {
      return lost;
    },
    async stop() {
      clearInterval(timer);
      await renewal;
    },
    async release() {
      if (lost) return;
      try {
        await renew(Date.now() - 1);
      } catch (error) {
        // The lease ends by itself; giving it up only saves the next attempt the wait.
        context.log.warn('The lease could not be given up; it ends by itself', {
          error: error instanceof Error ? error.message : String(error),
        });
      }
    },
  };
}
