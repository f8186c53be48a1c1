/**
 * The share of a worker's action slots that one tenant may have.
 *
 * Temporal orders tasks that wait in a queue. It does not order what is eager, and it takes no slot from an
 * action that has begun. So the worker itself keeps some slots free of any one tenant: what is over the bound
 * goes back to Temporal, which hands it out again later, in turns with the other tenants.
 *
 * Invariants (fair-between-tenants)
 * - What is handed back has done nothing: it is the same attempt for the author's retry, for the ledger and
 *   for the count of lost workers.
 * - It comes back as fast as the tenant's slots get free, so that a long queue does not go in circles.
 */
import { ApplicationFailure, type Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { isJsonObject } from '../../contracts/json.js';
import { lastFailureOf } from './last-failure.js';
import { countLost } from './lost-workers.js';

/** Pause before a tenant's action is handed out again, ms. */
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;
/** The longest pause while the tenant's actions are short. */
const LEAST_LONGEST_MS = 2_000;
/** Weight of the newest action in the mean of a tenant's durations. */
const NEWEST = 0.2;

interface Share {
  running: number;
  /** Sum of the times at which the running actions began. */
  begun: number;
  /** Mean duration of an action, ms. */
  mean: number;
  /** When the last of the actions that were handed back comes back. */
  last: number;
}

/** The slots of one worker. */
export class TenantSlots {
  private readonly shares = new Map<string, Share>();

  /** @param most actions of one tenant at once */
  constructor(private readonly most: number) {}

  /**
   * Runs an action in a slot of its tenant.
   * @throws ApplicationFailure TENANT_BUSY, retryable: the tenant has no slot left, and nothing was done
   */
  async run<T>(context: Context, tenant: string, work: () => Promise<T>): Promise<T> {
    const share = this.shareOf(tenant);
    if (share.running >= this.most) throw await handBack(context, this.pauseOf(share));
    const began = Date.now();
    share.running++;
    share.begun += began;
    try {
      return await work();
    } finally {
      const took = Date.now() - began;
      share.running--;
      share.begun -= began;
      share.mean = share.mean === 0 ? took : share.mean * (1 - NEWEST) + took * NEWEST;
      if (share.running === 0) this.shares.delete(tenant);
    }
  }

  private shareOf(tenant: string): Share {
    const known = this.shares.get(tenant);
    if (known !== undefined) return known;
    const share = { running: 0, begun: 0, mean: 0, last: 0 };
    this.shares.set(tenant, share);
    return share;
  }

  /** What is handed back comes back one after the other, a slot's worth of time apart. */
  private pauseOf(share: Share): number {
    const now = Date.now();
    const age = now - share.begun / share.running;
    const duration = Math.max(share.mean, age);
    const longest = Math.min(LONGEST_PAUSE_MS, Math.max(LEAST_LONGEST_MS, duration));
    const next = Math.max(now + SHORTEST_PAUSE_MS, share.last + duration / this.most);
    share.last = Math.min(next, now + longest);
    return share.last - now;
  }
}

async function handBack(context: Context, pauseMs: number): Promise<ApplicationFailure> {
  const before = await lastFailureOf(context);
  const lost = before === undefined ? 0 : countLost(context.info.heartbeatDetails, before);
  return ApplicationFailure.create({
    type: 'TENANT_BUSY',
    message: "The tenant has as many actions here as it may have at once. It is this one's turn later",
    nonRetryable: false,
    category: ApplicationFailureCategory.BENIGN,
    details: [{ lost }],
    nextRetryDelay: Math.ceil(pauseMs),
  });
}

/** Whose action it is, before anything else of its envelope is read; undefined: it has none. */
export function tenantOf(envelope: unknown): string | undefined {
  const run = isJsonObject(envelope) ? envelope['run'] : undefined;
  const tenant = isJsonObject(run) ? run['tenant'] : undefined;
  return typeof tenant === 'string' ? tenant : undefined;
}
