/** Connections to Redis, whose failures are coded errors. */
import { Redis } from 'ioredis';
import { redisError, redisRefused } from '../../contracts/events/redis-error.js';

/** Time without an answer to a command after which a connection is replaced, ms. */
const SILENT_MS = 10_000;
const FIRST_RECONNECT_MS = 50;
const LONGEST_RECONNECT_MS = 1_000;
/** Tries after which the pause no longer doubles. */
const DOUBLINGS = 10;

/**
 * Opens a connection that reconnects by itself. Commands fail while it is lost; a command in flight when it
 * is lost fails too, and may have taken effect.
 * A server that accepts commands and answers none is lost too.
 * @param onError called for each failure to connect
 * @param silentMs time without an answer after which a connection is replaced; a blocking read is shorter
 */
export function openRedis(url: string, onError: (error: Error) => void, silentMs = SILENT_MS): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    socketTimeout: silentMs,
    // After a fail-over the connection still leads to the old primary: connect anew. The command is not sent
    // again here (2): there is no queue for it, and its caller repeats it.
    reconnectOnError: (error) => (redisRefused(error, 'READONLY') ? 1 : false),
    retryStrategy: (tries) =>
      Math.min(FIRST_RECONNECT_MS * 2 ** Math.min(tries, DOUBLINGS), LONGEST_RECONNECT_MS),
  });
  redis.on('error', onError);
  return redis;
}

/**
 * Connects for the first time.
 * @throws SluiceError REDIS_UNAVAILABLE, REDIS_REFUSED
 */
export async function connectRedis(redis: Redis): Promise<void> {
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw redisError(error);
  }
}
