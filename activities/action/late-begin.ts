/**
 * The begin of a read-only action. It is recorded once the action has run for a while, so that people see
 * what runs. If the action ends earlier, it is not recorded: the outcome is enough.
 *
 * Invariant: `ended` runs before the outcome commits, so begin and end are never under way together.
 */
import type { ActionResult } from '../../contracts/run/activity.js';
import type { BeginDecision } from '../../contracts/run/projection.js';
import { recordedResult } from './conclude.js';
import type { KeepAlive } from './keep-alive.js';

/** An action that runs longer than this is shown as running, ms. */
const SHOWN_AFTER_MS = 200;

export class LateBegin {
  private readonly timer: NodeJS.Timeout;
  private begun: Promise<BeginDecision> | undefined;

  constructor(begin: () => Promise<BeginDecision>, alive: KeepAlive) {
    this.timer = setTimeout(() => {
      this.begun = begin();
      // From here on the lease is renewed. `ended` reports a failure of the begin.
      this.begun.then(
        () => alive.start(),
        () => undefined,
      );
    }, SHOWN_AFTER_MS);
  }

  /**
   * Notes that the action has ended.
   * @returns the outcome that the ledger already has; undefined: it has none
   * @throws ApplicationFailure LEASE_HELD, or the failure of the begin; Temporal repeats the attempt
   */
  async ended(): Promise<ActionResult | undefined> {
    this.dispose();
    return this.begun === undefined ? undefined : recordedResult(await this.begun);
  }

  /** Prevents a begin that has not started. */
  dispose(): void {
    clearTimeout(this.timer);
  }
}
