/**
 * Measures what a removal would free, by the texts of its rows.
 *
 * Invariant: the work is bounded, however much there is to remove: an even sample of it is measured, and its
 * mean is taken for all. What a store frees on disk differs: it compresses, and gives space back when it
 * compacts.
 */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';

/** What removal would look at. */
export interface Prunable {
  readonly count: number;
  /** Size of their rows as text, bytes; an estimate from a sample. */
  readonly bytes: number;
}

/** Things of one kind that are measured at most. */
const SAMPLE = 256;

/** Keeps every n-th of the things that pass, evenly spread over all of them. */
export class Sample<Key> {
  readonly #kept: Key[] = [];
  #every = 1;
  #count = 0;

  /** Counts things, and keeps some. */
  add(keys: readonly Key[]): void {
    for (const key of keys) {
      if (this.#count % this.#every === 0) this.#kept.push(key);
      this.#count += 1;
      if (this.#kept.length > SAMPLE) this.#thin();
    }
  }

  /**
   * @param size text of a query that gives the bytes of the thing with the key `$key`
   * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
   */
  async measure(database: Database, size: string): Promise<Prunable> {
    let bytes = 0;
    for (const key of this.#kept) bytes += await read(database, z.number(), size, { key });
    const mean = this.#kept.length === 0 ? 0 : bytes / this.#kept.length;
    return { count: this.#count, bytes: Math.round(mean * this.#count) };
  }

  #thin(): void {
    const even = this.#kept.filter((_, index) => index % 2 === 0);
    this.#kept.splice(0, this.#kept.length, ...even);
    this.#every *= 2;
  }
}

/** Text of an expression: the bytes of the rows of a source, 0 without any. */
export function sizeOf(source: string): string {
  return `math::sum(SELECT VALUE string::len(<string>$this) FROM ${source})`;
}
