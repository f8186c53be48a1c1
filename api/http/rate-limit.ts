/**
 * How often a token may ask: a bucket for each, in this process. Several processes each have their own, so the limit of
 * all is the sum.
 */
import { BurstyRateLimiter, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { SluiceError } from '../../contracts/errors.js';

/** How long a pause gives the whole burst back, s. */
const BURST_S = 10;

/** @throws SluiceError RATE_LIMITED, with `retryAfterS` in its details */
export type TakeTurn = (principal: string) => Promise<void>;

/**
 * @param perSecond requests of one token in a second
 * @param burst so many more at once, given back over 10 s
 */
export function rateLimiter({ perSecond, burst }: { perSecond: number; burst: number }): TakeTurn {
  const limiter = new BurstyRateLimiter(
    new RateLimiterMemory({ points: perSecond, duration: 1 }),
    new RateLimiterMemory({ keyPrefix: 'burst', points: burst, duration: BURST_S }),
  );
  return async (principal) => {
    try {
      await limiter.consume(principal);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      const retryAfterS = Math.max(1, Math.ceil(refused.msBeforeNext / 1_000));
      throw new SluiceError('RATE_LIMITED', `The token may ask ${perSecond} times a second.`, {
        details: { retryAfterS },
      });
    }
  };
}
