/**
 * The life of the HTTP API in a process: listen, answer, stop.
 *
 * Invariant: a stop takes no new request, ends the open timelines at once (their readers come again with Last-Event-ID),
 * lets what was begun be answered, for so long as a limit says, and then closes what is left.
 */
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { Logger } from 'pino';
import type { SluiceClient } from '../client/index.js';
import { SluiceError } from '../contracts/errors.js';
import type { Projections } from '../projections/index.js';
import { createApp } from './app.js';
import type { ApiConfig, KnownAction } from './deps.js';
import { isLoopback } from './loopback.js';
import { createMetrics } from './metrics.js';

/** Of a whole request with its body, ms. */
const REQUEST_LIMIT_MS = 30_000;
/** How long requests that run may take once the API stops, ms. */
const STOP_LIMIT_MS = 10_000;
/** Between two looks for idempotency keys that have expired, ms. */
const FORGET_INTERVAL_MS = 600_000;

export interface StartApiOptions {
  readonly config: ApiConfig;
  /** With `reads`, and an actor that is overridden by each request's own. */
  readonly client: SluiceClient;
  readonly projections: Projections;
  readonly actions?: readonly KnownAction[] | undefined;
  readonly log: Logger;
  /** Epoch ms; default: the clock. */
  readonly now?: () => number;
}

export interface RunningApi {
  /** Base address. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts the API.
 * @throws SluiceError CONFIG_INVALID where the address is taken or not this machine's, or where tokens are off beyond
 *   loopback
 */
export async function startApi(options: StartApiOptions): Promise<RunningApi> {
  const { config, client, projections, actions, log, now = Date.now } = options;
  if (config.auth.kind === 'off') {
    if (!isLoopback(config.host)) {
      throw new SluiceError('CONFIG_INVALID', `Tokens are off, and ${config.host} is not loopback.`);
    }
    log.warn(
      { host: config.host },
      'The API asks for no tokens: whoever reaches this address may do everything',
    );
  }
  const stopping = new AbortController();
  const deps = {
    config,
    client,
    projections,
    actions,
    log,
    now,
    metrics: createMetrics(),
    stopping: stopping.signal,
  };
  const app = createApp(deps);
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  server.requestTimeout = REQUEST_LIMIT_MS;
  const url = await listen(server, config);
  const forget = setInterval(() => {
    projections.apiRequests.forget(now()).catch((error: unknown) => {
      log.warn({ error }, 'Expired idempotency keys could not be removed; it is tried again');
    });
  }, FORGET_INTERVAL_MS).unref();
  return {
    url,
    async stop() {
      clearInterval(forget);
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      stopping.abort();
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), STOP_LIMIT_MS);
      await closed;
      clearTimeout(force);
    },
  };
}

async function listen(server: Server, { host, port }: ApiConfig): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: Error) => {
    throw new SluiceError('CONFIG_INVALID', `SLUICE_API_HTTP: ${error.message}`, { cause: error });
  });
  const address = server.address();
  const bound = address !== null && typeof address === 'object' ? address.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
}
