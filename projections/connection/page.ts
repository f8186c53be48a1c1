/** Pages of a list; each begins after the last entry of the page before. */
import { SluiceError } from '../../contracts/errors.js';

export interface PageRequest {
  /** `next` of the page before; absent for the first page. */
  readonly after?: string | undefined;
  /** Entries of the page: 1 to 500; default 50. */
  readonly limit?: number | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins; null on the last page. */
  readonly next: string | null;
}

const DEFAULT_LIMIT = 50;
const HIGHEST_LIMIT = 500;
/** Characters of a cursor that a message shows. */
const SHOWN_CURSOR = 100;

/**
 * Entries of a page: as requested, within bounds. @throws SluiceError INPUT_INVALID where `limit` is not a
 * number
 */
export function pageLimit({ limit = DEFAULT_LIMIT }: PageRequest): number {
  if (!Number.isFinite(limit)) {
    throw new SluiceError('INPUT_INVALID', `limit: a number from 1 to ${HIGHEST_LIMIT}`);
  }
  return Math.max(1, Math.min(HIGHEST_LIMIT, Math.trunc(limit)));
}

/** The page of rows that were read with one more than `limit`. */
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
 * Parses a cursor that is a number; 0 for the first page.
 * @throws SluiceError INPUT_INVALID
 */
export function numberCursor(after: string | undefined): number {
  if (after === undefined) return 0;
  const number = Number(after);
  if (after.trim() !== '' && Number.isSafeInteger(number) && number >= 0) return number;
  throw notAnEnd(after);
}

/** The error for a cursor that is not valid. */
export function notAnEnd(cursor: string, cause?: unknown): SluiceError {
  return new SluiceError('INPUT_INVALID', `"${cursor.slice(0, SHOWN_CURSOR)}" is not the end of a page`, {
    cause,
  });
}
