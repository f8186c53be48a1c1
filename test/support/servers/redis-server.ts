/** A real Redis for tests, run by the `redis-server` that SLUICE_REDIS_BIN or PATH names. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../../worker/temporal-server/ports.js';
import {
  spawnSupervised,
  type SupervisedProcess,
} from '../../../worker/temporal-server/supervised-process.js';
import { redisBinary } from '../requirements.js';
import { waitFor } from '../wait-for.js';

/** A server with its own data, which outlives a crash of the process. */
export class RedisServer {
  #process: SupervisedProcess | undefined;

  private constructor(
    private readonly directory: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(
      await mkdtemp(join(tmpdir(), 'sluice-redis-')),
      await freePort('127.0.0.1'),
    );
    await server.run();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** A connection of a test; it is the test's to close. */
  connect(): Redis {
    const redis = new Redis(this.url, { maxRetriesPerRequest: null });
    redis.on('error', () => undefined);
    return redis;
  }

  /** Starts the process, again after `kill`. */
  async run(): Promise<void> {
    if (redisBinary === undefined) throw new Error('There is no redis-server');
    const options = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory];
    // Supervised: it ends with the test's process, however that ends.
    this.#process = spawnSupervised(redisBinary, [
      ...[...options, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
    ]);
    const probe = this.connect();
    await waitFor(async () => (await probe.ping()) === 'PONG');
    probe.disconnect();
  }

  /** Stops its process without ending it: it keeps its connections and answers nothing. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  /** Lets it go on. */
  resume(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    // The supervisor leads a process group of itself and the server.
    if (this.#process !== undefined) process.kill(-this.#process.pid, signal);
  }

  /** Ends it at once, as a crash does; what it acknowledged is on disk. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}
