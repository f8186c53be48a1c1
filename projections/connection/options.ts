/** How to reach a database, and what its URL says. */
import { SluiceError } from '../../contracts/errors.js';
import type { UnreadableRow } from './unreadable.js';

/** Whether the server is connected; if not, why the last try failed. */
export interface DatabaseState {
  readonly connected: boolean;
  readonly reason?: string | undefined;
}

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
  /** Time limit of the first connection, and of each try to connect again, ms. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a request waits for a lost server to return, ms. Default 5,000. */
  readonly unavailableAfterMs?: number | undefined;
  /** How long a server may say nothing, not even to a ping, until it counts as lost, ms. Default 10,000. */
  readonly silentAfterMs?: number | undefined;
  /** How long a request waits for its answer while the server answers pings, ms. Default 60,000. */
  readonly requestLimitMs?: number | undefined;
  /** Called when a server is lost, and when it is connected again. */
  readonly onState?: ((state: DatabaseState) => void) | undefined;
  /** Called once for each row that cannot be read. */
  readonly onUnreadable?: ((row: UnreadableRow) => void) | undefined;
  /** Whether to send transactions one at a time. Default: true for `surrealkv` and `mem`, else false. */
  readonly oneAtATime?: boolean | undefined;
}

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

/** What a URL says. */
export interface Address {
  readonly url: URL;
  readonly isServer: boolean;
  /** Whether its engine may lose one of two concurrent updates. */
  readonly isLossy: boolean;
}

/** @throws SluiceError CONFIG_INVALID */
export function parseAddress(text: string): Address {
  const kinds = 'surrealkv://PATH, mem://, ws://HOST:PORT or wss://HOST:PORT';
  if (!URL.canParse(text)) {
    throw new SluiceError('CONFIG_INVALID', `SURREAL_URL is not a URL: "${text}". Use ${kinds}.`);
  }
  const url = new URL(text);
  const isServer = SERVER.test(url.protocol);
  if (!isServer && !EMBEDDED.test(url.protocol)) {
    throw new SluiceError('CONFIG_INVALID', `SURREAL_URL has the kind "${url.protocol}". Use ${kinds}.`);
  }
  if (isServer && !url.pathname.endsWith('/rpc')) {
    url.pathname = `${url.pathname.replace(/\/$/, '')}/rpc`;
  }
  return { url, isServer, isLossy: LOSSY.test(url.protocol) };
}
