/**
 * A real Redis for tests: started where a `redis-server` is found (SLUICE_REDIS_BIN, PATH). Where there is none, what
 * is skipped is said loudly.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../../worker/temporal-server/ports.js';
import {
  spawnSupervised,
  type SupervisedProcess,
} from '../../../worker/temporal-server/supervised-process.js';
import { waitFor } from '../../support/wait-for.js';

function findRedis(): string | undefined {
  const named = process.env['SLUICE_REDIS_BIN'];
  if (named !== undefined && named !== '') return named;
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'redis-server'))
    .find((path) => existsSync(path));
}

const binary = findRedis();
/** True where tests with Redis can run. */
export const hasRedis = binary !== undefined;
if (!hasRedis) {
  process.stderr.write(
    '\n*** No redis-server found: the tests of the event stream are SKIPPED.\n' +
      '*** Install it (Debian: apt-get install redis-server) or name it in SLUICE_REDIS_BIN.\n\n',
  );
}

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
    if (binary === undefined) throw new Error('There is no redis-server');
    const options = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory];
    // Supervised: it ends with the test's process, however that ends.
    this.#process = spawnSupervised(binary, [
      ...[...options, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
    ]);
    const probe = this.connect();
    await waitFor(async () => (await probe.ping()) === 'PONG');
    probe.disconnect();
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
