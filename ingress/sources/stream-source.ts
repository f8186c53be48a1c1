/**
 * The Redis Streams source: thin in front of the router.
 *
 * Invariants
 * - A message is acknowledged when its routing has ended, or when it is a dead letter. Until then it is
 *   pending, so if this process dies, a living consumer claims it after its idle time (XAUTOCLAIM).
 * - A message in flight is not idle: its consumer says so at intervals, which counts no delivery. So a
 *   message that only takes long is not claimed, and does not come closer to being a dead letter.
 * - In-flight messages are bounded, and nothing new is read while a service is away. New reads use at most
 *   three quarters of the bound; the rest is kept for claimed messages, which would otherwise queue behind a
 *   long backlog.
 * - A message that cannot be decoded is a dead letter at once, with its raw bytes. A message that fails for
 *   another reason is claimed and tried again, and is a dead letter after `tries` deliveries. Redis counts
 *   the deliveries, so a message that kills the process is caught as well.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { messageOf, SluiceError, toSluiceError } from '../../contracts/errors.js';
import { STREAM_FIELD, type DecodedEvent } from '../../contracts/events/event-envelope.js';
import { redisError, redisRefused } from '../../contracts/events/redis-error.js';
import { LIMITS } from '../../contracts/limits.js';
import { faultText } from '../../contracts/reading/json-faults.js';
import { parseJson, type ParsedJson } from '../../contracts/reading/parse-json.js';
import type { Projections } from '../../projections/index.js';
import { isAway, isOfRedis, type Availability } from '../routing/availability.js';
import { decodeOrRefuse, eventInvalid } from '../routing/decode.js';
import type { BridgeMetrics } from '../routing/metrics.js';
import type { Router } from '../routing/route.js';
import { deadLetterOf, envelopeField, envelopeFields } from './dead-letter.js';
import { decodeText } from './text.js';
import { trimStream } from './trim-stream.js';

/** How long a read waits for a new message, ms. A stop may have to wait as long. */
const BLOCK_MS = 500;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** Idle time after which a consumer with nothing pending is deleted, ms. */
const IDLE_CONSUMER_MS = 3_600_000;
/** The share of the in-flight bound that is reserved for claimed messages. */
const CLAIMED_SHARE = 1 / 4;
/** How often messages in flight are kept from being claimed, within the idle time of a claim. */
const TOUCHES_PER_CLAIM = 4;
/** Time between two trims of the stream, ms. */
const TRIM_MS = 60_000;

export interface StreamSourceOptions {
  readonly router: Router;
  readonly deadLetters: Projections['deadLetters'];
  readonly metrics: Pick<BridgeMetrics, 'deadLetters'>;
  readonly availability: Availability;
  /** For blocking reads. */
  readonly reader: Redis;
  /** For everything else. */
  readonly redis: Redis;
  readonly stream: string;
  readonly group: string;
  readonly inFlight: number;
  /** Idle time after which an unacknowledged message is claimed, ms. */
  readonly claimMs: number;
  /** Deliveries after which a message is a dead letter. */
  readonly tries: number;
  /** Age at which messages that every group has acknowledged are removed from the stream, ms. */
  readonly keepMs: number;
  readonly onError: (error: SluiceError) => void;
}

type Entry = readonly [id: Buffer, fields: readonly Buffer[] | null];

export class StreamSource {
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #consumer = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  readonly #stop = new AbortController();
  /** The loops that fail. */
  readonly #failing = new Map<() => Promise<void>, SluiceError>();
  #running: Promise<unknown> = Promise.resolve();
  readonly #waitingForRoom = new Set<() => void>();

  constructor(private readonly options: StreamSourceOptions) {}

