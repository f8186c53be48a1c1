/**
 * Keeps a running attempt alive in two places. It sends heartbeats to Temporal, which then notices a lost
 * worker in seconds and can tell a live one to stop. It renews the lease in the ledger, so that no second
 * worker takes over an action that is still running.
 *
 * Invariants
 * - A heartbeat repeats the action's last progress: an empty one would erase it.
 * - The lease outlives a lost heartbeat: it is twice the heartbeat timeout and renewed at a third of that
 *   timeout.
 * - A renewal that fails because the database is away ends nothing; the next one tries again.
 * - A begin that takes long, because the database is slow or many events are sent to a wait that the attempt
 *   registers, sends heartbeats too: Temporal would take its worker for lost.
 */
import type { Context } from '@temporalio/activity';
import { messageOf } from '../../contracts/errors.js';
import { LIMITS } from '../../contracts/limits.js';
import type { Json } from '../../contracts/json.js';
import { heartbeatWith } from '../boundary/lost-workers.js';

/** Lease of a local activity, ms. It sends no heartbeats and is short: a crash must not block it for long. */
const LOCAL_LEASE_MS = 6_000;

/** A lease is twice the heartbeat timeout, so this renews at a third of that timeout. */
const RENEWALS_PER_LEASE = 6;

export interface KeepAliveOptions {
  readonly context: Context;
  /** Renews the lease in the ledger; false if another holder has it. */
  readonly renew: (forMs: number) => Promise<boolean>;
  /** Workers that were lost in a row before this attempt; heartbeats carry the number. */
  readonly lost: number;
  /** Called once, when another holder has the lease. */
  readonly onLeaseLost: () => void;
}

export interface KeepAlive {
  /** Sends heartbeats while the begin is under way; there is no lease to renew yet. */
  during<T>(begin: () => Promise<T>): Promise<T>;
  /** Starts heartbeats and renewals. */
  start(): void;
  /** Sends a heartbeat now, with this progress. */
  beat(progress: Json | undefined): void;
  /** True if another holder has the lease. */
  readonly lost: boolean;
  /** Stops heartbeats and renewals, and waits for a renewal under way. */
  stop(): Promise<void>;
  /** Gives the lease of an ended attempt up, so that the next attempt need not wait for its end. */
  release(): Promise<void>;
}

/** How long a lease lasts, ms. */
export function leaseMsOf({ info: { heartbeatTimeoutMs = 0, isLocal } }: Context): number {
  return isLocal
    ? LOCAL_LEASE_MS
    : 2 * (heartbeatTimeoutMs > 0 ? heartbeatTimeoutMs : LIMITS.actionHeartbeatMs);
}

export function keepAlive({ context, renew, onLeaseLost, lost: lostWorkers }: KeepAliveOptions): KeepAlive {
  const { heartbeatTimeoutMs = 0, isLocal } = context.info;
  const canBeat = !isLocal && heartbeatTimeoutMs > 0;
  let timer: NodeJS.Timeout | undefined;
  let renewal: Promise<void> | undefined;
  let progress: Json | undefined;
  let lost = false;

  const beat = (): void => {
    if (canBeat) context.heartbeat(heartbeatWith(lostWorkers, progress));
  };
  const renewOnce = async (): Promise<void> => {
    try {
      if (lost || (await renew(leaseMsOf(context)))) return;
      lost = true;
      onLeaseLost();
    } catch (error) {
      context.log.warn('The lease could not be renewed; the next renewal tries again', {
        error: messageOf(error),
      });
    } finally {
      renewal = undefined;
    }
  };

  const everyMs = leaseMsOf(context) / RENEWALS_PER_LEASE;
  return {
    async during(begin) {
      const beating = setInterval(beat, everyMs);
      try {
        return await begin();
      } finally {
        clearInterval(beating);
      }
    },
    start() {
      timer = setInterval(() => {
        beat();
        renewal ??= renewOnce();
      }, everyMs);
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
        await renew(0);
      } catch (error) {
        // Giving the lease up only saves the next attempt the wait.
        context.log.warn('The lease could not be given up; it ends by itself', {
          error: messageOf(error),
        });
      }
    },
  };
}
