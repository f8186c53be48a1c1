/**
 * The HTTP source: thin in front of the router.
 *
 * Invariants
 * - 202 is answered when the routing has ended, so an event with that answer is never lost. An event with any
 *   other answer, or none, may have been recorded; its sender should send it again, which does nothing twice.
 * - In-flight events are bounded. Past the bound, and while a service is away, the answer is 503 with
 *   Retry-After: the sender keeps the event, not this process.
 * - A sender sees what a reader of the API sees (client/shown/).
 * - Without a token, no page in a browser is answered (contracts/http/pages.ts).
 */
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { PRINCIPAL_HEADER } from '../../contracts/events/principal-header.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { whyForeign } from '../../contracts/http/pages.js';
import { LIMITS } from '../../contracts/limits.js';
import { withPauses, type ShownEvents, type SluiceClient } from '../../client/index.js';
import type { EventStore } from '../../projections/index.js';
import { isAway, type Availability } from '../routing/availability.js';
import { decodeSent } from '../routing/decode.js';
import type { BridgeMetrics } from '../routing/metrics.js';
import type { Router } from '../routing/route.js';
import { acceptBatch } from './http-batch.js';
import { eventsOf, readBody } from './http-body.js';
import {
  type FindSender,
  isBoundTo,
  onBehalf,
  requireEventName,
  requireMay,
  requireSource,
  requireTenant,
  type Sender,
} from './senders.js';

const SATURATED_RETRY_S = 1;
const AWAY_RETRY_S = 5;
/** Time limit of a whole request with its body, ms. */
const REQUEST_LIMIT_MS = 30_000;
/** How often connections are checked for it, ms. Node's own 30 s would let a slow body have a minute. */
const REQUEST_CHECK_MS = 500;

/** Statuses of requests that are refused for who sent them. */
const REFUSED = [401, 403];
/** Characters of an address that the log gets. */
const LOGGED_CHARACTERS = 200;

export interface HttpSourceOptions {
  readonly router: Router;
  readonly events: EventStore;
  /** What is shown of them. */
  readonly shown: ShownEvents;
  /** Tells what of a run is paused. */
  readonly temporal: SluiceClient['temporal'];
  readonly metrics: BridgeMetrics;
  readonly availability: Availability;
  /** Why the stream is not consumed; undefined: nothing is wrong. HTTP does not need it. */
  readonly streamReason: () => SluiceError | undefined;
  /** Requests that are handled concurrently. */
  readonly inFlight: number;
  readonly findSender: FindSender;
  /** Whether senders need a token. */
  readonly hasTokens: boolean;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly onError: (error: SluiceError) => void;
  /** Told of each request that was refused for who sent it. */
  readonly onRefused: (refused: RefusedRequest) => void;
  /** Time limit of a whole request with its body, ms; default 30 s. */
  readonly requestLimitMs?: number | undefined;
}

/** A request that was refused for who sent it; the event that it may hold is not recorded. */
export interface RefusedRequest {
  readonly code: string;
  /** The name of the sender, and what it may not do. */
  readonly reason: string;
  readonly method: string;
  readonly path: string;
  /** The address that it came from. */
  readonly remote: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: Json;
  /** The content type of a body that is text; absent: JSON. */
  readonly type?: string;
  /** Why the request has to be sent again. */
  readonly again?: SluiceError;
}

export class HttpSource {
  #inFlight = 0;
  readonly #server: Server;

  constructor(private readonly options: HttpSourceOptions) {
    this.#server = createServer(
      {
        requestTimeout: options.requestLimitMs ?? REQUEST_LIMIT_MS,
        connectionsCheckingInterval: REQUEST_CHECK_MS,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.on('clientError', refuseUnreadable);
  }

  /**
   * Listens.
   * @returns the base URL
   * @throws SluiceError CONFIG_INVALID where the address is taken or not of this machine
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

  /** Refuses new requests, and waits until the open ones are answered. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, body, type, again } = await this.#handle(request);
      if (again !== undefined) this.#note(again, response);
      send(response, status, body, type);
    } catch (thrown) {
      // The sender hung up: no one can be answered, and nothing was recorded.
      if (request.destroyed && !request.complete) return;
      const error = toSluiceError(thrown);
      this.#note(error, response);
      if (REFUSED.includes(error.status)) this.#tellRefused(error, request);
      // The rest of a refused body would be read as the next request.
      if (!request.complete) response.setHeader('connection', 'close');
      send(response, isAway(error) ? 503 : error.status, { error: errorBody(error) });
    }
  }

  /** Notes why a request was not done, and tells its sender when to send it again. */
  #note(error: SluiceError, response: ServerResponse): void {
    const away = isAway(error);
    if (away) this.options.availability.note(error);
    else if (error.status >= 500) this.options.onError(error);
    const retry = away ? AWAY_RETRY_S : error.code === 'BRIDGE_SATURATED' ? SATURATED_RETRY_S : undefined;
    if (retry !== undefined) response.setHeader('retry-after', String(retry));
  }

