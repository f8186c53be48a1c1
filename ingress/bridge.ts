/**
 * The bridge as a whole: router, sources, relay, and their life.
 *
 * Invariant: it holds nothing that is not in Redis, in the database or with a sender that waits for its answer, so it
 * may be killed at any moment. What it had recorded and not routed to the end is found again: by the redelivery of its
 * message, and by a sweep, at the start, after an outage and now and then.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { SluiceClient } from '../client/index.js';
import { redisBus } from '../client/index.js';
import type { SluiceError } from '../contracts/errors.js';
import type { CorrelationPaths } from '../contracts/events/correlation.js';
import type { Json } from '../contracts/json.js';
import type { Projections } from '../projections/index.js';
import { HttpSource } from './sources/http-source.js';
import { Outage } from './routing/outage.js';
import { connectRedis, openRedis } from './sources/redis.js';
import { Relay } from './relay.js';
import { Router } from './routing/route.js';
import { StreamSource } from './sources/stream-source.js';
import { Sweeper, type SweepOptions } from './routing/sweeper.js';

const KEEP_MS = 86_400_000;

export interface BridgeConfig {
  /** Where to listen; undefined: no HTTP. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  readonly token: string | undefined;
  /** Undefined: no stream; what runs publish goes to the bridge itself. */
  readonly redisUrl: string | undefined;
  readonly stream: string;
  readonly group: string;
  /** Events on their way at once, of each source. */
  readonly inFlight: number;
  /** ms */
  readonly claimMs: number;
  readonly tries: number;
  /** Age at which messages that every group has acknowledged go from the stream, ms; default: a day. */
  readonly keepMs?: number | undefined;
  readonly paths: CorrelationPaths;
}

/** Where the bridge says what happens. */
export interface BridgeLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface BridgeOptions {
  readonly config: BridgeConfig;
  readonly projections: Pick<Projections, 'events' | 'deadLetters' | 'findDefinition'>;
  readonly client: SluiceClient;
  readonly log: BridgeLog;
  /** Default: every 10 s, what was recorded more than 15 s ago. */
  readonly sweep?: Partial<SweepOptions> | undefined;
}

export interface RunningBridge {
  /** Base address of the HTTP source; undefined: there is none. */
  readonly url: string | undefined;
  /** Ends in good order: what is under way is finished. */
  stop(): Promise<void>;
}

/**
 * Starts a bridge.
 * @throws SluiceError REDIS_UNAVAILABLE, CONFIG_INVALID
 */
export async function startBridge({
  config,
  projections,
  client,
  log,
  sweep,
}: BridgeOptions): Promise<RunningBridge> {
  const closers: (() => Promise<unknown>)[] = [];
  const report = (error: SluiceError): void => {
    const { code, message } = error;
    if (error.status >= 500) log.error({ code, error }, message);
    else log.warn({ code }, message);
  };
  const { events, deadLetters } = projections;
  const router = new Router({ events, definitions: projections, client, paths: config.paths });
  const sweeper = new Sweeper(router, events, report, sweep);
  const outage = new Outage(
    async () => {
      await events.unfinished(new Date(0), 1);
      await client.check();
    },
    (state, error) => {
      if (state === 'closed') {
        log.warn({ code: error?.code }, `Nothing is consumed: ${error?.message ?? ''}`);
      } else {
        log.info({}, 'All is back: consumption goes on');
        sweeper.soon();
      }
    },
  );
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    closers.push(() => outage.stop());
    sweeper.start(outage);
    closers.push(() => sweeper.stop());
    let send = async (envelope: Json): Promise<void> => {
      await router.accept(envelope, 'relay');
    };
    if (config.redisUrl !== undefined) {
      const open = async (): Promise<Redis> => {
        const redis = openRedis(config.redisUrl ?? '', (error) => log.warn({}, `Redis: ${error.message}`));
        await connectRedis(redis);
        closers.push(() => Promise.resolve(redis.disconnect()));
        return redis;
      };
      const [redis, reader] = [await open(), await open()];
      const bus = redisBus(redis, config.stream);
      send = (envelope) => bus.publish(envelope);
      const { stream, group, inFlight, claimMs, tries, keepMs = KEEP_MS } = config;
      const source = new StreamSource({
        ...{ router, deadLetters, outage, reader, redis, stream, group, inFlight, claimMs, tries, keepMs },
        onError: report,
      });
      await source.start();
      closers.push(() => source.stop());
    }
    const relay = new Relay({
      projections,
      outage,
      send,
      // Containers that share a host's name have the same process id: 1.
      holder: `${process.pid}@${hostname()}/${randomUUID()}`,
      onError: report,
    });
    relay.start();
    closers.push(() => relay.stop());
    let url: string | undefined;
    if (config.http !== undefined) {
      const { token, inFlight } = config;
      const source = new HttpSource({
        router,
        events,
        outage,
        inFlight,
        token,
        ...config.http,
        onError: report,
      });
      url = await source.listen();
      closers.push(() => source.stop());
    }
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
