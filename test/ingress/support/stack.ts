/**
 * The servers of a crash test: Redis, a SurrealDB server, a worker in the test's process, bridges as
 * processes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { startServer, type Server } from '../../support/servers/surreal-server.js';
import { withSluice, type SluiceTest } from '../../support/sluice.js';
import { suiteTemporal } from '../../support/services.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { killAll as killWorkers, WorkerProcess } from '../../chaos/worker-process.js';
import { BridgeProcess, killAll } from './bridge-process.js';

const STREAM = 'sluice:events';
const GROUP = 'sluice';

export class Stack {
  readonly sluice: SluiceTest;
  readonly redis: RedisServer;
  readonly bus: Redis;

  private constructor(
    { sluice, redis, bus }: Pick<Stack, 'sluice' | 'redis' | 'bus'>,
    private surreal: Server,
    private readonly storePath: string,
  ) {
    this.sluice = sluice;
    this.redis = redis;
    this.bus = bus;
  }

  /** @param startWorker false: the test starts workers as processes */
  static async with(
    test: (stack: Stack) => Promise<void>,
    temporal?: { readonly address: string; readonly namespace: string },
    startWorker = true,
  ): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-events-'));
    const store = `surrealkv://${join(directory, 'db')}`;
    const surreal = await startServer({ store });
    const redis = await RedisServer.start();
    const bus = redis.connect();
    let stack: Stack | undefined;
    try {
      await withSluice(
        {
          temporal: temporal ?? (await suiteTemporal()),
          startWorker,
          database: { url: surreal.url, username: 'root', password: 'root' },
        },
        async (sluice) => {
          stack = new Stack({ sluice, redis, bus }, surreal, store);
          await test(stack);
          await killAll();
          await killWorkers();
        },
      );
    } finally {
      await killAll();
      await killWorkers();
      bus.disconnect();
      await redis.remove();
      await (stack?.surreal ?? surreal).kill();
      await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    }
  }

  private get servers(): Readonly<Record<string, string>> {
    const { address, namespace } = this.sluice.temporal;
    return {
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      SLUICE_TASK_QUEUE: this.sluice.taskQueue,
      SURREAL_URL: this.surreal.url,
      SURREAL_USER: 'root',
      SURREAL_PASS: 'root',
    };
  }

  /** Starts a worker as a process. */
  worker(): Promise<WorkerProcess> {
    return WorkerProcess.start(this.servers);
  }

  /** Starts a bridge. */
  bridge(env: Readonly<Record<string, string>> = {}): Promise<BridgeProcess> {
    return BridgeProcess.start({
      ...this.servers,
      REDIS_URL: this.redis.url,
      SLUICE_BRIDGE_HTTP: 'off',
      SLUICE_BRIDGE_CLAIM_MS: '1000',
      ...env,
    });
  }

  /** Puts an event on the stream. */
  async send(event: object): Promise<void> {
    const tenantId = this.sluice.tenant;
    await this.bus.xadd(STREAM, '*', 'event', JSON.stringify({ tenantId, ...event }));
  }

  /** Kills the database and starts it again on the same port and store. */
  async restartDatabase(whileAway: () => Promise<void>): Promise<void> {
    await this.surreal.kill();
    await whileAway();
    this.surreal = await startServer({ store: this.storePath, port: this.surreal.port });
  }

  /** Messages of the stream that are not acknowledged, delivered or not. */
  async unacknowledged(): Promise<number> {
    const [pending] = (await this.bus.xpending(STREAM, GROUP)) as [number];
    const [group] = (await this.bus.xinfo('GROUPS', STREAM)) as [unknown[]];
    const lag = Number(group[group.indexOf('lag') + 1]);
    return pending + lag;
  }

  /** Reads one number from the database. */
  async count(query: string): Promise<number> {
    const last = (await this.answers(query)).at(-1);
    return z.array(z.object({ count: z.number() })).parse(last)[0]?.count ?? 0;
  }

  /** The answers of the database to the statements. */
  async answers(query: string): Promise<unknown[]> {
    const answers = await this.sluice.projections.database.request(query, { tenant: this.sluice.tenant });
    return answers.map((answer) => {
      if (!answer.ok) throw new Error(answer.reason);
      return answer.value;
    });
  }
}
