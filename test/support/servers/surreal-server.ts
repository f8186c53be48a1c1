/** A real SurrealDB server for tests, run by the command that SURREAL_CLI_PATH names. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { SluiceError } from '../../../contracts/errors.js';
import { freePort } from '../../../worker/temporal-server/ports.js';
import { surrealBinary } from '../requirements.js';
import { stopProcess } from './stop-process.js';

const HOST = '127.0.0.1';
const READY_LIMIT_MS = 30_000;
const INTERVAL_MS = 25;

export interface Server {
  readonly url: string;
  readonly port: number;
  /** Kills it at once, as a crash does. */
  kill(): Promise<void>;
  /** Stops its process without ending it: it keeps its connections and answers nothing. */
  pause(): void;
  /** Lets it go on. */
  resume(): void;
}

export interface ServerOptions {
  /** `memory`, or `surrealkv://PATH`. */
  readonly store?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** More arguments of `surreal start`. */
  readonly more?: readonly string[];
}

/** Starts a server on loopback and waits until it listens. */
export async function startServer({
  store = 'memory',
  port,
  more = [],
}: ServerOptions = {}): Promise<Server> {
  if (surrealBinary === undefined) {
    throw new SluiceError('SURREAL_SERVER_NOT_FOUND', 'SURREAL_CLI_PATH names no SurrealDB server.');
  }
  const at = port ?? (await freePort(HOST));
  const bind = ['--user', 'root', '--pass', 'root', '--bind', `${HOST}:${at}`, '--log', 'none'];
  const child = spawn(surrealBinary, ['start', ...bind, ...more, store], { stdio: 'ignore' });
  await listening(child, at);
  return {
    url: `ws://${HOST}:${at}`,
    port: at,
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    pause: () => stopProcess(child.pid ?? 0),
    resume: () => void child.kill('SIGCONT'),
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  const until = Date.now() + READY_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The SurrealDB server ended with ${child.exitCode}`);
    const ready = await new Promise<boolean>((resolve) => {
      const socket = connect(port, HOST, () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (ready) return;
    if (Date.now() > until) {
      throw new Error(`The SurrealDB server does not listen after ${READY_LIMIT_MS} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
