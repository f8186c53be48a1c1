/**
 * Webhooks: a notice as a signed POST.
 *
 * Invariants
 * - A receiver can tell that Sluice sent it, and when: the signature covers id, time and body. Headers and
 *   signature are those of Standard Webhooks, so that receivers verify with a library
 *   (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 * - A receiver can tell a repetition: the id of a notice stays the same over attempts.
 * - While a secret is being changed, both sign: the receiver takes the one that it has.
 * - The target is checked as that of `http.request`; a redirect is not followed, because it would carry the
 *   notice to a host that the operator did not name.
 * - An answer is read to 4 KiB and a time limit, however much comes.
 */
import { createHmac } from 'node:crypto';
import { Agent, fetch, type Response } from 'undici';
import { messageOf, SluiceError } from '../contracts/errors.js';
import { createTargetGuard, type Resolver } from '../actions/http/target-guard.js';
import { readBody } from '../actions/http/read-body.js';
import { channelError, type Channel, type Notice } from './notice.js';

const TIMEOUT_MS = 15_000;
const READ_BYTES = 4_096;
const SHOWN_CHARACTERS = 200;
/** Receivers that ask for more time get at most a day. */
const LONGEST_RETRY_AFTER_MS = 86_400_000;
/** 4xx statuses that ask for a later attempt. 410 says that the receiver wants no more. */
const LATER: readonly number[] = [408, 425, 429];

export interface WebhookTarget {
  readonly url: URL;
  /** Keys that sign, newest first; at least one. Raw bytes, 24 to 64 of them. */
  readonly keys: readonly Uint8Array[];
}

export interface WebhookOptions {
  /** Hosts that may be loopback, link-local or private: `host`, `host:port`, `*.domain`. */
  readonly allowHosts: readonly string[];
  /** Resolves names. Default: the system's resolver. */
  readonly resolve?: Resolver;
  /** The clock that the signature carries. Default: the system's. */
  readonly now?: () => number;
}

/**
 * The bytes of a signing key as Standard Webhooks writes it: `whsec_` and base64.
 * @returns undefined for any other text, and for fewer than 24 or more than 64 bytes
 */
export function webhookKey(text: string): Uint8Array | undefined {
  const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text);
  const bytes = Buffer.from(match?.[1] ?? '', 'base64');
  return bytes.length >= 24 && bytes.length <= 64 ? bytes : undefined;
}

/** The headers that sign a body. */
function signed(id: string, at: number, body: string, keys: readonly Uint8Array[]): Record<string, string> {
  const seconds = String(Math.floor(at / 1_000));
  const signatures = keys.map(
    (key) => `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`,
  );
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures.join(' ') };
}

function bodyOf({ at, title, text, link, data }: Notice): string {
  return JSON.stringify({
    type: 'sluice.notification',
    timestamp: new Date(at).toISOString(),
    data: { title, text, ...(link && { link: link.href }), ...(data !== null && { notification: data }) },
  });
}

/** How long the receiver wants to be left alone (RFC 9110, section 10.2.3), ms. */
function retryAfterOf(response: Response, now: number): number | undefined {
  const text = response.headers.get('retry-after');
  if (text === null) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS);
}

/** Creates the channel for a worker that allows these hosts. */
export function createWebhookChannel(options: WebhookOptions): Channel<WebhookTarget> {
  const guard = createTargetGuard(options.allowHosts, options.resolve);
  const agent = new Agent({ connect: { lookup: guard.lookup } });
  const now = options.now ?? Date.now;
  return {
    async send(notice, { url, keys }, signal) {
      if (keys.length === 0) throw channelError('CHANNEL_REFUSED', 'The webhook has no key to sign with');
      guard.check(url);
      const body = bodyOf(notice);
      const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      let response: Response;
      let answer: string;
      try {
        response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...signed(notice.id, now(), body, keys) },
          body,
          redirect: 'manual',
          dispatcher: agent,
          signal: limit,
        });
        answer = new TextDecoder().decode((await readBody(response, READ_BYTES)).bytes);
      } catch (error) {
        signal.throwIfAborted();
        throw unreachable(url, error);
      }
      judge(url, response, answer, now());
    },
  };
}

/** @throws SluiceError unless the receiver has accepted the notice */
function judge(url: URL, response: Response, answer: string, now: number): void {
  const { status } = response;
  if (status >= 200 && status < 300) return;
  const message = `${url.origin} answered with status ${status}: ${answer.slice(0, SHOWN_CHARACTERS)}`;
  if (status < 500 && !LATER.includes(status)) throw channelError('CHANNEL_REFUSED', message);
  const retryAfterMs = retryAfterOf(response, now);
  throw channelError('CHANNEL_UNAVAILABLE', message, { ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** The error of an exchange without an answer. `fetch` hides the cause, which may be the guard's refusal. */
function unreachable(url: URL, thrown: unknown): SluiceError {
  for (let error: unknown = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof SluiceError) return error;
  }
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  return channelError('CHANNEL_UNAVAILABLE', `${url.origin} could not be reached: ${messageOf(cause)}`, {
    cause: thrown,
  });
}
