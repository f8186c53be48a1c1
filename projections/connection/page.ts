/** Pages of a list, each beginning after the last entry of the one before. */
import { SluiceError } from '../../contracts/errors.js';

export interface PageRequest {
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** At most 500; default 50. */
  readonly limit?: number | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins; null: there is none. */
  readonly next: string | null;
}

/** Rows of a page: what was asked for, within bounds. @throws SluiceError INPUT_INVALID where it is no number */
export function pageLimit({ limit = 50 }: PageRequest): number {
  if (!Number.isFinite(limit)) throw new SluiceError('INPUT_INVALID', 'limit: a number from 1 to 500');
  return Math.max(1, Math.min(500, Math.trunc(limit)));
}

/** A page of `limit` rows of which one more was asked for. */
export function toPage<R, T>(
  rows: readonly R[],
  limit: number,
  cursor: (row: R) => string,
  view: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(view),
    next: rows.length > limit && last !== undefined ? cursor(last) : null,
  };
}

/**
 * A cursor that is a number; 0 where there is none.
 * @throws SluiceError INPUT_INVALID
 */
export function numberCursor(after: string | undefined): number {
  if (after === undefined) return 0;
  const number = Number(after);
  if (after.trim() !== '' && Number.isSafeInteger(number) && number >= 0) return number;
  throw notAnEnd(after);
}

/** The error of a cursor that is none. */
export function notAnEnd(cursor: string, cause?: unknown): SluiceError {
  return new SluiceError('INPUT_INVALID', `"${cursor.slice(0, 100)}" is no end of a page`, { cause });
}
