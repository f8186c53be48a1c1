/**
 * Pages of a list; each begins after the last entry of the page before.
 *
 * Invariant: a list never fails because of one row. A row that cannot be read (unreadable.ts) is named under
 * `unreadable` with the reason, at the page on which it would be; the others are shown.
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { UnreadableRow } from './unreadable.js';

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
  /** Rows of this page that cannot be read; absent where all can. */
  readonly unreadable?: readonly UnreadableRow[];
}

/** A row of a list; `row` is undefined, with the reason, where it has another shape than this room writes. */
export interface ListedRow<R> {
  readonly id: string;
  readonly raw: unknown;
  readonly row: R | undefined;
  readonly reason: string;
  /** Reports the row as one that cannot be read. */
  readonly report: (reason: string) => void;
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

/** The page of rows that were read with one more than `limit`, and may be unreadable. */
export function toListPage<R, T>(
  rows: readonly ListedRow<R>[],
  limit: number,
  cursor: (row: R) => string,
  view: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const { items, unreadable } = viewRows(shown, view);
  const more = rows.length > limit;
  return { items, next: more ? lastCursor(shown, cursor) : null, ...unreadable };
}

/** Rows as their readers see them, and those that cannot be read. */
export function viewRows<R, T>(
  rows: readonly ListedRow<R>[],
  view: (row: R) => T,
): { readonly items: T[]; readonly unreadable: Pick<Page<T>, 'unreadable'> } {
  const items: T[] = [];
  const unreadable: UnreadableRow[] = [];
  for (const { id, row, reason, report } of rows) {
    if (row === undefined) {
      unreadable.push({ id, reason });
      continue;
    }
    try {
      items.push(view(row));
    } catch (error) {
      // A broken JSON text, or another value than Sluice writes. The message may show the value.
      const why = error instanceof z.ZodError ? whyNot(error) : 'a stored text cannot be read';
      report(why);
      unreadable.push({ id, reason: why });
    }
  }
  return { items, unreadable: unreadable.length === 0 ? {} : { unreadable } };
}

/** Why a value has another shape, without the value. */
export function whyNot(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

/** The cursor of the last row. The columns of a cursor are there even where others cannot be read. */
function lastCursor<R>(rows: readonly ListedRow<R>[], cursor: (row: R) => string): string | null {
  for (const { row, raw } of rows.toReversed()) {
    try {
      return cursor(row ?? (raw as R));
    } catch {
      // The row before it has one.
    }
  }
  return null;
}
