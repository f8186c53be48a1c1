/**
 * Availability of the services that the bridge needs: while Temporal or the database is away, the bridge
 * consumes nothing; when both are back, it goes on by itself.
 *
 * States: available → away (a call failed because a service is away) → available (a probe has reached
 * everything). Only the probe returns to available: a call that happens to succeed meanwhile may have needed
 * less.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type SluiceError, toSluiceError } from '../../contracts/errors.js';
import { repeat, type Watch } from '../../contracts/services/watch.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** A database that answers and cannot be used. */
const UNUSABLE_DATABASE = new Set(['SCHEMA_MISSING', 'SCHEMA_TOO_NEW', 'SCHEMA_CHANGED']);

const AWAY_CODES = new Set([
  'DATABASE_UNAVAILABLE',
  'TEMPORAL_UNAVAILABLE',
  // The event is routed again once Temporal is back, under the same ids.
  'OUTCOME_UNKNOWN',
  'WORKER_NOT_FOUND',
  'REDIS_UNAVAILABLE',
  'REDIS_REFUSED',
  'CHECK_UNAVAILABLE',
  ...UNUSABLE_DATABASE,
]);

/** Whether an error is about the database. */
export function isOfDatabase(error: SluiceError | undefined): boolean {
  const code = error?.code ?? '';
  return code.startsWith('DATABASE') || UNUSABLE_DATABASE.has(code);
}

/** Whether an error is about Redis: only the stream and the relay wait for it, HTTP does not. */
export function isOfRedis({ code }: SluiceError): boolean {
  return code === 'REDIS_UNAVAILABLE' || code === 'REDIS_REFUSED';
}

/** True where a service is away and the same call will succeed when it is back. */
export function isAway({ code }: SluiceError): boolean {
  return AWAY_CODES.has(code);
}

export class Availability {
  #reason: SluiceError | undefined;
  #waiting: (() => void)[] = [];
  #watch: Watch | undefined;
  readonly #stop = new AbortController();
  #probing: Promise<void> = Promise.resolve();

  /**
   * @param probe throws while a service is away
   * @param report called at each change of state, with the error where a service is away
   */
  constructor(
    private readonly probe: () => Promise<unknown>,
    private readonly report: (state: 'away' | 'available', error?: SluiceError) => void,
  ) {}

  /** Why a service is away; undefined: all are available. */
  get reason(): SluiceError | undefined {
    return this.#reason;
  }

  /** Begins to ask the services also while no event comes: a silent one is noticed. */
  watch(): void {
    const look = async (): Promise<void> => {
      if (this.#reason !== undefined) return;
      try {
        await this.probe();
      } catch (thrown) {
        const error = toSluiceError(thrown);
        if (isAway(error)) this.note(error);
      }
    };
    this.#watch = repeat(look);
  }

  /** Notes that a call failed because a service is away. */
  note(error: SluiceError): void {
    if (this.#reason !== undefined || this.#stop.signal.aborted) return;
    this.#reason = error;
    this.report('away', error);
    this.#probing = this.#probeUntilAvailable();
  }

  /** Resolves when all services are available, or when the bridge stops. */
  whenAvailable(): Promise<void> {
    if (this.#reason === undefined || this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends probing, and releases everyone who waits. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#watch?.stop();
    this.#release();
    await this.#probing;
  }

  async #probeUntilAvailable(): Promise<void> {
    for (
      let pause = FIRST_PAUSE_MS;
      !this.#stop.signal.aborted;
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
    ) {
      await wait(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      try {
        await this.probe();
        this.#reason = undefined;
        this.report('available');
        this.#release();
        return;
      } catch (error) {
        this.#reason = toSluiceError(error);
      }
    }
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
