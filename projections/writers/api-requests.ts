/**
 * Requests to the HTTP API that carry an idempotency key.
 *
 * States of a key: none → STARTED (held, under a lease) → ANSWERED → forgotten. A holder that gives up
 * releases the key: its hash stays, and the next request may take it. The lease of a holder that died
 * expires.
 *
 * Invariant: two requests that begin at once write the same row, so one of them loses the write conflict,
 * is sent again and sees the other. This room doesn't know what a dead holder had already done: the request
 * that takes over does it again under ids derived from the key, so that it happens once.
 */
import { z } from 'zod';
import { commit } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

/** A key belongs to one caller of one tenant: the same text from another caller is another key. */
export interface ApiRequestKey {
  readonly tenant: string;
  readonly principal: string;
  readonly key: string;
}

/** What a key is taken for. */
export interface ApiRequestContent {
  /** Of the request; the same key with another hash is refused. */
  readonly hash: string;
  /** When the key may be forgotten, epoch ms. */
  readonly expires: number;
}

/** A lease ends on the database's clock: two APIs whose clocks differ agree on it. */
export interface ApiRequestLease {
  readonly holder: string;
  /** When the request came, epoch ms: a key that has expired by then is unused. */
  readonly now: number;
  /** How long the lease lasts from the commit on, ms. */
  readonly forMs: number;
}

export type BegunApiRequest =
  /** The key is the caller's: carry out the request. */
  | { readonly kind: 'execute' }
  /** The request was answered: JSON, as passed to `endApiRequest`. */
  | { readonly kind: 'answered'; readonly answer: string }
  /** Another request holds the key. */
  | { readonly kind: 'held' }
  /** The key was used for another request. */
  | { readonly kind: 'other' };

const Begun = z.object({
  kind: z.enum(['execute', 'answered', 'held', 'other']),
  answer: z.string().optional(),
});

const BEGIN = `{
  LET $id = type::record('api_request', $key);
  LET $old = (SELECT * FROM ONLY $id);
  LET $known = $old != NONE AND $old.expires > $now;
  IF $known AND $old.hash NOT IN $hashes { { kind: 'other' } }
  ELSE IF $known AND $old.answer != NONE { { kind: 'answered', answer: $old.answer } }
  ELSE IF $known AND $old.holder != NONE AND $old.until > time::millis(time::now()) { { kind: 'held' } }
  ELSE {
    IF $old != NONE { DELETE type::record('api_request_due', array::concat([$old.expires], $key)) RETURN NONE };
    UPSERT $id CONTENT { hash: $hash, holder: $holder, until: time::millis(time::now()) + $for_ms, expires: $expires } RETURN NONE;
    UPSERT type::record('api_request_due', array::concat([$expires], $key)) RETURN NONE;
    { kind: 'execute' }
  }
}`;

const END = `{
  LET $id = type::record('api_request', $key);
  LET $old = (SELECT * FROM ONLY $id);
  IF $old.holder = $holder {
    IF $forget {
      DELETE type::record('api_request_due', array::concat([$old.expires], $key)) RETURN NONE;
      DELETE $id RETURN NONE
    } ELSE {
      UPDATE $id SET holder = NONE, until = 0, answer = $answer RETURN NONE
    }
  }
}`;

const RENEW = `{
  LET $id = type::record('api_request', $key);
  IF (SELECT VALUE holder FROM ONLY $id) = $holder { UPDATE $id SET until = time::millis(time::now()) + $for_ms RETURN NONE; true } ELSE { false }
}`;

const FORGET = `{
  LET $due = (SELECT VALUE id FROM api_request_due:[0]..[$now] LIMIT $limit);
  FOR $entry IN $due {
    LET $id = type::record('api_request', array::slice(record::id($entry), 1));
    IF (SELECT VALUE expires FROM ONLY $id) = array::first(record::id($entry)) { DELETE $id RETURN NONE };
    DELETE $entry RETURN NONE
  };
  array::len($due)
}`;

/** Keys that one call forgets at most. */
const FORGOTTEN_AT_ONCE = 500;

const idOf = ({ tenant, principal, key }: ApiRequestKey): [string, string, string] => [
  tenant,
  principal,
  key,
];

/**
 * Takes a key, or says why not.
 * @param request `hash` identifies what is requested; `expires` is when the key may be forgotten, epoch ms
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function beginApiRequest(
  { database, faults }: Writer,
  key: ApiRequestKey,
  { hash, expires }: ApiRequestContent,
  { holder, now, forMs }: ApiRequestLease,
): Promise<BegunApiRequest> {
  // The plain one: of a request that was begun before the key ring was configured.
  const hashes = [database.seal.digest(hash, [key.tenant, 'api-request']), hash];
  const answers = await commit(
    database,
    [{ label: 'api_request.begin', text: BEGIN }],
    { key: idOf(key), hash: hashes[0], hashes, holder, now, for_ms: forMs, expires },
    faults,
  );
  const { kind, answer = '' } = Begun.parse(answers.get('api_request.begin'));
  return kind === 'answered' ? { kind, answer } : { kind };
}

/** How a request ends: the key keeps its answer, keeps only its hash, or is forgotten. */
export type ApiRequestEnd =
  | { readonly kind: 'answered'; readonly answer: string }
  | { readonly kind: 'undecided' }
  | { readonly kind: 'nothing-done' };

/**
 * Ends a request; changes nothing where another request has taken over the lease. @throws SluiceError
 * DATABASE_*
 */
export async function endApiRequest(
  { database, faults }: Writer,
  key: ApiRequestKey,
  holder: string,
  end: ApiRequestEnd,
): Promise<void> {
  await commit(
    database,
    [{ label: 'api_request.end', text: END }],
    {
      key: idOf(key),
      holder,
      forget: end.kind === 'nothing-done',
      answer: end.kind === 'answered' ? database.seal.seal(end.answer, idOf(key)) : undefined,
    },
    faults,
  );
}

/**
 * Extends the lease of a key.
 * @returns false where another request holds it by now
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function renewApiRequest(
  { database, faults }: Writer,
  key: ApiRequestKey,
  { holder, forMs }: Omit<ApiRequestLease, 'now'>,
): Promise<boolean> {
  const answers = await commit(
    database,
    [{ label: 'api_request.renew', text: RENEW }],
    { key: idOf(key), holder, for_ms: forMs },
    faults,
  );
  return answers.get('api_request.renew') === true;
}

/**
 * Forgets keys that have expired, the oldest first.
 * @param now epoch ms
 * @returns how many it forgot
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function forgetApiRequests(
  { database, faults }: Writer,
  now: number,
  limit = FORGOTTEN_AT_ONCE,
): Promise<number> {
  const answers = await commit(
    database,
    [{ label: 'api_request.forget', text: FORGET }],
    { now, limit },
    faults,
  );
  return z.number().parse(answers.get('api_request.forget'));
}
