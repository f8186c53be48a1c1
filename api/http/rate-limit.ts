/**
 * The rate limit: one bucket for each token, in this process. Several processes each have their buckets, so
 * the limit of all of them is the sum.
 */
import { BurstyRateLimiter, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { SluiceError } from '../../contracts/errors.js';

/** Length of the pause that restores the whole burst, s. */
const BURST_S = 10;

/** Counts a request. @throws SluiceError RATE_LIMITED, with `retryAfterS` in its details */
export type TakeTurn = (principal: string) => Promise<void>;

/**
 * Makes the limiter.
 * @param perSecond requests of one token per second
 * @param burst further requests at once; a pause of 10 s restores them
 */
export function rateLimiter({ perSecond, burst }: { perSecond: number; burst: number }): TakeTurn {
  const limiter = new BurstyRateLimiter(
    new RateLimiterMemory({ points: perSecond, duration: 1 }),
    new RateLimiterMemory({ keyPrefix: 'burst', points: burst, duration: BURST_S }),
  );
  return async (principal) => {
    try {
      await limiter.consume(principal);
    } catch (rejection) {
      if (!(rejection instanceof RateLimiterRes)) throw rejection;
      const retryAfterS = Math.max(1, Math.ceil(rejection.msBeforeNext / 1_000));
      throw new SluiceError('RATE_LIMITED', `The token is limited to ${perSecond} requests per second.`, {
        details: { retryAfterS },
      });
    }
  };
}
