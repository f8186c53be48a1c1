/**
 * How many activities and children one run may have open at once. Temporal refuses more than 2,000 by
 * failing the workflow task for ever; Sluice keeps far below, whatever loops are nested in one another.
 */
import { LIMITS } from '../../contracts/limits.js';

export class Slots {
  private used = 0;

  /** True where one more may be opened. */
  get free(): boolean {
    return this.used < LIMITS.concurrency;
  }

  /** Takes a slot; false where there is none. */
  take(): boolean {
    if (!this.free) return false;
    this.used++;
    return true;
  }

  give(): void {
    this.used--;
  }
}
