/**
 * The connection to SurrealDB: what requests see of it.
 *
 * States of a server's connection: connected → lost (line.ts says when) → connected. While it is lost, it is
 * dialled again without end, with a pause that grows to 5 s, also after a
 * refused sign-in, because a password that is changed and put back must not need a restart.
 *
 * Invariants
 * - Every failure leaves here as a coded error: DATABASE_UNAVAILABLE (retryable), DATABASE_AUTH,
 *   DATABASE_LOCKED, CONFIG_INVALID; the failure of a statement stays in its answer, for the caller.
 *   DATABASE_AUTH is only for a database that has answered nothing yet; later it is a database that is away.
 * - Every request ends: with its answer, or when the server has been away for `unavailableAfterMs`, or after
 *   `requestLimitMs`.
 * - Whether a request that was sent and not answered took effect is unknown. It is sent again on the next
 *   line, or its error says so. So every transaction of this room is idempotent.
 * - A database that is empty where the lost one was, as while a restore is under way, gets no request.
 * - No update is lost. The engines `mem` and `surrealkv` of SurrealDB 3.0 don't guarantee that: of two
 *   transactions that write the same row, one of which begins while the other commits, both may succeed
 *   (github.com/surrealdb/surrealdb/issues/7303; seen here once in about a hundred such pairs). An embedded
 *   store has one process, so its transactions are sent one at a time. A server has many clients: its store
 *   must be one that does guarantee it, such as RocksDB (docs/operations.md).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { within } from '../../contracts/within.js';
import { PLAIN, type ValueSeal } from '../values/value-seal.js';
import { isLoss, mapThrown } from './failures.js';
import { dial, type Line } from './line.js';
import { type Address, type DatabaseOptions, parseAddress, storePath } from './options.js';
import { claimStore } from './store-lock.js';
import { UnreadableRows } from './unreadable.js';

export type Variables = Readonly<Record<string, unknown>>;

/** The result of one statement of a request. */
export type Answer =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string };

export interface Database {
  /**
   * Sends one request and returns each statement's answer, in order.
   * @param limitMs how long to wait for the answer; default: `requestLimitMs` of the options
   * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_AUTH; DATABASE_FAILED where the text does not parse
   */
  request(text: string, variables?: Variables, limitMs?: number): Promise<readonly Answer[]>;
  /** The same for a request that is a transaction, `BEGIN … COMMIT`: everything that writes. */
  transact(text: string, variables?: Variables, limitMs?: number): Promise<readonly Answer[]>;
  close(): Promise<void>;
  /** Rows that this process could not read. */
  readonly unreadable: UnreadableRows;
  /** How values are written in columns. */
  readonly seal: ValueSeal;
}

/** Options, with what a database must be that is found where the lost one was. */
export interface ConnectOptions extends DatabaseOptions {
  /**
   * Looks at a database that was dialled again, before any request is sent to it. It throws if this is not
   * the one that was lost, which then counts as lost still.
   */
  readonly accept?: ((database: Database) => Promise<void>) | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;
const UNAVAILABLE_AFTER_MS = 5_000;
const REQUEST_LIMIT_MS = 60_000;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const JITTER = 0.2;

/**
 * Opens a connection and selects the database; creates it if it does not exist.
 * @throws SluiceError CONFIG_INVALID, DATABASE_LOCKED, DATABASE_AUTH, DATABASE_UNAVAILABLE
 */
export async function connect(options: ConnectOptions): Promise<Database> {
  const address = parseAddress(options.url);
  const path = storePath(options.url);
  const release = path === undefined ? undefined : await claimStore(path);
  try {
    return new SurrealDatabase(options, address, await firstLine(options, address), release);
  } catch (error) {
    await release?.();
    throw error;
  }
}

/** The first line: a server that does not listen yet is asked again until the time is up. */
async function firstLine(options: DatabaseOptions, address: Address): Promise<Line> {
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const end = performance.now() + connectTimeoutMs;
  for (let tries = 0; ; tries++) {
    try {
      return await dial(options, address, Math.max(1, end - performance.now()));
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (error.code !== 'DATABASE_UNAVAILABLE') throw error;
      const pause = pauseAfter(tries);
      if (performance.now() + pause < end) {
        await sleep(pause);
        continue;
      }
      const host = address.url.host === '' ? options.url : address.url.host;
      throw new SluiceError(
        'DATABASE_UNAVAILABLE',
        `No database answered at ${host} within ${connectTimeoutMs} ms: ${error.message}`,
        { cause: error },
      );
    }
  }
}

/** The pause before the next try, ms. @param tries failed ones before it */
function pauseAfter(tries: number): number {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 10), LONGEST_PAUSE_MS);
  return pause * (1 + JITTER * (Math.random() - 0.5));
}

async function answersOf(line: Line, text: string, variables: Variables): Promise<readonly Answer[]> {
  const answers = await line.surreal.query(text, { ...variables }).responses();
  return answers.map((answer) =>
    answer.success ? { ok: true, value: answer.result } : { ok: false, reason: answer.error.message },
  );
}

/** A request that waits for a line. */
interface Waiter {
  readonly go: (line: Line) => void;
  readonly giveUp: () => void;
}

