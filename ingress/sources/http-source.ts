/**
 * The HTTP source: thin in front of the router.
 *
 * Invariants
 * - 202 is answered when the routing has ended, so a request that got it is never lost. One that got anything else, or
 *   nothing, may have been recorded; sending it again is what the sender should do, and does nothing twice.
 * - In-flight events are bounded. Past the bound, and while something is away, the answer is 503 with Retry-After: the
 *   sender keeps the event, not this process.
 */
import { timingSafeEqual, createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isJsonObject, type Json } from '../../contracts/json.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { decodeEvent } from '../../contracts/events/event-envelope.js';
import { LIMITS } from '../../contracts/limits.js';
import type { EventStore } from '../../projections/index.js';
import { isOutage, type Outage } from '../routing/outage.js';
import type { Routed, Router } from '../routing/route.js';
import { eventsOf, readBody } from './http-body.js';

const BUSY_RETRY_S = 1;
const OUTAGE_RETRY_S = 5;
/** Of a whole request with its body, ms. */
const REQUEST_LIMIT_MS = 30_000;

export interface HttpSourceOptions {
  readonly router: Router;
  readonly events: EventStore;
  readonly outage: Outage;
  /** Events that may be on their way at once. */
  readonly inFlight: number;
  /** Bearer token that senders need; undefined: none. */
  readonly token: string | undefined;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly onError: (error: SluiceError) => void;
}

export class HttpSource {
  #inFlight = 0;
  readonly #server: Server;

  constructor(private readonly options: HttpSourceOptions) {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.requestTimeout = REQUEST_LIMIT_MS;
  }

  /**
   * Listens.
   * @returns the base address
   * @throws SluiceError CONFIG_INVALID where the address is taken or not this machine's
   */
  async listen(): Promise<string> {
    const { host, port } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    }).catch((error: Error) => {
      throw new SluiceError('CONFIG_INVALID', `SLUICE_BRIDGE_HTTP: ${error.message}`, { cause: error });
    });
    const address = this.#server.address();
    const bound = address !== null && typeof address === 'object' ? address.port : port;
    return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  }

  /** Takes no more requests and waits until those that run are answered. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, body } = await this.#handle(request);
      send(response, status, body);
    } catch (thrown) {
      // The sender has hung up: nobody is there to be answered, and nothing was done.
      if (request.destroyed && !request.complete) return;
      const error = toSluiceError(thrown);
      const away = isOutage(error);
      if (away) this.options.outage.note(error);
      else if (error.status >= 500) this.options.onError(error);
      const retry = away ? OUTAGE_RETRY_S : error.code === 'BRIDGE_SATURATED' ? BUSY_RETRY_S : undefined;
      // What is left of a body that was refused would be read as the next request.
      if (!request.complete) response.setHeader('connection', 'close');
      if (retry !== undefined) response.setHeader('retry-after', String(retry));
      send(response, away ? 503 : error.status, {
        error: {
          code: error.code,
          message: error.message,
          ...(problemsOf(error) ?? {}),
          help: error.help ?? null,
        },
      });
    }
  }

  async #handle(request: IncomingMessage): Promise<{ readonly status: number; readonly body: Json }> {
    const url = urlOf(request);
    if (request.method === 'GET' && url.pathname === '/health') return this.#health();
    this.#authorize(request);
    if (url.pathname !== '/events') {
      throw new SluiceError('EVENT_NOT_FOUND', `There is nothing at ${url.pathname}`);
    }
    if (request.method === 'POST') return this.#post(request);
    if (request.method === 'GET') return this.#get(url);
    throw new SluiceError('INPUT_INVALID', `${request.method ?? ''} is no method of /events`);
  }

  #health(): { readonly status: number; readonly body: Json } {
    const { reason } = this.options.outage;
    if (reason === undefined) return { status: 200, body: { status: 'ok', inFlight: this.#inFlight } };
    return { status: 503, body: { status: 'waiting', code: reason.code, message: reason.message } };
  }

  #authorize(request: IncomingMessage): void {
    const { token } = this.options;
    if (token === undefined) return;
    const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
    const given = request.headers.authorization ?? '';
    if (timingSafeEqual(digest(given), digest(`Bearer ${token}`))) return;
    throw new SluiceError('BRIDGE_TOKEN_INVALID', 'The request has no valid token');
  }

  async #post(request: IncomingMessage): Promise<{ readonly status: number; readonly body: Json }> {
    const { outage, inFlight, router } = this.options;
    if (outage.reason !== undefined) throw outage.reason;
    if (this.#inFlight >= inFlight) throw saturated(inFlight);
    this.#inFlight++;
    try {
      const { batch, events } = eventsOf(request.headers, await readBody(request, LIMITS.eventBytes));
      refuseInvalid(events, batch);
      const routed: Routed[] = [];
      for (const event of events) routed.push(await router.accept(event, 'http'));
      return { status: 202, body: (batch ? routed : (routed[0] ?? null)) as unknown as Json };
    } finally {
      this.#inFlight--;
    }
  }

  /** What is known of one event, or a page of the newest. */
  async #get(url: URL): Promise<{ readonly status: number; readonly body: Json }> {
    const query = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
    const { events } = this.options;
    const tenant = query('tenant') ?? 'default';
    const [source, id] = [query('source'), query('id')];
    if (source === undefined || id === undefined) {
      const limit = query('limit');
      const page = await events.list(
        tenant,
        { eventName: query('name') },
        { after: query('after'), limit: limit === undefined ? undefined : Number(limit) || undefined },
      );
      return { status: 200, body: page as unknown as Json };
    }
    const found = await events.explain({ tenant, source, id });
    if (found === undefined) {
      throw new SluiceError('EVENT_NOT_FOUND', `Tenant "${tenant}" has no event "${id}" of "${source}"`);
    }
    return { status: 200, body: found as unknown as Json };
  }
}

/** @throws SluiceError INPUT_INVALID */
function urlOf({ url = '/' }: IncomingMessage): URL {
  const base = 'http://bridge';
  if (!URL.canParse(url, base)) throw new SluiceError('INPUT_INVALID', 'The address of the request is none');
  return new URL(url, base);
}

/** All problems of all events at once; where there is one, none of them is routed. */
function refuseInvalid(events: readonly unknown[], batch: boolean): void {
  const problems = events.flatMap((event, index) => {
    const decoded = decodeEvent(event);
    if (decoded.ok) return [];
    return decoded.problems.map((problem) => (batch ? `[${index}] ${problem}` : problem));
  });
  if (problems.length === 0) return;
  throw new SluiceError('EVENT_INVALID', problems.join('; ').slice(0, 2_000), { details: { problems } });
}

function saturated(inFlight: number): SluiceError {
  return new SluiceError('BRIDGE_SATURATED', `${inFlight} events are on their way already`);
}

function problemsOf({ details }: SluiceError): { readonly problems: Json } | undefined {
  const problems = isJsonObject(details) ? details['problems'] : undefined;
  return problems === undefined ? undefined : { problems };
}

function send(response: ServerResponse, status: number, body: Json): void {
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