  /**
   * Creates the consumer group if it does not exist, and begins to consume.
   * @throws SluiceError REDIS_UNAVAILABLE, REDIS_REFUSED
   */
  async start(): Promise<void> {
    await this.#createGroup();
    this.#running = Promise.all([
      this.#loop(() => this.#read()),
      this.#loop(() => this.#claim()),
      this.#touching(),
      this.#loop(() => this.#trim()),
    ]);
  }

  /** Stops reading, and waits until the messages in flight have ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#roomChanged();
    await this.#running;
    await Promise.all(this.#inFlight.values());
    await this.#deleteConsumers([this.#consumer]).catch((error: unknown) =>
      this.options.onError(redisError(error)),
    );
  }

  /** Why the stream is not read, acknowledged or claimed; undefined: it is. */
  get reason(): SluiceError | undefined {
    return this.#failing.values().next().value;
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #createGroup(): Promise<void> {
    const { redis, stream, group } = this.options;
    try {
      await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM');
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('BUSYGROUP')) throw redisError(error);
    }
    const consumers = (await redis.xinfo('CONSUMERS', stream, group)) as unknown[][];
    const abandoned = consumers.flatMap((row) => {
      const info = new Map(row.map((value, i) => [row[i - 1], value] as const).filter((_, i) => i % 2 === 1));
      return info.get('pending') === 0 && Number(info.get('idle')) > IDLE_CONSUMER_MS
        ? [String(info.get('name'))]
        : [];
    });
    await this.#deleteConsumers(abandoned);
  }

  /** Deletes consumers, but none that has pending messages: those would be lost. */
  async #deleteConsumers(consumers: readonly string[]): Promise<void> {
    const { redis, stream, group } = this.options;
    for (const consumer of consumers) {
      const pending = await redis.xpending(stream, group, '-', '+', 1, consumer);
      if (pending.length === 0) await redis.xgroup('DELCONSUMER', stream, group, consumer);
    }
  }

  async #loop(turn: () => Promise<void>): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!this.#stopped) {
      try {
        await this.options.availability.whenAvailable();
        await turn();
        pause = FIRST_PAUSE_MS;
        this.#failing.delete(turn);
      } catch (thrown) {
        const error = redisError(thrown);
        if (this.#stopped) return;
        this.#failing.set(turn, error);
        this.options.onError(error);
        // A Redis that restarted empty has lost the group, or somebody destroyed it. The new one begins at
        // the first message: nothing unread is skipped, and what was routed before is a duplicate.
        if (redisRefused(error, 'NOGROUP')) await this.#createGroup().catch(this.options.onError);
        await wait(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
  }

  /** Reads as many new messages as may be in flight. */
  async #read(): Promise<void> {
    const { reader, stream, group, inFlight } = this.options;
    const room = await this.#room(inFlight - Math.floor(inFlight * CLAIMED_SHARE));
    if (this.#stopped) return;
    const answer = (await reader.xreadgroupBuffer(
      'GROUP',
      group,
      this.#consumer,
      'COUNT',
      room,
      'BLOCK',
      BLOCK_MS,
      'STREAMS',
      stream,
      '>',
    )) as readonly [Buffer, readonly Entry[]][] | null;
    for (const entry of answer?.[0]?.[1] ?? []) this.#take(entry, 1);
  }

  /** Claims messages of a consumer that died, and messages that failed here. */
  async #claim(): Promise<void> {
    const { redis, stream, group, claimMs, inFlight } = this.options;
    let from = '0-0';
    do {
      const room = await this.#room(inFlight);
      if (this.#stopped) return;
      const [next, entries] = (await redis.callBuffer(
        'XAUTOCLAIM',
        stream,
        group,
        this.#consumer,
        claimMs,
        from,
        'COUNT',
        room,
      )) as [Buffer, readonly Entry[]];
      for (const entry of entries) {
        const id = entry[0].toString();
        const [pending] = (await redis.xpending(stream, group, id, id, 1)) as [
          string,
          string,
          number,
          number,
        ][];
        this.#take(entry, pending?.[3] ?? 1);
      }
      from = next.toString();
    } while (from !== '0-0');
    await wait(claimMs / 2, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  /**
   * Keeps messages in flight from being claimed, also while a service is away. A failure needs no report: the
   * loops that read and claim meet the same one.
   */
  async #touching(): Promise<void> {
    const { redis, stream, group, claimMs } = this.options;
    const pauseMs = claimMs / TOUCHES_PER_CLAIM;
    while (!this.#stopped) {
      await wait(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      const ids = [...this.#inFlight.keys()];
      if (ids.length === 0) continue;
      // JUSTID: the delivery is not counted. Without FORCE, one that was acknowledged meanwhile stays so.
      await redis.xclaim(stream, group, this.#consumer, 0, ...ids, 'JUSTID').catch(() => undefined);
    }
  }

  /** Removes messages that no consumer needs any more. */
  async #trim(): Promise<void> {
    const { redis, stream, group, keepMs } = this.options;
    await trimStream(redis, { stream, group }, keepMs);
    const pause = Math.min(TRIM_MS, Math.max(keepMs, FIRST_PAUSE_MS));
    await wait(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  /** How many more messages may be in flight of `most`; waits until one may, or until the bridge stops. */
  async #room(most: number): Promise<number> {
    while (this.#inFlight.size >= most && !this.#stopped) {
      await new Promise<void>((resolve) => this.#waitingForRoom.add(resolve));
    }
    return most - this.#inFlight.size;
  }

  #roomChanged(): void {
    const waiting = [...this.#waitingForRoom];
    this.#waitingForRoom.clear();
    for (const resolve of waiting) resolve();
  }

  #take([rawId, fields]: Entry, deliveries: number): void {
    const id = rawId.toString();
    if (this.#inFlight.has(id)) return;
    const work = this.#handle(id, fields ?? [], deliveries)
      .catch((error: unknown) => this.options.onError(toSluiceError(error)))
      .finally(() => {
        this.#inFlight.delete(id);
        this.#roomChanged();
      });
    this.#inFlight.set(id, work);
  }

  /** Handles one message until it is routed, a dead letter, or left to be claimed. */
  async #handle(id: string, fields: readonly Buffer[], deliveries: number): Promise<void> {
    const { router, availability, redis, stream, group, tries } = this.options;
    for (;;) {
      try {
        try {
          await router.accept(decode(fields), 'stream');
        } catch (thrown) {
          const error = toSluiceError(thrown);
          if (isAway(error)) throw error;
          // The defect may be transient: the message is claimed and tried again.
          if (error.status >= 500 && deliveries < tries) throw error;
          await this.#bury(id, fields, error);
        }
        await redis.xack(stream, group, id);
        return;
      } catch (thrown) {
        const error = redisError(thrown);
        // A message that could not be acknowledged is claimed later, found in the audit, and acknowledged
        // then.
        if (!isAway(error) || isOfRedis(error) || this.#stopped) throw error;
        availability.note(error);
        await availability.whenAvailable();
        if (this.#stopped) return;
      }
    }
  }

  async #bury(id: string, fields: readonly Buffer[], cause: SluiceError): Promise<void> {
    const error =
      cause.status < 500
        ? cause
        : new SluiceError(
            'EVENT_POISON',
            `It failed ${this.options.tries} times: ${cause.code}: ${cause.message}`,
          );
    const place = `${this.options.stream}/${id}`;
    await this.options.deadLetters.put([deadLetterOf(place, fields, error)]);
    this.options.metrics.deadLetters.inc({ kind: 'event' });
    this.options.onError(error);
  }
}

/**
 * Decodes a message. Its problems become the reason of a dead letter: their texts stay as they are.
 * @throws SluiceError EVENT_INVALID, EVENT_TOO_LARGE
 */
function decode(fields: readonly Buffer[]): DecodedEvent {
  const given = envelopeFields(fields).length;
  // One of them would be lost.
  if (given > 1) {
    throw eventInvalid([
      `the message has ${given} fields "${STREAM_FIELD}"; send one message for each event`,
    ]);
  }
  const body = envelopeField(fields);
  if (body === undefined) throw eventInvalid([`the message has no field "${STREAM_FIELD}"`]);
  if (body.length > LIMITS.eventBytes) {
    throw new SluiceError(
      'EVENT_TOO_LARGE',
      `The event has ${body.length} bytes; the limit is ${LIMITS.eventBytes}`,
    );
  }
  let parsed: ParsedJson;
  try {
    parsed = parseJson(decodeText(body));
  } catch (error) {
    throw eventInvalid([`the field "${STREAM_FIELD}" is no JSON: ${messageOf(error)}`]);
  }
  if (parsed.duplicates.length > 0) throw eventInvalid(parsed.duplicates.map((fault) => faultText(fault)));
  return decodeOrRefuse(parsed.value);
}
