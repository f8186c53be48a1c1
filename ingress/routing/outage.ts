/**
 * Outages of what the bridge needs: while Temporal or the database is away, nothing is consumed; when both are back,
 * consumption goes on by itself.
 *
 * States: open → closed (a call failed because something is away) → open (a probe has reached everything). Only the
 * probe opens: a call that happens to succeed meanwhile may have needed less.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type SluiceError, toSluiceError } from '../../contracts/errors.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

const AWAY = new Set([
  'DATABASE_UNAVAILABLE',
  'TEMPORAL_UNAVAILABLE',
  'WORKER_NOT_FOUND',
  'REDIS_UNAVAILABLE',
]);

/** True where something is away and the same call will succeed when it is back. */
export function isOutage({ code }: SluiceError): boolean {
  return AWAY.has(code);
}

export class Outage {
  #closed: SluiceError | undefined;
  #waiting: (() => void)[] = [];
  readonly #stop = new AbortController();
  #probing: Promise<void> = Promise.resolve();

  /**
   * @param probe throws while something is away
   * @param onOpen told when consumption may go on
   */
  constructor(
    private readonly probe: () => Promise<unknown>,
    private readonly report: (state: 'closed' | 'open', error?: SluiceError) => void,
  ) {}

  /** What is away; undefined: nothing. */
  get reason(): SluiceError | undefined {
    return this.#closed;
  }

  /** Says that a call failed because something is away. */
  note(error: SluiceError): void {
    if (this.#closed !== undefined || this.#stop.signal.aborted) return;
    this.#closed = error;
    this.report('closed', error);
    this.#probing = this.#untilBack();
  }

  /** Resolves when nothing is known to be away, or when the bridge stops. */
  whenOpen(): Promise<void> {
    if (this.#closed === undefined || this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends probing; whoever waits goes on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#release();
    await this.#probing;
  }

  async #untilBack(): Promise<void> {
    for (
      let pause = FIRST_PAUSE_MS;
      !this.#stop.signal.aborted;
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
    ) {
      await wait(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      try {
        await this.probe();
        this.#closed = undefined;
        this.report('open');
        this.#release();
        return;
      } catch (error) {
        this.#closed = toSluiceError(error);
      }
    }
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
