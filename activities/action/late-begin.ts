/**
 * The begin of a read-only action: recorded once the action has run for a while, so that people see what runs; or not
 * at all, where it ends before, because its outcome then says it all.
 *
 * Invariant: whoever asks for the outcome first asks `ended`, so begin and end are never on their way together.
 */
import type { ActionResult } from '../../contracts/run/activity.js';
import type { BeginDecision } from '../../contracts/run/projection.js';
import { standsAlready } from './conclude.js';
import type { KeepAlive } from './keep-alive.js';

/** What may take longer shows that it runs, ms (the design's figure for a short action). */
const SHOWN_AFTER_MS = 200;

export class LateBegin {
  private readonly timer: NodeJS.Timeout;
  private begun: Promise<BeginDecision> | undefined;

  constructor(begin: () => Promise<BeginDecision>, alive: KeepAlive) {
    this.timer = setTimeout(() => {
      this.begun = begin();
      // Whether it failed is asked for at the end. The lease is kept from here on.
      this.begun.then(
        () => alive.start(),
        () => undefined,
      );
    }, SHOWN_AFTER_MS);
  }

  /**
   * Says that the action has ended.
   * @returns what the ledger has for it already; undefined: nothing
   * @throws ApplicationFailure LEASE_HELD, or as the begin failed; to be repeated
   */
  async ended(): Promise<ActionResult | undefined> {
    this.dispose();
    return this.begun === undefined ? undefined : standsAlready(await this.begun);
  }

  /** Nothing begins any more. */
  dispose(): void {
    clearTimeout(this.timer);
  }
}