class SurrealDatabase implements Database {
  readonly unreadable: UnreadableRows;
  readonly seal = PLAIN;
  /** Undefined while the server is lost. */
  #line: Line | undefined;
  /** Why the server is lost: what the last try was answered. */
  #reason = '';
  /** True once the server has been away for longer than a request waits: later requests fail at once. */
  #down = false;
  /** True once anything was answered: from then on a refusal is the server's, not the configuration's. */
  #answered = false;
  readonly #closing = new AbortController();
  /** Requests that wait for a line. */
  readonly #waiting = new Set<Waiter>();
  /** The transaction that was handed in last; never rejects. */
  #latest: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly options: ConnectOptions,
    private readonly address: Address,
    line: Line,
    private readonly release: (() => Promise<void>) | undefined,
  ) {
    this.unreadable = new UnreadableRows(options.onUnreadable);
    this.#use(line);
  }

  async request(
    text: string,
    variables: Variables = {},
    limitMs = this.options.requestLimitMs ?? REQUEST_LIMIT_MS,
  ): Promise<readonly Answer[]> {
    const end = performance.now() + limitMs;
    for (let sent = false; ; sent = true) {
      const line = this.#line ?? (await this.#nextLine(sent));
      const answers = await this.#ask(line, { text, variables, leftMs: end - performance.now() });
      if (answers !== undefined) return answers;
    }
  }

  async transact(text: string, variables?: Variables, limitMs?: number): Promise<readonly Answer[]> {
    if (!(this.options.oneAtATime ?? this.address.isLossy)) return this.request(text, variables, limitMs);
    const turn = this.#latest.then(() => this.request(text, variables, limitMs));
    this.#latest = Promise.allSettled([turn]);
    return turn;
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#giveUpAll();
    await this.#line?.close();
    await this.release?.();
  }

  /** One try on one line. @returns undefined where the line was lost before the answer came */
  async #ask(
    line: Line,
    {
      text,
      variables,
      leftMs,
    }: { readonly text: string; readonly variables: Variables; readonly leftMs: number },
  ): Promise<readonly Answer[] | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const limit = (): void => reject(this.#unavailable(true, 'No answer came in time'));
      timer = setTimeout(limit, Math.max(0, leftMs));
    });
    let stopListening = (): unknown => undefined;
    const lost = new Promise<undefined>((resolve) => {
      stopListening = line.onLost(() => resolve(undefined));
    });
    try {
      const answers = await Promise.race([answersOf(line, text, variables), lost, late]);
      if (answers !== undefined) this.#answered = true;
      return answers;
    } catch (thrown) {
      const error = mapThrown(thrown, this.options.username);
      // The sign-in has run out or was taken away. The next line signs in again.
      if (error.code === 'DATABASE_AUTH' && this.#answered) {
        line.drop(error.message);
        throw this.#unavailable(false, error.message);
      }
      // The SDK may notice the end of its socket before the line does.
      if (this.address.isServer && isLoss(thrown)) {
        line.drop(error.message);
        return undefined;
      }
      throw error;
    } finally {
      clearTimeout(timer);
      stopListening();
    }
  }

  /** Waits for the next line. @param sent whether the request was sent on an earlier one */
  #nextLine(sent: boolean): Promise<Line> {
    if (this.#down || this.#closing.signal.aborted) return Promise.reject(this.#unavailable(sent));
    return new Promise((resolve, reject) => {
      this.#waiting.add({ go: resolve, giveUp: () => reject(this.#unavailable(sent)) });
    });
  }

  #use(line: Line): void {
    this.#line = line;
    this.#down = false;
    for (const { go } of this.#take()) go(line);
    line.onLost((reason) => void this.#dialAgain(reason));
  }

  async #dialAgain(reason: string): Promise<void> {
    const { signal } = this.#closing;
    this.#line = undefined;
    this.#reason = reason;
    if (signal.aborted) return this.#giveUpAll();
    this.options.onState?.({ connected: false, reason });
    const outage = setTimeout(() => {
      this.#down = true;
      this.#giveUpAll();
    }, this.options.unavailableAfterMs ?? UNAVAILABLE_AFTER_MS);
    outage.unref();
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const line = await this.#dial();
        if (signal.aborted) {
          line.drop('The connection was closed');
        } else {
          this.#use(line);
          this.options.onState?.({ connected: true });
        }
        break;
      } catch (error) {
        const { message } = toSluiceError(error);
        if (message !== this.#reason) this.options.onState?.({ connected: false, reason: message });
        this.#reason = message;
        await sleep(pauseAfter(tries), undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
    clearTimeout(outage);
  }

  /** A line to the same database. A server that is silent now is soon asked on another line. */
  async #dial(): Promise<Line> {
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS, silentAfterMs = connectTimeoutMs } = this.options;
    const line = await dial(this.options, this.address, Math.min(connectTimeoutMs, silentAfterMs));
    const { accept } = this.options;
    if (accept === undefined) return line;
    const request = (text: string, variables: Variables = {}) => answersOf(line, text, variables);
    const { unreadable } = this;
    const database = { request, transact: request, close: () => Promise.resolve(), unreadable, seal: PLAIN };
    try {
      await within(accept(database), connectTimeoutMs, () => {
        throw new SluiceError('DATABASE_UNAVAILABLE', `no answer within ${connectTimeoutMs} ms`);
      });
      return line;
    } catch (error) {
      line.drop('The database is not accepted');
      throw mapThrown(error, this.options.username);
    }
  }

  #giveUpAll(): void {
    for (const { giveUp } of this.#take()) giveUp();
  }

  #take(): readonly Waiter[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }

  #unavailable(sent: boolean, reason = this.#reason): SluiceError {
    const what = this.#closing.signal.aborted
      ? 'The connection was closed'
      : this.#line === undefined
        ? 'The connection is lost; it is being tried again'
        : 'The database does not answer';
    const why = reason === '' ? '' : `: ${reason}`;
    const unknown = sent ? '. Whether the request took effect is not known' : '';
    return new SluiceError('DATABASE_UNAVAILABLE', `${what} (${this.options.url})${why}${unknown}`);
  }
}
