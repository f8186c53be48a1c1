/** Connections to Redis, whose failures are coded errors. */
import { Redis } from 'ioredis';
import { messageOf, SluiceError } from '../../contracts/errors.js';

const FIRST_RECONNECT_MS = 50;
const LONGEST_RECONNECT_MS = 1_000;
/** Tries after which the pause no longer doubles. */
const DOUBLINGS = 10;

/**
 * Opens a connection that reconnects by itself. Commands fail while it is lost; a command in flight when it
 * is lost fails too, and may have taken effect.
 * @param onError called for each failure to connect
 */
export function openRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: (tries) =>
      Math.min(FIRST_RECONNECT_MS * 2 ** Math.min(tries, DOUBLINGS), LONGEST_RECONNECT_MS),
  });
  redis.on('error', onError);
  return redis;
}

/**
 * Connects for the first time.
 * @throws SluiceError REDIS_UNAVAILABLE
 */
export async function connectRedis(redis: Redis): Promise<void> {
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw redisError(error);
  }
}

/** The coded error of anything that a command of Redis throws. */
export function redisError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  return new SluiceError('REDIS_UNAVAILABLE', `Redis: ${messageOf(thrown)}`, { cause: thrown });
}
