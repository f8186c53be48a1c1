/**
 * Resumes events whose routing did not end, and triggers that an operator retries: at the start, when a
 * service is available again, and at intervals.
 *
 * Invariants
 * - An event that is being routed elsewhere is left alone: only events recorded some time ago are resumed.
 *   Two bridges that resume the same event do nothing twice (route.ts).
 * - Each sweep visits all of them, page by page: one that fails repeatedly does not block those behind
 *   it.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type SluiceError, toSluiceError } from '../../contracts/errors.js';
import type { Cursor, Projections } from '../../projections/index.js';
import { isAway, type Availability } from './availability.js';
import type { Router } from './route.js';

export interface SweepOptions {
  /** Age below which another bridge may still be routing an event, ms. */
  readonly settledMs: number;
  /** Time between two sweeps, ms. */
  readonly everyMs: number;
  /** Events of one look-up. */
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

  start(availability: Availability): void {
    this.#running = this.#work(availability);
  }

  /** Sweeps immediately. */
  soon(): void {
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #work(availability: Availability): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      try {
        await availability.whenAvailable();
        await this.#sweep();
        await this.#sweepRetries();
      } catch (thrown) {
        const error = toSluiceError(thrown);
        if (isAway(error)) availability.note(error);
        else this.report(error);
      }
      if (this.#stop.signal.aborted) return;
      await wait(this.#options.everyMs, undefined, { signal: this.#wake.signal }).catch(() => undefined);
    }
  }

  async #sweep(): Promise<void> {
    const { settledMs, page } = this.#options;
    const before = new Date(Date.now() - settledMs);
    for (let after: Cursor | undefined; ;) {
      const { items, next } = await this.events.unfinished(before, page, after);
      for (const key of items) {
        if (this.#stop.signal.aborted) return;
        await this.#try(() => this.router.resume(key));
      }
      if (next === undefined) return;
      after = next;
    }
  }

  async #sweepRetries(): Promise<void> {
    const { page } = this.#options;
    for (let after: Cursor | undefined; ;) {
      const { items, next } = await this.events.triggerRetries(page, after);
      for (const retry of items) {
        if (this.#stop.signal.aborted) return;
        await this.#try(() => this.router.retryTrigger(retry));
      }
      if (next === undefined) return;
      after = next;
    }
  }

  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (isAway(error)) throw error;
      this.report(error);
    }
  }
}
