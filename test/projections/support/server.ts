/**
 * A real SurrealDB server, where its binary is found: `SLUICE_SURREAL_BIN`, `surreal` on PATH, or the packed one in
 * `../shared/tools/`.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, rename } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Path of the server binary; undefined where there is none. */
async function findServer(): Promise<string | undefined> {
  const named = process.env['SLUICE_SURREAL_BIN'];
  if (named !== undefined && named !== '') return named;
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    if (directory !== '' && existsSync(join(directory, 'surreal'))) return join(directory, 'surreal');
  }
  const tools = '../shared/tools';
  const packed = existsSync(tools)
    ? readdirSync(tools).find((name) => /^surreal-.*\.xz$/.test(name))
    : undefined;
  return packed === undefined ? undefined : unpack(join(tools, packed), packed.replace(/\.xz$/, ''));
}

async function unpack(archive: string, name: string): Promise<string> {
  const directory = join(tmpdir(), 'sluice-test-tools');
  const target = join(directory, name);
  if (existsSync(target)) return target;
  await mkdir(directory, { recursive: true });
  const partial = `${target}.${process.pid}`;
  const xz = spawn('xz', ['-dc', archive], { stdio: ['ignore', 'pipe', 'inherit'] });
  await pipeline(xz.stdout, createWriteStream(partial));
  await chmod(partial, 0o755);
  await rename(partial, target);
  await run(target, ['version']);
  return target;
}

export interface Server {
  readonly url: string;
  readonly port: number;
  /** Kills it at once, as a crash does. */
  kill(): Promise<void>;
}

export interface ServerOptions {
  /** `memory`, or `surrealkv://PATH`. */
  readonly store?: string;
  /** Default: one that nothing listens on. */
  readonly port?: number;
  /** Further arguments. */
  readonly more?: readonly string[];
}

/** Starts a server on loopback and waits until it listens. */
export async function startServer({
  store = 'memory',
  port,
  more = [],
}: ServerOptions = {}): Promise<Server> {
  if (binary === undefined) throw new Error('There is no SurrealDB server');
  const at = port ?? (await freePort());
  const bind = ['--user', 'root', '--pass', 'root', '--bind', `127.0.0.1:${at}`, '--log', 'none'];
  const child = spawn(binary, ['start', ...bind, ...more, store], { stdio: 'ignore' });
  await listening(child, at);
  return {
    url: `ws://127.0.0.1:${at}`,
    port: at,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  const until = Date.now() + 30_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The SurrealDB server ended with ${child.exitCode}`);
    const ready = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (ready) return;
    if (Date.now() > until) throw new Error('The SurrealDB server did not listen within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A port of loopback that nothing listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  if (address === null || typeof address === 'string') throw new Error('No TCP address');
  probe.close();
  await once(probe, 'close');
  return address.port;
}

/** Path of the server's binary; undefined: there is none. */
export const surrealBinary = await findServer();
const binary = surrealBinary;

/** False: there is no binary. */
export const hasServer = binary !== undefined;
