/** Connections to Redis, and what goes wrong with them as coded errors. */
import { Redis } from 'ioredis';
import { SluiceError } from '../../contracts/errors.js';

const LONGEST_RECONNECT_MS = 1_000;

/**
 * Opens a connection, which comes back by itself when it is lost. A command fails while it is lost; one that is under
 * way when it is lost fails, too, and may have been done.
 * @param onError told of each failure to connect
 */
export function openRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 10), LONGEST_RECONNECT_MS),
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

/** The coded error of anything that a command threw. */
export function redisError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new SluiceError('REDIS_UNAVAILABLE', `Redis: ${reason}`, { cause: thrown });
}
