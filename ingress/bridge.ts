/**
 * The bridge as a whole: router, sources, relay, and their life.
 *
 * Invariant: all its state is in Redis, in the database or with a sender that waits for its answer, so it may
 * be killed at any moment. Events that it had recorded and not routed to the end are found again: by the
 * redelivery of their message, and by a sweep, at the start, when a service is available again and at
 * intervals.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { SluiceClient } from '../client/index.js';
import { redisBus, ShownEvents } from '../client/index.js';
import { ClosingStack } from '../contracts/closing-stack.js';
import type { SluiceError } from '../contracts/errors.js';
import type { CorrelationPaths } from '../contracts/events/correlation.js';
import { LIMITS } from '../contracts/limits.js';
import { answerOf, type Service } from '../contracts/services/watch.js';
import type { Projections } from '../projections/index.js';
import { createBridgeMetrics } from './routing/metrics.js';
import { Relay, type RelayOptions } from './relay.js';
import { Availability, isOfDatabase } from './routing/availability.js';
import { decodeOrRefuse } from './routing/decode.js';
import { Router } from './routing/route.js';
import { Sweeper, type SweepOptions } from './routing/sweeper.js';
import { RereadFile } from './sources/reread-file.js';
import { readSenderFile, senderFinder } from './sources/senders.js';
import { HttpSource } from './sources/http-source.js';
import { connectRedis, openRedis } from './sources/redis.js';
import { StreamSource } from './sources/stream-source.js';

const DAY_MS = 86_400_000;
/** Open dead letters of one tenant that are counted. */
const COUNTED_LETTERS = 10_000;
/** From this HTTP status on, an error is a failure of the bridge, not of the event. */
const FIRST_SERVER_ERROR = 500;

export interface BridgeConfig {
  /** Where to listen; undefined: no HTTP. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  readonly token: string | undefined;
  /** File of senders, each with a separate token (docs/events.md). */
  readonly tokensFile?: string | undefined;
  /** Undefined: no stream; events that runs publish go to the bridge itself. */
  readonly redisUrl: string | undefined;
  readonly stream: string;
  readonly group: string;
  /** Events in flight at the same time, for each source. */
  readonly inFlight: number;
  /** Idle time after which an unacknowledged message is claimed, ms. */
  readonly claimMs: number;
  /** Deliveries after which a message is a dead letter. */
  readonly tries: number;
  /** Age at which messages that every group has acknowledged are removed, ms; default: a day. */
  readonly keepMs?: number | undefined;
  readonly paths: CorrelationPaths;
  /** Time without an answer after which a connection to Redis is replaced, ms; default: 10 s. */
  readonly redisSilentMs?: number | undefined;
  /** Most runs that events start in a chain; default: `LIMITS.eventChain`. */
  readonly chainLimit?: number | undefined;
}

/** The log of a bridge. */
export interface BridgeLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface BridgeOptions {
  readonly config: BridgeConfig;
  readonly projections: Pick<
    Projections,
    'events' | 'deadLetters' | 'findDefinition' | 'requireSchema' | 'reads' | 'database'
  >;
  readonly client: SluiceClient;
  readonly log: BridgeLog;
  /** Default: every 10 s, events recorded more than 15 s ago. */
  readonly sweep?: Partial<SweepOptions> | undefined;
  /** Time limit for receiving a whole request with its body, ms; default 30 s. */
  readonly requestLimitMs?: number | undefined;
}

export interface RunningBridge {
  /** Base URL of the HTTP source; undefined: the bridge has no HTTP source. */
  readonly url: string | undefined;
  /** Stops cleanly: events in flight are routed to the end. */
  stop(): Promise<void>;
}

/**
 * Starts a bridge.
 * @throws SluiceError REDIS_UNAVAILABLE, CONFIG_INVALID
 */
