/**
 * The connection to SurrealDB: the only place that knows its SDK's engines, events and error shapes.
 *
 * Invariants
 * - Every failure leaves here as a coded error: DATABASE_UNAVAILABLE (retryable), DATABASE_AUTH,
 *   DATABASE_LOCKED, CONFIG_INVALID; the failure of a statement stays in its answer, for the caller.
 * - A request that was given up may still be sent once the server is back: the SDK keeps it. So every
 *   transaction of this room is idempotent.
 * - No update is lost. The engines `mem` and `surrealkv` of SurrealDB 3.0 don't guarantee that: of two
 *   transactions that write the same row, one of which begins while the other commits, both may succeed
 *   (github.com/surrealdb/surrealdb/issues/7303; seen here once in about a hundred such pairs). An embedded
 *   store has one process, so its transactions are sent one at a time. A server has many clients: its store
 *   must be one that does guarantee it, such as RocksDB (docs/operations.md).
 */
import { createNodeEngines } from '@surrealdb/node';
import { createRemoteEngines, ServerError, Surreal, type ConnectOptions } from 'surrealdb';
import { WebSocket } from 'ws';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { within } from '../../contracts/within.js';
import { claimStore } from './store-lock.js';

export interface DatabaseOptions {
  /**
   * `surrealkv://PATH`, `mem://`, `ws://HOST:PORT` or `wss://HOST:PORT`. `rocksdb://PATH` is for tests of
   * what a server's engine does: embedded, it releases its store only seconds after it was closed, if at
   * all.
   */
  readonly url: string;
  /** Default `sluice`. */
  readonly namespace?: string | undefined;
  /** Default `sluice`. */
  readonly database?: string | undefined;
  /** User of a server: root, of a namespace, or of a database. Absent: anonymous. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Time limit of the first connection, ms. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a request waits for a lost server to return, ms. Default 5,000. */
  readonly unavailableAfterMs?: number | undefined;
  /** Whether to send transactions one at a time. Default: true for `surrealkv` and `mem`, else false. */
  readonly oneAtATime?: boolean | undefined;
}

export type Variables = Readonly<Record<string, unknown>>;

/** The result of one statement of a request. */
export type Answer =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string };

export interface Database {
  /**
   * Sends one request and returns each statement's answer, in order.
   * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_AUTH; DATABASE_FAILED where the text does not parse
   */
  request(text: string, variables?: Variables): Promise<readonly Answer[]>;
  /** The same for a request that is a transaction, `BEGIN … COMMIT`: everything that writes. */
  transact(text: string, variables?: Variables): Promise<readonly Answer[]>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
const UNAVAILABLE_AFTER_MS = 5_000;

const SERVER = /^wss?:$/;
const EMBEDDED = /^(surrealkv|mem|rocksdb):$/;
/** Engines that may lose one of two concurrent updates. */
const LOSSY = /^(surrealkv|mem):$/;

const STORE = 'surrealkv://';

/** Directory of an embedded store; undefined for the URL of a server or of a store in memory. */
export function storePath(url: string): string | undefined {
  if (!url.startsWith(STORE)) return undefined;
  return decodeURIComponent(url.slice(STORE.length).replace(/\?.*$/, ''));
}

/**
 * Opens a connection and selects the database; creates it if it does not exist.
 * @throws SluiceError CONFIG_INVALID, DATABASE_LOCKED, DATABASE_AUTH, DATABASE_UNAVAILABLE
 */
export async function connect(options: DatabaseOptions): Promise<Database> {
  const url = parseUrl(options.url);
  const path = storePath(options.url);
  const release = path === undefined ? undefined : await claimStore(path);
  try {
    const oneAtATime = options.oneAtATime ?? LOSSY.test(url.protocol);
    return new SurrealDatabase(await open(options, url), { ...options, oneAtATime }, release);
  } catch (error) {
    await release?.();
    throw error;
  }
}

function parseUrl(text: string): URL {
  const kinds = 'surrealkv://PATH, mem://, ws://HOST:PORT or wss://HOST:PORT';
  if (!URL.canParse(text)) {
    throw new SluiceError('CONFIG_INVALID', `SURREAL_URL is not a URL: "${text}". Use ${kinds}.`);
  }
  const url = new URL(text);
  if (!SERVER.test(url.protocol) && !EMBEDDED.test(url.protocol)) {
    throw new SluiceError('CONFIG_INVALID', `SURREAL_URL has the kind "${url.protocol}". Use ${kinds}.`);
  }
  if (SERVER.test(url.protocol) && !url.pathname.endsWith('/rpc')) {
    url.pathname = `${url.pathname.replace(/\/$/, '')}/rpc`;
  }
  return url;
}

type Authentication = Exclude<ConnectOptions['authentication'], undefined>;

async function open(options: DatabaseOptions, url: URL): Promise<Surreal> {
  const { namespace = 'sluice', database = 'sluice', username, password = '' } = options;
  const names = { namespace, database };
  if (!SERVER.test(url.protocol) || username === undefined) return dial(options, url, names);
  // A user belongs to the root, to a namespace or to a database, and a sign-in must say which.
  const levels: readonly Authentication[] = [
    { username, password },
    { namespace, username, password },
    { namespace, database, username, password },
  ];
  let refused: unknown;
  for (const authentication of levels) {
    try {
      return await dial(options, url, names, authentication);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'DATABASE_AUTH') throw error;
      refused ??= error;
    }
  }
  throw refused;
}

