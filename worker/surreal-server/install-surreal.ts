/** Downloads the SurrealDB server from its makers. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { EnvHttpProxyAgent, fetch, type Response } from 'undici';
import { messageOf } from '../../contracts/errors.js';
import type { Environment } from '../config/config.js';
import { execute, STALL_MS } from '../executables/execute.js';
import {
  fileNameOf,
  type FindOptions,
  type Installed,
  type Installer,
} from '../executables/find-executable.js';
import { withProgress, type ProgressOutput } from '../executables/progress.js';

/** Base address of the official downloads. */
export const SURREAL_DOWNLOADS = 'https://download.surrealdb.com';

/** The version of the embedded database (`@surrealdb/node`) and of docker-compose.yml. */
const VERSION = '3.0.2';
const DOWNLOAD_LIMIT_MS = 10 * 60_000;
const UNPACK_LIMIT_MS = 60_000;
const BYTES_PER_MB = 1_048_576;
const SYSTEMS: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const PROCESSORS: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** The name of the download for a platform; undefined where none is published. */
export function downloadName(
  platform: string = process.platform,
  arch: string = process.arch,
): string | undefined {
  const [system, processor] = [SYSTEMS[platform], PROCESSORS[arch]];
  if (system === undefined || processor === undefined) return undefined;
  if (system === 'windows' && processor !== 'amd64') return undefined;
  return `surreal-v${VERSION}.${system}-${processor}.${system === 'windows' ? 'exe' : 'tgz'}`;
}

/** An installer that downloads the server from that base address. */
export function downloadFrom(downloads: string): Installer {
  return async (scratch, options) => {
    const { env, log } = options;
    const name = downloadName();
    if (name === undefined) {
      return { reason: `SurrealDB has no download for ${process.platform} on ${process.arch}` };
    }
    const url = `${downloads}/v${VERSION}/${name}`;
    log(`No SurrealDB server on this machine: downloading ${url} …`);
    const archive = join(scratch, name);
    try {
      await download(url, archive, options);
    } catch (error) {
      return { reason: `the download of ${url} failed (${reasonOf(error)})` };
    }
    return unpack(archive, scratch, env);
  };
}

/** The archive holds the command and nothing else; for Windows the download is the command itself. */
async function unpack(archive: string, scratch: string, env: Environment): Promise<Installed> {
  if (archive.endsWith('.exe')) return { path: archive, version: VERSION };
  const ended = await execute('tar', ['-xzf', archive, '-C', scratch], { env, limitMs: UNPACK_LIMIT_MS });
  if (ended.code !== 0) return { reason: `${archive} cannot be unpacked (${ended.reason})` };
  return { path: join(scratch, fileNameOf('surreal')), version: VERSION };
}

async function download(url: string, file: string, options: FindOptions): Promise<void> {
  const { env } = options;
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? '',
    httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? '',
    noProxy: env.no_proxy ?? env.NO_PROXY ?? '',
    connectTimeout: STALL_MS,
    headersTimeout: STALL_MS,
    bodyTimeout: STALL_MS,
  });
  const get = (address: string) =>
    fetch(address, { dispatcher, signal: AbortSignal.timeout(DOWNLOAD_LIMIT_MS) });
  try {
    const actual = await save(await get(url), file, options);
    if (!url.endsWith('.tgz')) return;
    const published = await readChecksum(await get(url.replace(/\.tgz$/, '.txt')));
    if (published !== undefined && published !== actual) {
      throw new Error(`its SHA-256 is ${actual}, the published one is ${published}`);
    }
  } finally {
    await dispatcher.destroy();
  }
}

/** Writes the body to a file and gives its SHA-256. */
async function save(response: Response, file: string, output: ProgressOutput): Promise<string> {
  if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
  const total = Number(response.headers.get('content-length') ?? Number.NaN);
  const hash = createHash('sha256');
  let received = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await withProgress(
    output,
    'Downloading the SurrealDB server',
    () => pipeline(Readable.fromWeb(response.body as ReadableStream), count, createWriteStream(file)),
    () => `${megabytes(received)} of ${Number.isNaN(total) ? '?' : megabytes(total)} MB`,
  );
  if (!Number.isNaN(total) && received !== total) throw new Error(`${received} of ${total} bytes arrived`);
  return hash.digest('hex');
}

/** The SHA-256 that is published beside an archive; undefined where none is. */
async function readChecksum(response: Response): Promise<string | undefined> {
  const text = await response.text();
  return response.ok ? /\b[0-9a-f]{64}\b/.exec(text)?.[0] : undefined;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / BYTES_PER_MB);
}

/** The message of an error; `fetch` keeps the network's own in the cause. */
function reasonOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
