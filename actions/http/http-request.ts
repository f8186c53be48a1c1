/**
 * `http.request`: one HTTP exchange with an outside service.
 *
 * Invariants
 * - The target guard and the policies check each hop, redirects included, before a byte is sent.
 * - The response is bounded in size (after decompression) and in time; the abort signal ends it at any point.
 * - An answer is recorded as it came: no digit of it is lost, and a body that Sluice cannot take as JSON is
 *   text, because the call has happened.
 * - What is shown of a refused answer is cut after its secrets are gone.
 * - Each request carries the step's idempotency key, so that a service that supports the header acts once.
 */
import { Agent, fetch, type Response } from 'undici';
import { z } from 'zod';
import type { ActionContext, ActionDefinition } from '../../contracts/run/action.js';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { targetOf } from '../../contracts/authorization.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { defineAction } from '../registry/define-action.js';
import { decodeBody, readBody } from './read-body.js';
import { followRedirect, type OutgoingRequest, REDIRECT_STATUSES } from './redirects.js';
import { createTargetGuard, type Resolver, type TargetGuard } from './target-guard.js';

const MOST_REDIRECTS = 5;
const DEFAULT_TIMEOUT_MS = 30_000;
const LONGEST_TIMEOUT_MS = 3_600_000;
/** How much of an unexpected response's body goes into the error's details, and how much of it is read. */
const SHOWN_BODY_BYTES = 4_096;
const READ_BODY_BYTES = 65_536;
/** 4xx statuses that ask for a later retry; repeating a request does not change the others. */
const RETRYABLE_CLIENT_STATUSES: readonly number[] = [408, 425, 429];

const Status = z.int().min(100).max(599);
const HeaderName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is not the name of a header');

const Input = z
  .strictObject({
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
    url: z
      .string()
      .refine((url) => URL.canParse(url), 'is not an absolute URL')
      .refine((url) => !URL.canParse(url) || new URL(url).username + new URL(url).password === '', {
        message: 'must hold no credentials; put them into a header',
      }),
    headers: z.record(HeaderName, z.string()).default({}),
    /** Text is sent as it is, other JSON as application/json. */
    body: z.json().optional(),
    /** Limit of the whole exchange, ms. */
    timeoutMs: z.int().positive().max(LONGEST_TIMEOUT_MS).default(DEFAULT_TIMEOUT_MS),
    /** Default: any 2xx. */
    expectedStatus: z.union([Status, z.array(Status).nonempty()]).optional(),
    maxResponseBytes: z.int().positive().max(LIMITS.stateBytes).default(LIMITS.inlineBytes),
    /** True: integers of the answer beyond ±(2^53 − 1), and numbers that no double holds, become text. */
    numbersAsText: z.boolean().default(false),
  })
  .refine(({ method, body }) => body === undefined || (method !== 'GET' && method !== 'HEAD'), {
    message: 'GET and HEAD have no body',
    path: ['body'],
  });
type Input = z.infer<typeof Input>;

const Output = z.object({
  status: Status,
  /** Names in lower case. */
  headers: z.record(z.string(), z.string()),
  /** Parsed if the content type is JSON and Sluice can take it, else text. */
  body: z.json(),
  /** Why a body that is JSON stayed text: a JSON Pointer and a sentence for each place. */
  problems: z.array(z.object({ pointer: z.string(), message: z.string() })).optional(),
});

export interface HttpRequestOptions {
  /** Hosts that may be loopback, link-local or private: `host`, `host:port`, `*.domain`. */
  readonly allowHosts: readonly string[];
  /** Resolves names. Default: the system's resolver. */
  readonly resolve?: Resolver;
}

/** Creates the action `http.request` for a worker that allows these hosts. */
export function createHttpRequest(
  options: HttpRequestOptions,
): ActionDefinition<typeof Input, typeof Output> {
  const guard = createTargetGuard(options.allowHosts, options.resolve);
  const agent = new Agent({ connect: { lookup: guard.lookup } });
  return defineAction({
    id: 'http.request',
    version: 1,
    description: 'Sends an HTTP request and returns the response.',
    input: Input,
    output: Output,
    target: (input) => {
      if (!isJsonObject(input)) return undefined;
      const { url, method = 'GET' } = input;
      if (typeof url !== 'string' || typeof method !== 'string' || !URL.canParse(url)) return undefined;
      return targetOf(new URL(url), method);
    },
    run: (input, context) => exchange(input, context, guard, agent),
  });
}