async function dial(
  options: DatabaseOptions,
  url: URL,
  names: { readonly namespace: string; readonly database: string },
  authentication?: Authentication,
): Promise<Surreal> {
  const surreal = new Surreal({
    engines: { ...createRemoteEngines(), ...createNodeEngines() },
    codecOptions: { useNativeDates: true },
    websocketImpl: WebSocket as unknown as typeof globalThis.WebSocket,
  });
  let last: string | undefined;
  surreal.subscribe('error', (error) => {
    last = error.message;
  });
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  // The embedded engine opens the text as it is; a URL would lower-case and re-encode the path.
  const address = SERVER.test(url.protocol) ? url : options.url;
  try {
    await within(
      surreal.connect(address, {
        ...names,
        ...(authentication === undefined ? {} : { authentication }),
        reconnect: {
          enabled: true,
          attempts: -1,
          retryDelay: 100,
          retryDelayMax: 5_000,
          retryDelayMultiplier: 2,
          retryDelayJitter: 0.2,
        },
      }),
      timeoutMs,
      () => {
        const host = url.host === '' ? options.url : url.host;
        const reason = last === undefined ? '' : `: ${last}`;
        throw new SluiceError(
          'DATABASE_UNAVAILABLE',
          `No database answered at ${host} within ${timeoutMs} ms${reason}`,
        );
      },
    );
    return surreal;
  } catch (error) {
    await surreal.close().catch((closing: unknown) => {
      throw new SluiceError('DATABASE_UNAVAILABLE', toSluiceError(closing).message, { cause: error });
    });
    throw mapThrown(error, options);
  }
}

function mapThrown(error: unknown, options: DatabaseOptions): SluiceError {
  if (error instanceof SluiceError) return error;
  if (error instanceof ServerError) {
    if (error.kind === 'NotAllowed') {
      const who = options.username === undefined ? 'an anonymous connection' : `the user ${options.username}`;
      return new SluiceError('DATABASE_AUTH', `The database refuses ${who}: ${error.message}`, {
        cause: error,
      });
    }
    const retryable = isConflict(error.message);
    return new SluiceError('DATABASE_FAILED', error.message, { cause: error, retryable });
  }
  return toSluiceError(error, 'DATABASE_UNAVAILABLE');
}

/** True for the reason of a transaction that lost a write conflict and may be sent again. */
export function isConflict(reason: string): boolean {
  return /transaction conflict|can be retried|read or write conflict/i.test(reason);
}

class SurrealDatabase implements Database {
  private readonly pending = new Set<(error: Error) => void>();
  private outage: ReturnType<typeof setTimeout> | undefined;
  /** True once the server has been away for longer than a request waits: later requests fail at once. */
  private down = false;
  private closed = false;
  /** The transaction that was handed in last; never rejects. */
  private latest: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly surreal: Surreal,
    private readonly options: DatabaseOptions,
    private readonly release: (() => Promise<void>) | undefined,
  ) {
    surreal.subscribe('reconnecting', () => this.lost());
    surreal.subscribe('disconnected', () => this.lost());
    surreal.subscribe('connected', () => {
      clearTimeout(this.outage);
      this.outage = undefined;
      this.down = false;
    });
  }

  async request(text: string, variables: Variables = {}): Promise<readonly Answer[]> {
    if (this.down || this.closed) throw this.unavailable();
    let giveUp: ((error: Error) => void) | undefined;
    const lost = new Promise<never>((_, reject) => {
      giveUp = reject;
      this.pending.add(reject);
    });
    try {
      const answers = await Promise.race([this.surreal.query(text, { ...variables }).responses(), lost]);
      return answers.map((answer) =>
        answer.success ? { ok: true, value: answer.result } : { ok: false, reason: answer.error.message },
      );
    } catch (error) {
      throw mapThrown(error, this.options);
    } finally {
      if (giveUp !== undefined) this.pending.delete(giveUp);
    }
  }

  async transact(text: string, variables: Variables = {}): Promise<readonly Answer[]> {
    if (this.options.oneAtATime !== true) return this.request(text, variables);
    const turn = this.latest.then(() => this.request(text, variables));
    this.latest = Promise.allSettled([turn]);
    return turn;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.outage);
    this.rejectAll();
    await this.surreal.close();
    await this.release?.();
  }

  private lost(): void {
    if (this.closed || this.outage !== undefined) return;
    this.outage = setTimeout(() => {
      this.down = true;
      this.rejectAll();
    }, this.options.unavailableAfterMs ?? UNAVAILABLE_AFTER_MS);
    this.outage.unref();
  }

  private rejectAll(): void {
    for (const reject of this.pending) reject(this.unavailable());
  }

  private unavailable(): SluiceError {
    const what = this.closed
      ? 'The connection was closed'
      : 'The connection is lost; it is being tried again';
    return new SluiceError('DATABASE_UNAVAILABLE', `${what} (${this.options.url})`);
  }
}
