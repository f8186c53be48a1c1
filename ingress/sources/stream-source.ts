/**
 * The Redis Streams source: thin in front of the router.
 *
 * Invariants
 * - A message is acknowledged when its routing has ended, or when it is a dead letter. So whatever happens to this
 *   process, it is pending, and a living consumer claims it after it has lain idle (XAUTOCLAIM).
 * - In-flight messages are bounded, and nothing new is read while something is away. What is new leaves a part of the
 *   room to what is claimed: behind a long backlog, a message of a process that is gone would wait for its end.
 * - A message that can't be understood is a dead letter at once, with its raw bytes. One that fails for another reason
 *   is tried again by being claimed, and is a dead letter after `tries` deliveries. Redis counts them, so a message
 *   that kills the process is found as well.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { STREAM_FIELD } from '../../contracts/events/event-envelope.js';
import { isJsonObject } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import type { Projections } from '../../projections/index.js';
import { isOutage, type Outage } from '../routing/outage.js';
import type { Router } from '../routing/route.js';
import { deadLetterOf } from './dead-letter.js';
import { redisError } from './redis.js';
import { decodeText } from './text.js';
import { trimStream } from './trim-stream.js';

/** A read waits this long for something new, ms: as long as a stop may have to wait. */
const BLOCK_MS = 500;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** Consumers that left nothing behind and have not been heard of for so long are forgotten, ms. */
const FORGOTTEN_MS = 3_600_000;
/** The part of the room that is not given to new messages. */
const CLAIM_PART = 1 / 4;
/** Between two looks at what can be taken off the stream, ms. */
const TRIM_MS = 60_000;

export interface StreamSourceOptions {
  readonly router: Router;
  readonly deadLetters: Projections['deadLetters'];
  readonly outage: Outage;
  /** For blocking reads. */
  readonly reader: Redis;
  /** For everything else. */
  readonly redis: Redis;
  readonly stream: string;
  readonly group: string;
  readonly inFlight: number;
  /** A message that was delivered and not acknowledged for so long is claimed, ms. */
  readonly claimMs: number;
  /** Deliveries after which a message is a dead letter. */
  readonly tries: number;
  /** Messages that every group has acknowledged are taken off the stream at this age, ms. */
  readonly keepMs: number;
  readonly onError: (error: SluiceError) => void;
}

type Entry = readonly [id: Buffer, fields: readonly Buffer[] | null];

export class StreamSource {
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #consumer = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  readonly #waitingForRoom = new Set<() => void>();

  constructor(private readonly options: StreamSourceOptions) {}

  /** Makes the consumer group where there is none, and begins. @throws SluiceError REDIS_UNAVAILABLE */
  async start(): Promise<void> {
    await this.#makeGroup();
    this.#running = Promise.all([
      this.#loop(() => this.#read()),
      this.#loop(() => this.#claim()),
      this.#loop(() => this.#trim()),
    ]);
  }

  /** Reads no more and waits until what is under way has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#roomChanged();
    await this.#running;
    await Promise.all(this.#inFlight.values());
    await this.#forget([this.#consumer]).catch((error: unknown) => this.options.onError(redisError(error)));
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #makeGroup(): Promise<void> {
    const { redis, stream, group } = this.options;
    try {
      await redis.xgroup('CREATE', stream, group, '0', 'MKSTREAM');
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('BUSYGROUP')) throw redisError(error);
    }
    const consumers = (await redis.xinfo('CONSUMERS', stream, group)) as unknown[][];
    const gone = consumers.flatMap((row) => {
      const about = new Map(
        row.map((value, i) => [row[i - 1], value] as const).filter((_, i) => i % 2 === 1),
      );
      return about.get('pending') === 0 && Number(about.get('idle')) > FORGOTTEN_MS
        ? [String(about.get('name'))]
        : [];
    });
    await this.#forget(gone);
  }

  /** Deleting a consumer that has something pending would lose it. */
  async #forget(consumers: readonly string[]): Promise<void> {
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
        await this.options.outage.whenOpen();
        await turn();
        pause = FIRST_PAUSE_MS;
      } catch (thrown) {
        const error = redisError(thrown);
        if (this.#stopped) return;
        this.options.onError(error);
        // A Redis that came back empty has no group any more.
        if (/NOGROUP/.test(error.message)) await this.#makeGroup().catch(() => undefined);
        await wait(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
  }

  /** Reads what is new, as much as there is room for. */
  async #read(): Promise<void> {
    const { reader, stream, group, inFlight } = this.options;
    const room = await this.#room(inFlight - Math.floor(inFlight * CLAIM_PART));
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

  /** Claims what a consumer that is gone has left, or what failed here. */
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

  /** Takes off what nobody needs any more. */
  async #trim(): Promise<void> {
    const { redis, stream, keepMs } = this.options;
    await trimStream(redis, stream, keepMs);
    const pause = Math.min(TRIM_MS, Math.max(keepMs, FIRST_PAUSE_MS));
    await wait(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  /** How many more may be on their way where `most` may; waits until one may. The bridge may stop meanwhile. */
  async #room(most: number): Promise<number> {
    while (this.#inFlight.size >= most && !this.#stopped) {
      await new Promise<void>((resolve) => this.#waitingForRoom.add(resolve));
    }
    return most - this.#inFlight.size;
  }

  #roomChanged(): void {
    const waiting = [...this.#waitingForRoom];
    this.#waitingForRoom.clear();
    for (const go of waiting) go();
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

  /** Routes one message until it is routed, a dead letter, or left to be claimed. */
  async #handle(id: string, fields: readonly Buffer[], deliveries: number): Promise<void> {
    const { router, outage, redis, stream, group, tries } = this.options;
    for (;;) {
      try {
        try {
          await router.accept(parse(fields), 'stream');
        } catch (thrown) {
          const error = toSluiceError(thrown);
          if (isOutage(error)) throw error;
          // A defect may be one of the moment: the message is claimed and tried again.
          if (error.status >= 500 && deliveries < tries) throw error;
          await this.#bury(id, fields, error);
        }
        await redis.xack(stream, group, id);
        return;
      } catch (thrown) {
        const error = toSluiceError(thrown, 'REDIS_UNAVAILABLE');
        // What could not be acknowledged is claimed later, found in the audit, and acknowledged then.
        if (!isOutage(error) || error.code === 'REDIS_UNAVAILABLE' || this.#stopped) throw error;
        outage.note(error);
        await outage.whenOpen();
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
    this.options.onError(error);
  }
}

/** @throws SluiceError EVENT_INVALID, EVENT_TOO_LARGE */
function parse(fields: readonly Buffer[]): unknown {
  const at = fields.findIndex((field, i) => i % 2 === 0 && field.toString() === STREAM_FIELD);
  const body = at < 0 ? undefined : fields[at + 1];
  if (body === undefined) throw invalid(`the message has no field "${STREAM_FIELD}"`);
  if (body.length > LIMITS.eventBytes) {
    throw new SluiceError(
      'EVENT_TOO_LARGE',
      `The event has ${body.length} bytes; the limit is ${LIMITS.eventBytes}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(decodeText(body)) as unknown;
  } catch (error) {
    throw invalid(
      `the field "${STREAM_FIELD}" is no JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (!isJsonObject(value)) throw invalid('the event must be a JSON object');
  return value;
}

function invalid(problem: string): SluiceError {
  return new SluiceError('EVENT_INVALID', problem, { details: { problems: [problem] } });
}
