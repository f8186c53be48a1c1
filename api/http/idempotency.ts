/**
 * Idempotency-Key: a request that comes twice is done once, and answered twice with the same answer.
 *
 * Invariants
 * - A key belongs to a tenant and a token. It is refused with another method, path or body (422), and while
 *   another request with it is under way (409); nothing is done then.
 * - Only the answer of a success (2xx) is stored. A refusal (4xx) frees the key: nothing was done. An unknown
 *   outcome (5xx, a crash) keeps the key's hash, and the same request may come again.
 * - A crash between the effect and the stored answer must not repeat the effect: what a request creates has
 *   an id that is derived from the key (`operationId`), so a repeated request finds it. Each route documents
 *   how it does so.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { ApiDeps } from './deps.js';
import { streamEnd } from './streams.js';

/** How long a request holds its key without a renewal, ms, and renewals within that time. */
const LEASE_MS = 30_000;
const RENEWALS_PER_LEASE = 3;
/** Seconds after which a caller may retry while its key is in flight. */
const IN_FLIGHT_RETRY_S = 1;
const OPERATION_ID_CHARACTERS = 32;
const KEY = /^[\x21-\x7e]{1,255}$/;

const StoredAnswer = z.object({
  status: z.number().int(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string(),
});

/** Headers that belong to the answer, not to its transport. */
const STORED_HEADERS = ['content-type', 'location', 'etag'];

export interface IdempotentCall {
  readonly tenant: string;
  readonly principal: string;
  readonly key: string;
  /** Hash of the request, by `hashOf`. */
  readonly hash: string;
  /** False: the answer is a stream. It is not stored; a repetition is done again under the same ids. */
  readonly replay: boolean;
}

/**
 * An id for what a request creates: the same for the same request under the same key. An expired key that
 * comes with another request gives another id.
 */
export function operationIdOf({ tenant, principal, key, hash }: IdempotentCall): string {
  return createHash('sha256')
    .update(JSON.stringify([tenant, principal, key, hash]))
    .digest('hex')
    .slice(0, OPERATION_ID_CHARACTERS);
}

/** The key of a request. @throws SluiceError INPUT_INVALID */
export function idempotencyKeyOf(c: Context): string | undefined {
  const key = c.req.header('Idempotency-Key');
  if (key === undefined || KEY.test(key)) return key;
  throw new SluiceError('INPUT_INVALID', 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
}

/**
 * Runs a request under its key.
 * @throws SluiceError IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_KEY_IN_FLIGHT, or what the request throws
 */
export async function onceForKey(
  { projections: { apiRequests }, metrics, log, now, config }: ApiDeps,
  { tenant, principal, key, hash, replay: storesAnswer }: IdempotentCall,
  handle: () => Promise<Response>,
): Promise<Response> {
  const id = { tenant, principal, key };
  const holder = randomUUID();
  const lease = () => ({ holder, now: now(), forMs: LEASE_MS });
  const state = await apiRequests.begin(id, hash, lease(), now() + config.idempotencyMs);
  if (state.kind === 'other') {
    throw new SluiceError('IDEMPOTENCY_KEY_REUSED', 'Another request has used this key.');
  }
  if (state.kind === 'held') {
    throw new SluiceError('IDEMPOTENCY_KEY_IN_FLIGHT', 'A request with this key is under way.', {
      details: { retryAfterS: IN_FLIGHT_RETRY_S },
    });
  }
  if (state.kind === 'answered') {
    metrics.replays.inc();
    return replay(state.answer);
  }
  const renewal = setInterval(() => {
    apiRequests.renew(id, lease()).catch((error: unknown) => {
      // Another request may then take over the key; what both create has the same ids.
      log.warn({ error }, 'The lease of an idempotency key could not be renewed');
    });
  }, LEASE_MS / RENEWALS_PER_LEASE);
  let streaming = false;
  const release = async (kind: 'nothing-done' | 'undecided' = 'undecided'): Promise<void> => {
    clearInterval(renewal);
    await apiRequests.end(id, holder, { kind }).catch((error: unknown) => {
      // The caller needs the outcome of the request, not this error; the lease expires by itself.
      log.warn({ error }, 'An idempotency key could not be released');
    });
  };
  try {
    const response = await handle();
    if (!storesAnswer) {
      streaming = true;
      void (streamEnd(response) ?? Promise.resolve()).then(() => release());
      return response;
    }
    const stored = {
      status: response.status,
      headers: STORED_HEADERS.flatMap((name) => {
        const value = response.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
      body: await response.clone().text(),
    };
    await apiRequests.end(id, holder, { kind: 'answered', answer: JSON.stringify(stored) });
    return response;
  } catch (thrown) {
    const nothingDone = thrown instanceof SluiceError && thrown.status < 500;
    await release(nothingDone ? 'nothing-done' : 'undecided');
    throw thrown;
  } finally {
    if (!streaming) clearInterval(renewal);
  }
}

/** The parts of a request that its key covers, without the body. */
interface RequestParts {
  readonly method: string;
  readonly url: string;
  readonly contentType: string | undefined;
}

/** Hash of a request: its method, path, content type and body. */
export function hashOf({ method, url, contentType = '' }: RequestParts, body: Uint8Array): string {
  const { pathname, search } = new URL(url);
  return createHash('sha256')
    .update(`${method} ${pathname}${search}\n${contentType}\n`)
    .update(body)
    .digest('hex');
}

function replay(text: string): Response {
  const { status, headers, body } = StoredAnswer.parse(JSON.parse(text));
  return new Response(body, { status, headers: [...headers, ['idempotency-replayed', 'true']] });
}