async function exchange(
  input: Input,
  context: ActionContext,
  guard: TargetGuard,
  agent: Agent,
): Promise<z.input<typeof Output>> {
  const timeout = AbortSignal.timeout(input.timeoutMs);
  const signal = AbortSignal.any([context.signal, timeout]);
  const expected = expectation(input.expectedStatus);
  let request = firstRequest(input, context.idempotencyKey);
  try {
    for (let hop = 0; ; hop++) {
      guard.check(request.url);
      context.mayReach(request.url, request.method);
      const response = await fetch(request.url, {
        method: request.method,
        headers: { ...request.headers },
        body: request.body ?? null,
        redirect: 'manual',
        dispatcher: agent,
        signal,
      });
      const location = response.headers.get('location');
      if (!REDIRECT_STATUSES.includes(response.status) || location === null || expected(response.status)) {
        return await readResponse(input, request.url, response, {
          expected,
          redact: (text) => context.redact(text),
        });
      }
      await response.body?.cancel();
      if (hop === MOST_REDIRECTS) {
        throw new SluiceError(
          'HTTP_REQUEST_FAILED',
          `More than ${MOST_REDIRECTS} redirects from ${input.url}`,
        );
      }
      request = followRedirect(request, response.status, location);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    throw asHttpError(error, request.url, timeout.aborted ? input.timeoutMs : undefined);
  }
}

function firstRequest(input: Input, idempotencyKey: string): OutgoingRequest {
  const headers: Record<string, string> = { 'idempotency-key': idempotencyKey };
  if (input.body !== undefined && typeof input.body !== 'string') {
    headers['content-type'] = 'application/json';
  }
  for (const [name, value] of Object.entries(input.headers)) headers[name.toLowerCase()] = value;
  const body =
    input.body === undefined || typeof input.body === 'string' ? input.body : JSON.stringify(input.body);
  return { url: new URL(input.url), method: input.method, headers, body };
}

function expectation(expected: Input['expectedStatus']): (status: number) => boolean {
  if (expected === undefined) return (status) => status >= 200 && status < 300;
  const statuses = typeof expected === 'number' ? [expected] : expected;
  return (status) => statuses.includes(status);
}

async function readResponse(
  input: Input,
  url: URL,
  response: Response,
  { expected, redact }: Pick<ActionContext, 'redact'> & { readonly expected: (status: number) => boolean },
): Promise<z.input<typeof Output>> {
  const { status } = response;
  const contentType = response.headers.get('content-type');
  if (!expected(status)) {
    const { bytes } = await readBody(response, READ_BODY_BYTES);
    const body =
      bytes.byteLength <= SHOWN_BODY_BYTES
        ? decodeBody(bytes, contentType, input.numbersAsText).body
        : beginningOf(bytes, redact);
    const details: Json = { status, url: shown(url), body };
    throw new SluiceError('HTTP_STATUS_UNEXPECTED', `${shown(url)} answered with status ${status}`, {
      retryable: status >= 500 || RETRYABLE_CLIENT_STATUSES.includes(status),
      details,
    });
  }
  const { bytes, cut } = await readBody(response, input.maxResponseBytes);
  if (cut) {
    throw new SluiceError(
      'HTTP_RESPONSE_TOO_LARGE',
      `The answer of ${shown(url)} has more than ${input.maxResponseBytes} bytes`,
    );
  }
  const { body, problems } = decodeBody(bytes, contentType, input.numbersAsText);
  return {
    status,
    headers: Object.fromEntries(response.headers.entries()),
    body: body as z.input<typeof Output>['body'],
    ...(problems.length > 0 && { problems: [...problems] }),
  };
}

/** The beginning of a long body. Its secrets go before it is cut: half a secret is not found any more. */
function beginningOf(bytes: Uint8Array, redact: ActionContext['redact']): string {
  return redact(new TextDecoder().decode(bytes)).slice(0, SHOWN_BODY_BYTES);
}

/** A URL for messages, without its query, which may carry a token. */
const shown = (url: URL): string => `${url.origin}${url.pathname}`;

/** The error of a failed exchange. `fetch` hides the cause, which may be a refusal of the guard. */
function asHttpError(thrown: unknown, url: URL, timedOutMs: number | undefined): SluiceError {
  if (timedOutMs !== undefined) {
    return new SluiceError('HTTP_REQUEST_FAILED', `${shown(url)} did not answer within ${timedOutMs} ms`, {
      details: { reason: 'timeout' },
      cause: thrown,
    });
  }
  for (let error: unknown = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof SluiceError) return error;
  }
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  const message = messageOf(cause);
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'network';
  return new SluiceError('HTTP_REQUEST_FAILED', `${shown(url)} could not be reached: ${message}`, {
    details: { reason },
    cause: thrown,
  });
}
