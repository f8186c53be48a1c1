/**
 * Goes on with events whose routing nobody ended: at the start, after an outage, and now and then.
 *
 * Invariants
 * - An event that is being routed somewhere is left alone: only what was recorded some time ago is taken. Taken by two
 *   at once, it does nothing twice (route.ts).
 * - Each sweep looks at all of them, page after page: what fails again and again keeps nothing behind it back.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type SluiceError, toSluiceError } from '../../contracts/errors.js';
import type { Projections, UnfinishedEvent } from '../../projections/index.js';
import { isOutage, type Outage } from './outage.js';
import type { Router } from './route.js';

export interface SweepOptions {
  /** An event that was recorded less than this ago may be on its way elsewhere, ms. */
  readonly settledMs: number;
  /** Between two sweeps, ms. */
  readonly everyMs: number;
  /** Events that are looked up at once. */
  readonly page: number;
}

const DEFAULTS: SweepOptions = { settledMs: 15_000, everyMs: 10_000, page: 200 };

export class Sweeper {
  readonly #stop = new AbortController();
  #wake: AbortController = new AbortController();
  #running: Promise<void> = Promise.resolve();
  readonly #options: SweepOptions;

  constructor(
    private readonly router: Router,
    private readonly events: Projections['events'],
    private readonly report: (error: SluiceError) => void,
    options: Partial<SweepOptions> = {},
  ) {
    this.#options = { ...DEFAULTS, ...options };
  }

  start(outage: Outage): void {
    this.#running = this.#work(outage);
  }

  /** Looks at once. */
  soon(): void {
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #work(outage: Outage): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      try {
        await outage.whenOpen();
        await this.#sweep();
      } catch (thrown) {
        const error = toSluiceError(thrown);
        if (isOutage(error)) outage.note(error);
        else this.report(error);
      }
      if (this.#stop.signal.aborted) return;
      await wait(this.#options.everyMs, undefined, { signal: this.#wake.signal }).catch(() => undefined);
    }
  }

  async #sweep(): Promise<void> {
    const { settledMs, page } = this.#options;
    const before = new Date(Date.now() - settledMs);
    for (let after: UnfinishedEvent | undefined; ;) {
      const found = await this.events.unfinished(before, page, after);
      for (const key of found) {
        if (this.#stop.signal.aborted) return;
        await this.#resume(key);
      }
      after = found.at(-1);
      if (found.length < page || after === undefined) return;
    }
  }

  async #resume(key: UnfinishedEvent): Promise<void> {
    try {
      await this.router.resume(key, 'relay');
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (isOutage(error)) throw error;
      this.report(error);
    }
  }
}
