/** Where an application publishes events: the bridge's Redis stream, or the bridge's HTTP address. */
import type { Redis } from 'ioredis';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { STREAM_FIELD } from '../../contracts/events/event-envelope.js';
import { redisError } from '../../contracts/events/redis-error.js';
import { PRINCIPAL_HEADER } from '../../contracts/events/principal-header.js';
import { isJsonObject, type Json } from '../../contracts/json.js';

/** Time limit of one request to a bridge, ms. */
const HTTP_LIMIT_MS = 30_000;

/** A bus that takes event envelopes. */
export interface EventBus {
  /**
   * Resolves when the bus has the event.
   * @param principal for whom it is published; the HTTP bus names it to the bridge, which takes it from the
   *   one token that may do everything
   * @throws SluiceError REDIS_UNAVAILABLE, REDIS_REFUSED,
   *   BRIDGE_UNAVAILABLE, or the code that the bridge answered
   */
  publish(envelope: Json, principal?: string): Promise<void>;
}

/**
 * A bus over the Redis stream that the bridge reads.
 * @param redis an open connection, which the caller closes
 * @param stream name of the stream
 */
export function redisBus(redis: Pick<Redis, 'xadd'>, stream = 'sluice:events'): EventBus {
  return {
    async publish(envelope) {
      try {
        await redis.xadd(stream, '*', STREAM_FIELD, JSON.stringify(envelope));
      } catch (error) {
        throw redisError(error);
      }
    },
  };
}

/**
 * A bus over the HTTP source of a bridge.
 * @param url base address, such as `http://127.0.0.1:8234`
 * @param token SLUICE_BRIDGE_TOKEN, if the bridge requires one
 */
export function httpBus(url: string, token?: string): EventBus {
  return {
    async publish(envelope, principal) {
      await callBridge({ url, token, principal }, '/events', envelope);
    },
  };
}

/** A bridge, and who asks it. */
export interface BridgeCaller {
  /** Base address. */
  readonly url: string;
  readonly token: string | undefined;
  /** For whom the request is sent. */
  readonly principal?: string | undefined;
}

/**
 * Sends one request to a bridge.
 * @param body the JSON to POST; absent: a GET
 * @returns the JSON that the bridge answers
 * @throws SluiceError BRIDGE_UNAVAILABLE, or the code that the bridge answered
 */
export async function callBridge(
  { url, token, principal }: BridgeCaller,
  path: string,
  body?: Json,
): Promise<Json> {
  let response: Response;
  let answer: Json;
  try {
    response = await fetch(new URL(path, url), {
      method: body === undefined ? 'GET' : 'POST',
      signal: AbortSignal.timeout(HTTP_LIMIT_MS),
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(principal !== undefined && { [PRINCIPAL_HEADER]: Buffer.from(principal).toString('base64url') }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    answer = (await response.json()) as Json;
  } catch (error) {
    throw new SluiceError('BRIDGE_UNAVAILABLE', `The bridge at ${url}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (response.ok) return answer;
  const error = isJsonObject(answer) && isJsonObject(answer['error']) ? answer['error'] : {};
  throw new SluiceError(
    textOf(error['code']) ?? 'BRIDGE_UNAVAILABLE',
    textOf(error['message']) ?? `HTTP ${response.status}`,
    error['problems'] === undefined ? {} : { details: { problems: error['problems'] } },
  );
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
