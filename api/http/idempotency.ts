/**
 * Idempotency-Key: the same request twice is done once, and answered twice with the same answer.
 *
 * Invariants
 * - A key belongs to a tenant and a token. With another method, path or body it is refused (422), while another
 *   request works on it too (409), and nothing is done.
 * - Only what was done is kept (2xx). An answer that says "not so" (4xx) frees the key: nothing was done. One that does
 *   not know (5xx, a crash) keeps the key's hash, and the same request may come again.
 * - A crash between the effect and the stored answer must not repeat the effect: what a request makes has an id derived
 *   from the key (`operationId`), and whoever comes again finds what is there. The routes say how each does so.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { ApiDeps } from './deps.js';
import { streamEnd } from './streams.js';

const LEASE_MS = 30_000;
const KEY = /^[\x21-\x7e]{1,255}$/;

const StoredAnswer = z.object({
  status: z.number().int(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string(),
});

/** Headers of an answer that belong to it, not to its transport. */
const KEPT_HEADERS = ['content-type', 'location', 'etag'];

export interface IdempotentCall {
  readonly tenant: string;
  readonly principal: string;
  readonly key: string;
  /** Of what is asked: `hashOf`. */
  readonly hash: string;
  /** False: the answer is a stream. It is not kept; the request is done again, under the same ids. */
  readonly replay: boolean;
}

/**
 * An id for what a request makes: the same for the same request under the same key. A key that was forgotten and comes
 * with another request makes something else.
 */
export function operationIdOf({ tenant, principal, key, hash }: IdempotentCall): string {
  return createHash('sha256')
    .update(JSON.stringify([tenant, principal, key, hash]))
    .digest('hex')
    .slice(0, 32);
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
  { tenant, principal, key, hash, replay }: IdempotentCall,
  handle: () => Promise<Response>,
): Promise<Response> {
  const id = { tenant, principal, key };
  const holder = randomUUID();
  const lease = () => ({ holder, now: now(), until: now() + LEASE_MS });
  const begun = await apiRequests.begin(id, hash, lease(), now() + config.idempotencyMs);
  if (begun.kind === 'other') {
    throw new SluiceError('IDEMPOTENCY_KEY_REUSED', 'The key came before, with another request.');
  }
  if (begun.kind === 'held') {
    throw new SluiceError('IDEMPOTENCY_KEY_IN_FLIGHT', 'A request with the key is under way.', {
      details: { retryAfterS: 1 },
    });
  }
  if (begun.kind === 'answered') {
    metrics.replays.inc();
    return replayed(begun.answer);
  }
  const renewal = setInterval(() => {
    apiRequests.renew(id, lease()).catch((error: unknown) => {
      // Another may then take the key over; what the request makes has ids that are the same for both.
      log.warn({ error }, 'The lease of an idempotency key could not be renewed');
    });
  }, LEASE_MS / 3);
  let streaming = false;
  const letGo = async (kind: 'nothing-done' | 'undecided' = 'undecided'): Promise<void> => {
    clearInterval(renewal);
    await apiRequests.end(id, holder, { kind }).catch((error: unknown) => {
      // The request's own outcome is the one to tell; the lease runs out by itself.
      log.warn({ error }, 'An idempotency key could not be let go');
    });
  };
  try {
    const response = await handle();
    if (!replay) {
      streaming = true;
      void streamEnd(response).then(() => letGo());
      return response;
    }
    const stored = {
      status: response.status,
      headers: KEPT_HEADERS.flatMap((name) => {
        const value = response.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
      body: await response.clone().text(),
    };
    await apiRequests.end(id, holder, { kind: 'answered', answer: JSON.stringify(stored) });
    return response;
  } catch (thrown) {
    const nothingDone = thrown instanceof SluiceError && thrown.status < 500;
    await letGo(nothingDone ? 'nothing-done' : 'undecided');
    throw thrown;
  } finally {
    if (!streaming) clearInterval(renewal);
  }
}

/** What is asked, as far as a key is about it. */
interface Asked {
  readonly method: string;
  readonly url: string;
  readonly contentType: string | undefined;
}

/** Of what a request asks: method, path, content type and body. */
export function hashOf({ method, url, contentType = '' }: Asked, body: Uint8Array): string {
  const { pathname, search } = new URL(url);
  return createHash('sha256')
    .update(`${method} ${pathname}${search}\n${contentType}\n`)
    .update(body)
    .digest('hex');
}

function replayed(text: string): Response {
  const { status, headers, body } = StoredAnswer.parse(JSON.parse(text));
  return new Response(body, { status, headers: [...headers, ['idempotency-replayed', 'true']] });
}