export async function startBridge(options: BridgeOptions): Promise<RunningBridge> {
  const { config, projections, client, log, sweep } = options;
  const opened = new ClosingStack();
  const report = (error: SluiceError): void => {
    const { code, message } = error;
    if (error.status >= FIRST_SERVER_ERROR) log.error({ code, error }, message);
    else log.warn({ code }, message);
  };
  const { events, deadLetters } = projections;
  const metrics = createBridgeMetrics(
    ['database', 'temporal', ...(config.redisUrl === undefined ? [] : (['redis'] as const))],
    () => deadLetters.countOpen(COUNTED_LETTERS),
  );
  projections.database.unreadable.showBy((rows) => metrics.unreadable.set(rows));
  const { paths, chainLimit = LIMITS.eventChain } = config;
  const router = new Router({ events, definitions: projections, client, paths, metrics, chainLimit });
  const sweeper = new Sweeper(router, events, report, sweep);
  const answers = (service: Service, yes: boolean): void => {
    metrics.available.set({ service }, yes ? 1 : 0);
    metrics.connected.set(service, yes);
  };
  answers('database', true);
  answers('temporal', true);
  const ask = async (service: Service, probe: () => Promise<unknown>): Promise<SluiceError | undefined> => {
    const error = await answerOf(service, probe);
    answers(service, error === undefined);
    return error;
  };
  const availability = new Availability(
    async () => {
      const away = await Promise.all([
        ask('database', () => projections.requireSchema()),
        ask('temporal', () => client.check()),
      ]);
      const first = away.find((error) => error !== undefined);
      if (first !== undefined) throw first;
    },
    (state, error) => {
      if (state === 'away') {
        answers(isOfDatabase(error) ? 'database' : 'temporal', false);
        log.warn({ code: error?.code }, `Not consuming: ${error?.message ?? ''}`);
      } else {
        answers('database', true);
        answers('temporal', true);
        log.info({}, 'Temporal and the database are reachable again; consuming');
        sweeper.soon();
      }
    },
  );
  try {
    opened.add('Availability', () => availability.stop());
    availability.watch();
    sweeper.start(availability);
    opened.add('Sweeper', () => sweeper.stop());
    let send: RelayOptions['send'] = async (envelope) => {
      await router.accept(decodeOrRefuse(envelope), 'relay');
    };
    let streamReason = (): SluiceError | undefined => undefined;
    if (config.redisUrl !== undefined) {
      const connections = new Set<Redis>();
      const open = async (): Promise<Redis> => {
        const connection = openRedis(
          config.redisUrl ?? '',
          (error) => log.warn({}, `Redis: ${error.message}`),
          config.redisSilentMs,
        );
        await connectRedis(connection);
        connections.add(connection);
        const show = () => {
          metrics.connected.set(
            'redis',
            [...connections].every(({ status }) => status === 'ready'),
          );
        };
        for (const change of ['ready', 'close', 'end']) connection.on(change, show);
        opened.add('Redis', () => connection.disconnect());
        return connection;
      };
      const [redis, reader] = [await open(), await open()];
      const bus = redisBus(redis, config.stream);
      send = async (envelope, again) => {
        if (again) await router.refuseConflict(decodeOrRefuse(envelope), 'relay');
        await bus.publish(envelope);
      };
      const { stream, group, inFlight, claimMs, tries, keepMs = DAY_MS } = config;
      const source = new StreamSource({
        router,
        deadLetters,
        metrics,
        availability,
        reader,
        redis,
        stream,
        group,
        inFlight,
        claimMs,
        tries,
        keepMs,
        onError: report,
      });
      await source.start();
      streamReason = () => source.reason;
      opened.add('Stream source', () => source.stop());
    }
    const relay = new Relay({
      projections,
      availability,
      metrics,
      send,
      // Containers that share a host name also share the process id 1.
      holder: `${process.pid}@${hostname()}/${randomUUID()}`,
      onError: report,
    });
    relay.start();
    opened.add('Relay', () => relay.stop());
    let url: string | undefined;
    if (config.http !== undefined) {
      const { http, token, tokensFile, inFlight } = config;
      const senders =
        tokensFile === undefined ? undefined : await RereadFile.open(tokensFile, readSenderFile, log);
      if (senders !== undefined) opened.add('File of senders', () => senders.close());
      const source = new HttpSource({
        router,
        events,
        shown: new ShownEvents(events, projections.reads),
        temporal: client.temporal,
        metrics,
        availability,
        streamReason,
        inFlight,
        findSender: senderFinder(token, senders && (() => senders.value)),
        hasTokens: token !== undefined || tokensFile !== undefined,
        ...http,
        onError: report,
        onRefused: (refused) => log.warn({ ...refused }, 'A request was refused for who sent it'),
        requestLimitMs: options.requestLimitMs,
      });
      url = await source.listen();
      opened.add('HTTP source', () => source.stop());
    }
    return { url, stop: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
