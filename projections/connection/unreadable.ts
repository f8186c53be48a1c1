/**
 * Rows that cannot be read: damaged, sealed with a key that is not here, or written by something else.
 *
 * Invariant [a-row-stops-no-other]: such a row stops nothing but what is about itself. Readers leave it out
 * and go on. It stays in the database as it is, for an operator, and each process reports it once.
 */

/** A row that cannot be read: its id in the database, and why. Never its values. */
export interface UnreadableRow {
  readonly id: string;
  readonly reason: string;
}

/** Rows that a process remembers as reported. */
const REMEMBERED = 10_000;

/** Reports and counts each row once. */
export class UnreadableRows {
  readonly #reported = new Set<string>();
  #count = 0;
  readonly #shows: ((rows: number) => void)[] = [];

  /** @param report told of each row that is met for the first time */
  constructor(private readonly report: ((row: UnreadableRow) => void) | undefined) {}

  note(row: UnreadableRow): void {
    const key = `${row.id} ${row.reason}`;
    if (this.#reported.has(key)) return;
    if (this.#reported.size >= REMEMBERED) this.#reported.clear();
    this.#reported.add(key);
    this.report?.(row);
    this.#count += 1;
    for (const show of this.#shows) show(this.#count);
  }

  /** Shows how many there were, by a metric, from now on. */
  showBy(show: (rows: number) => void): void {
    this.#shows.push(show);
    show(this.#count);
  }
}