  #tellRefused(
    { code, message: reason }: SluiceError,
    { method = '', url = '', socket }: IncomingMessage,
  ): void {
    this.options.metrics.refusals.inc({ code });
    const [path = ''] = url.slice(0, LOGGED_CHARACTERS).split('?');
    this.options.onRefused({ code, reason, method, path, remote: socket.remoteAddress });
  }

  async #handle(request: IncomingMessage): Promise<Answer> {
    const url = urlOf(request);
    if (request.method === 'GET' && url.pathname === '/health') return this.#health();
    this.#refuseForeign(request);
    const found = this.options.findSender(request.headers.authorization);
    const sender = onBehalf(found, request.headers[PRINCIPAL_HEADER]);
    if (request.method === 'GET' && url.pathname === '/metrics') {
      // It counts the events of every tenant.
      requireMay(sender, 'read');
      requireTenant(sender, '*');
      const { metrics } = this.options;
      return { status: 200, body: await metrics.text(), type: metrics.contentType };
    }
    if (url.pathname !== '/events') {
      throw new SluiceError('EVENT_NOT_FOUND', `${url.pathname} does not exist; events are at /events`);
    }
    if (request.method === 'POST') return this.#post(request, sender);
    if (request.method === 'GET') return this.#get(url, sender);
    throw new SluiceError('INPUT_INVALID', `/events does not accept ${request.method ?? ''}`);
  }

  #health(): Answer {
    const reason = this.options.availability.reason ?? this.options.streamReason();
    if (reason === undefined) return { status: 200, body: { status: 'ok', inFlight: this.#inFlight } };
    return { status: 503, body: { status: 'waiting', code: reason.code, message: reason.message } };
  }

  /** A token is nothing that a page could send, so with one every page is refused for its lack. */
  #refuseForeign({ headers }: IncomingMessage): void {
    if (this.options.hasTokens) return;
    const site = headers['sec-fetch-site'];
    const { host, origin } = headers;
    const why = whyForeign({ host, origin, site: typeof site === 'string' ? site : undefined }, 'the bridge');
    if (why !== undefined) throw new SluiceError('FORBIDDEN', why);
  }

  async #post(request: IncomingMessage, sender: Sender): Promise<Answer> {
    requireMay(sender, 'send');
    const { availability, inFlight, router } = this.options;
    if (availability.reason !== undefined) throw availability.reason;
    if (this.#inFlight >= inFlight) throw saturated(inFlight);
    this.#inFlight++;
    try {
      const { batch, events } = eventsOf(request, await readBody(request, LIMITS.eventBytes));
      const accept = async (value: unknown) => {
        const decoded = decodeSent(value);
        requireTenant(sender, decoded.event.tenant);
        requireEventName(sender, decoded.event.name);
        requireSource(sender, decoded.event.source);
        return router.accept({ ...decoded, sender: sender.name }, 'http');
      };
      if (batch) return await acceptBatch(events, accept, errorBody);
      return { status: 202, body: (await accept(events[0])) as unknown as Json };
    } finally {
      this.#inFlight--;
    }
  }

  /** The audit of one event, or a page of the newest events. */
  async #get(url: URL, sender: Sender): Promise<Answer> {
    requireMay(sender, 'read');
    const query = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
    const { events, shown } = this.options;
    const tenant = query('tenant') ?? 'default';
    requireTenant(sender, tenant);
    const [source, id] = [query('source'), query('id')];
    if (source === undefined || id === undefined) {
      requireEventName(sender, query('name'));
      const limit = query('limit');
      const page = await events.list(
        tenant,
        { eventName: query('name') },
        { after: query('after'), limit: limit === undefined ? undefined : Number(limit) || undefined },
      );
      return { status: 200, body: (await shown.page(tenant, page)) as unknown as Json };
    }
    const found = await events.explain({ tenant, source, id });
    if (found === undefined || !isBoundTo(sender, found.name)) {
      throw new SluiceError('EVENT_NOT_FOUND', `Tenant "${tenant}" has no event "${id}" of "${source}"`);
    }
    const event = await withPauses(this.options.temporal, await shown.explained(tenant, found), found);
    return { status: 200, body: event as unknown as Json };
  }
}

/** Answers what Node's parser refuses, or what came too slowly, with a code too. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const slow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const refusal = slow
    ? new SluiceError('REQUEST_TIMEOUT', 'The request did not come in time.')
    : new SluiceError('INPUT_INVALID', 'The request cannot be read as HTTP.');
  const body = JSON.stringify({ error: errorBody(refusal) });
  socket.end(
    [
      `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

/** @throws SluiceError INPUT_INVALID */
function urlOf({ url = '/' }: IncomingMessage): URL {
  const base = 'http://bridge';
  if (!URL.canParse(url, base)) throw new SluiceError('INPUT_INVALID', 'Invalid request URL');
  return new URL(url, base);
}

function saturated(inFlight: number): SluiceError {
  return new SluiceError('BRIDGE_SATURATED', `${inFlight} requests are in flight already`);
}

/** An error as the bridge answers it. */
function errorBody(error: SluiceError): JsonObject {
  return {
    code: error.code,
    message: error.message,
    ...(problemsOf(error) ?? {}),
    help: error.help ?? null,
  };
}

function problemsOf({ details }: SluiceError): { readonly problems: Json } | undefined {
  const problems = isJsonObject(details) ? details['problems'] : undefined;
  return problems === undefined ? undefined : { problems };
}

function send(response: ServerResponse, status: number, body: Json, type?: string): void {
  if (response.destroyed) return;
  const text = type !== undefined && typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, {
    'content-type': type ?? 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
