/**
 * One connection of the SDK, from its sign-in to its loss. It never reconnects: connection.ts dials again.
 *
 * Invariants
 * - The SDK's own reconnect is off. After one refused sign-in it would close its engine for good, and it
 *   looks at no answer to its pings.
 * - A line is lost once and for all: when its socket closes, when the renewal of its sign-in is refused, or
 *   when the server says nothing for `silentAfterMs`, although a ping asks it to. A server answers a ping
 *   while it works on a long statement, so a slow statement loses no line.
 * - A line that is dropped leaves no socket behind, even if the other side never answers.
 */
import { createNodeEngines } from '@surrealdb/node';
import { createRemoteEngines, Surreal, type ConnectOptions } from 'surrealdb';
import { WebSocket, type ClientOptions } from 'ws';
import { SluiceError } from '../../contracts/errors.js';
import { within } from '../../contracts/within.js';
import { mapThrown } from './failures.js';
import type { Address, DatabaseOptions } from './options.js';

const SILENT_AFTER_MS = 10_000;
/** Pings within the time after which a server counts as silent. */
const PINGS = 4;
/** Extra time before a server is called silent, ms: in a busy process, an answer may wait behind a timer. */
const READ_MS = 250;

type Authentication = Exclude<ConnectOptions['authentication'], undefined>;

export interface Line {
  readonly surreal: Surreal;
  /**
   * Calls the listener with the reason once the line is lost or dropped; at once if it is already.
   * @returns stops listening
   */
  onLost(listener: (reason: string) => void): () => void;
  /** Closes it at once. Later calls have no effect. */
  drop(reason: string): void;
  /** Closes it as the engine wants it; an embedded store is written out. */
  close(): Promise<void>;
}

/**
 * Connects, signs in and selects the database; creates it if it does not exist.
 * @param limitMs how long it may take
 * @throws SluiceError DATABASE_AUTH, DATABASE_UNAVAILABLE
 */
export async function dial(options: DatabaseOptions, address: Address, limitMs: number): Promise<Line> {
  const { namespace = 'sluice', database = 'sluice', username, password = '' } = options;
  const names = { namespace, database };
  if (!address.isServer || username === undefined) return dialAs(options, address, { names, limitMs });
  // A user belongs to the root, to a namespace or to a database, and a sign-in must say which.
  const levels: readonly Authentication[] = [
    { username, password },
    { namespace, username, password },
    { namespace, database, username, password },
  ];
  let refused: unknown;
  for (const authentication of levels) {
    try {
      return await dialAs(options, address, { names, limitMs, authentication });
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'DATABASE_AUTH') throw error;
      refused ??= error;
    }
  }
  throw refused;
}

interface Sign {
  readonly names: { readonly namespace: string; readonly database: string };
  readonly limitMs: number;
  readonly authentication?: Authentication;
}

async function dialAs(options: DatabaseOptions, address: Address, sign: Sign): Promise<Line> {
  const { limitMs, names, authentication } = sign;
  const sockets = new Sockets();
  const surreal = new Surreal({
    engines: { ...createRemoteEngines(), ...createNodeEngines() },
    codecOptions: { useNativeDates: true },
    websocketImpl: sockets.implementation,
  });
  const line = new SurrealLine(surreal, sockets, options.silentAfterMs ?? SILENT_AFTER_MS);
  try {
    const connected = surreal.connect(
      // The embedded engine opens the text as it is; a URL would lower-case and re-encode the path.
      address.isServer ? address.url : options.url,
      {
        ...names,
        ...(authentication === undefined ? {} : { authentication }),
        reconnect: { enabled: false },
      },
    );
    const gone = new Promise<never>((_, reject) => {
      line.onLost((reason) => reject(new SluiceError('DATABASE_UNAVAILABLE', reason)));
    });
    await within(Promise.race([connected, gone]), limitMs, () => {
      throw new SluiceError('DATABASE_UNAVAILABLE', `no answer within ${limitMs} ms`);
    });
  } catch (error) {
    line.drop('The connection could not be opened');
    throw mapThrown(error, options.username);
  }
  if (address.isServer) line.watch();
  return line;
}

/** The sockets that the SDK opens for one line. */
class Sockets {
  readonly #open = new Set<WebSocket>();
  /** When anything arrived last, ms of the monotonic clock. */
  heardAt = performance.now();
  failure: string | undefined;

  /** The SDK takes a class with the browser's interface, which `ws` has. */
  get implementation(): typeof globalThis.WebSocket {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the class below has its own `this`
    const sockets = this;
    class Watched extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[], more?: ClientOptions) {
        super(url, protocols, more);
        sockets.#add(this);
      }
    }
    return Watched as unknown as typeof globalThis.WebSocket;
  }

  #add(socket: WebSocket): void {
    this.#open.add(socket);
    socket.on('message', () => (this.heardAt = performance.now()));
    socket.on('error', (error) => (this.failure = error.message));
    socket.once('close', () => this.#open.delete(socket));
  }

  terminate(): void {
    for (const socket of this.#open) socket.terminate();
  }
}

class SurrealLine implements Line {
  /** Why it was lost; undefined while it is not. */
  #lost: string | undefined;
  readonly #listeners = new Set<(reason: string) => void>();
  #pings: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly surreal: Surreal,
    private readonly sockets: Sockets,
    private readonly silentAfterMs: number,
  ) {
    surreal.subscribe('disconnected', () => {
      this.drop(sockets.failure ?? 'The server has closed the connection');
    });
  }

  /** Begins to look for silence and refused renewals; for servers. */
  watch(): void {
    this.surreal.subscribe('error', (error) => this.drop(error.message));
    this.#pings = setInterval(() => void this.#ping(), this.silentAfterMs / PINGS);
    this.#pings.unref();
  }

  onLost(listener: (reason: string) => void): () => void {
    if (this.#lost !== undefined) listener(this.#lost);
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  drop(reason: string): void {
    // The SDK ends its own timers and forgets its calls.
    this.#end(reason).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#end('The connection was closed');
  }

  async #end(reason: string): Promise<void> {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    clearInterval(this.#pings);
    const closing = this.surreal.close();
    // A socket waits for the other side's farewell, which a silent one never says.
    this.sockets.terminate();
    for (const listener of this.#listeners) listener(reason);
    this.#listeners.clear();
    await closing;
  }

  async #ping(): Promise<void> {
    // Any answer is a sign of life, a refusal too: it resets `heardAt`.
    this.surreal.version().catch(() => undefined);
    if (!this.#silent()) return;
    await new Promise((resolve) => setTimeout(resolve, READ_MS));
    if (this.#silent()) this.drop(`The server has said nothing for ${this.silentAfterMs} ms`);
  }

  #silent(): boolean {
    return this.#lost === undefined && performance.now() - this.sockets.heardAt > this.silentAfterMs;
  }
}
