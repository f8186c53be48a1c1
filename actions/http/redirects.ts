/**
 * Applies a redirect to a request. Invariant: nothing that the author wrote for one origin (credentials in
 * any header, a body) goes to another.
 */
import { SluiceError } from '../../contracts/errors.js';

export interface OutgoingRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/** Headers without credentials, which may go to another origin. */
const HARMLESS_HEADERS: readonly string[] = ['accept', 'accept-language', 'user-agent', 'idempotency-key'];
const BODY_HEADERS: readonly string[] = ['content-type', 'content-length', 'content-encoding'];

const only = (headers: Readonly<Record<string, string>>, keep: (name: string) => boolean) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => keep(name)));

/**
 * The request that a redirect asks for.
 * @throws SluiceError HTTP_TARGET_REFUSED if a body would go to another origin, HTTP_REQUEST_FAILED if the
 * location is not a URL
 */
export function followRedirect(request: OutgoingRequest, status: number, location: string): OutgoingRequest {
  if (!URL.canParse(location, request.url.href)) {
    throw new SluiceError('HTTP_REQUEST_FAILED', `The redirect from ${request.url.host} leads to no URL`);
  }
  const url = new URL(location, request.url);
  const toGet = status === 303 ? request.method !== 'HEAD' : status < 303 && request.method === 'POST';
  const method = toGet ? 'GET' : request.method;
  const body = toGet ? undefined : request.body;
  const headers = toGet ? only(request.headers, (name) => !BODY_HEADERS.includes(name)) : request.headers;
  if (url.origin === request.url.origin) return { url, method, headers, body };
  if (body !== undefined) {
    throw new SluiceError(
      'HTTP_TARGET_REFUSED',
      `The redirect from ${request.url.host} would send the body to another origin, ${url.host}`,
    );
  }
  return { url, method, headers: only(headers, (name) => HARMLESS_HEADERS.includes(name)), body };
}
