/**
 * The lifecycle of the HTTP API in a process: listen, answer, stop.
 *
 * Invariant: a stop accepts no new request and ends the open timelines at once (their readers reconnect with
 * Last-Event-ID). It waits for the answers of begun requests, up to a limit, and then closes every
 * connection.
 */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { createAdaptorServer } from '@hono/node-server';
import type { Logger } from 'pino';
import type { SluiceClient } from '../client/index.js';
import { SluiceError, type ErrorCode } from '../contracts/errors.js';
import { isLoopback } from '../contracts/http/pages.js';
import { RereadFile } from '../ingress/index.js';
import type { Projections } from '../projections/index.js';
import { readKeyFile } from './auth/keys.js';
import { createApp } from './app.js';
import { watchServices } from './health.js';
import type { ApiConfig, KnownAction } from './http/deps.js';
import { createMetrics } from './http/metrics.js';
import { problemOf, PROBLEM_TYPE } from './http/problem.js';

/** Time limit for receiving a whole request with its body, ms. */
const REQUEST_LIMIT_MS = 30_000;
/** How often connections are checked for it, ms. Node's own 30 s would let a slow body have a minute. */
const REQUEST_CHECK_MS = 500;
/** How long open requests may take once the API stops, ms. */
const STOP_LIMIT_MS = 10_000;
/** Interval of closing idle connections while the API stops, ms. */
const SWEEP_INTERVAL_MS = 25;
/** Interval of removing expired idempotency keys, ms. */
const FORGET_INTERVAL_MS = 600_000;

export interface StartApiOptions {
  readonly config: ApiConfig;
  /** Must have `reads`. The actor of each request replaces its default actor. */
  readonly client: SluiceClient;
  readonly projections: Projections;
  readonly actions?: readonly KnownAction[] | undefined;
  readonly log: Logger;
  /** Epoch ms; default: the clock. */
  readonly now?: () => number;
  /** Time limit for receiving a whole request with its body, ms; default 30 s. */
  readonly requestLimitMs?: number;
}

export interface RunningApi {
  /** Base address. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts the API.
 * @throws SluiceError CONFIG_INVALID if the address is in use or not on this machine, or if tokens are off
 *   beyond loopback
 */
export async function startApi(options: StartApiOptions): Promise<RunningApi> {
  const { config, client, projections, actions, log, now = Date.now } = options;
  if (config.auth.kind === 'off') {
    if (!isLoopback(config.host)) {
      throw new SluiceError('CONFIG_INVALID', `Tokens are off, and ${config.host} is not loopback.`);
    }
    log.warn(
      { host: config.host },
      'The API requires no tokens: every caller that reaches this address may do everything',
    );
  }
  const stopping = new AbortController();
  const keysFile = config.auth.kind === 'tokens' ? config.auth.keysFile : undefined;
  const keys = keysFile === undefined ? undefined : await RereadFile.open(keysFile, readKeyFile, log);
  const metrics = createMetrics();
  projections.database.unreadable.showBy((rows) => metrics.unreadable.set(rows));
  const deps = {
    config,
    keys: keys && (() => keys.value),
    client,
    projections,
    actions,
    log,
    now,
    metrics,
    stopping: stopping.signal,
  };
  const app = createApp(deps);
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    serverOptions: {
      requestTimeout: options.requestLimitMs ?? REQUEST_LIMIT_MS,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
    },
  }) as Server;
  server.on('clientError', refuseUnreadable);
  const url = await listen(server, config).catch((error: unknown) => {
    keys?.close();
    throw error;
  });
  const forget = setInterval(() => {
    projections.apiRequests.forget(now()).catch((error: unknown) => {
      log.warn({ error }, 'Expired idempotency keys could not be removed; the next interval tries again');
    });
  }, FORGET_INTERVAL_MS).unref();
  const watch = watchServices(deps);
  return {
    url,
    async stop() {
      clearInterval(forget);
      watch.stop();
      keys?.close();
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      stopping.abort();
      // A client keeps its connection open for seconds after the answer.
      const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_INTERVAL_MS);
      const force = setTimeout(() => server.closeAllConnections(), STOP_LIMIT_MS);
      await closed;
      clearInterval(sweep);
      clearTimeout(force);
    },
  };
}

/** Answers a request that Node's parser refuses, which never reaches the application, with a problem too. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code = UNREADABLE[error.code ?? ''] ?? 'INPUT_INVALID';
  const refusal = new SluiceError(code, 'The request cannot be read as HTTP.');
  const body = JSON.stringify(problemOf(refusal, { requestId: randomUUID(), path: '' }));
  socket.end(
    [
      `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
      `content-type: ${PROBLEM_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

const UNREADABLE: Readonly<Record<string, ErrorCode | undefined>> = {
  HPE_HEADER_OVERFLOW: 'REQUEST_HEADER_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

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
