/**
 * How many activities and children one run may have open at once. Temporal refuses more than 2,000 by
 * failing the workflow task for ever; Sluice keeps far below, whatever loops are nested in one another.
 */
export class Slots {
  private used = 0;

  /** @param most how many may be taken at once */
  constructor(private readonly most: number) {}

  /** True where one more may be opened. */
  get free(): boolean {
    return this.used < this.most;
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
