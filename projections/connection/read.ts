/**
 * Reads with one statement, and parses its rows.
 *
 * `read` is for an answer that is one thing: another shape than this room writes is an error. A reader of
 * rows takes each for itself, so that one that cannot be read stops no other (unreadable.ts).
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { missingKeyIn } from '../values/value-seal.js';
import type { Database, Variables } from './connection.js';
import { isConflict } from './failures.js';
import { viewRows, whyNot, type ListedRow } from './page.js';

const MOST_TRIES = 5;

/**
 * Runs one reading statement and parses its result.
 * @throws SluiceError DATABASE_FAILED with the database's reason, or where the rows have another shape;
 *   KEY_UNKNOWN
 */
export async function read<T extends z.ZodType>(
  database: Database,
  shape: T,
  text: string,
  variables: Variables = {},
): Promise<z.output<T>> {
  for (let tries = 1; ; tries++) {
    const answer = (await database.request(text, variables)).at(-1);
    if (answer?.ok === true) {
      const parsed = shape.safeParse(answer.value);
      if (parsed.success) return parsed.data;
      const missing = missingKeyIn(answer.value);
      if (missing !== undefined) throw new SluiceError('KEY_UNKNOWN', missing);
      throw new SluiceError(
        'DATABASE_FAILED',
        `A row has another shape than Sluice writes: ${parsed.error.message}`,
        {
          retryable: false,
        },
      );
    }
    const reason = answer?.reason ?? 'no answer';
    if (isConflict(reason) && tries < MOST_TRIES) continue;
    // A table that no migration has created yet has no rows.
    if (/table '\w+' does not exist/i.test(reason)) {
      const empty = shape.safeParse([]);
      if (empty.success) return empty.data;
    }
    throw new SluiceError('DATABASE_FAILED', `${text.split('\n')[0] ?? text}: ${reason}`);
  }
}

/** What names a row: its record id, under a name that no column has, or its place in a list. */
const Named = z.object({
  record: z.unknown().optional(),
  id: z.unknown().optional(),
  place: z.unknown().optional(),
});

/**
 * Runs one reading statement of a list, and parses each row for itself.
 * @throws SluiceError DATABASE_FAILED with the database's reason
 */
export async function readRows<T extends z.ZodType>(
  database: Database,
  shape: T,
  text: string,
  variables: Variables = {},
): Promise<readonly ListedRow<z.output<T>>[]> {
  return parseRows(database, shape, await read(database, z.array(z.unknown()), text, variables));
}

/** The rows that a statement gave, each parsed for itself; those that cannot be read are reported. */
export function parseRows<T extends z.ZodType>(
  { unreadable }: Pick<Database, 'unreadable'>,
  shape: T,
  rows: readonly unknown[],
): readonly ListedRow<z.output<T>>[] {
  return rows.map((raw) => {
    const parsed = shape.safeParse(raw);
    const named = Named.safeParse(raw).data ?? {};
    const record = named.record ?? named.id ?? named.place;
    const id = record instanceof RecordId ? record.toString() : (JSON.stringify(record) ?? 'unknown');
    const report = (reason: string) => unreadable.note({ id, reason });
    if (parsed.success) return { id, raw, row: parsed.data, reason: '', report };
    const missing = missingKeyIn(raw);
    const reason = missing === undefined ? whyNot(parsed.error) : `KEY_UNKNOWN: ${missing}`;
    report(reason);
    return { id, raw, row: undefined, reason, report };
  });
}

/**
 * The rows that one reading statement gives and that can be read; the others are reported.
 * @throws SluiceError DATABASE_FAILED with the database's reason
 */
export async function readReadable<T extends z.ZodType>(
  database: Database,
  shape: T,
  text: string,
  variables: Variables = {},
): Promise<readonly z.output<T>[]> {
  return viewRows(await readRows(database, shape, text, variables), (row) => row).items;
}

/** A key of a row, as the database gives it. */
export type Cursor = readonly unknown[];

/** A part of a long read: its rows that can be read. */
export interface Batch<T> {
  readonly items: readonly T[];
  /** Where the next part begins, in rows that can be read or not; undefined after the last part. */
  readonly next: Cursor | undefined;
}

const Keyed = z.object({ key: z.array(z.unknown()) });

/** The cursor after these rows, each of which has its key as `key`. @param limit of the statement */
export function cursorAfter(rows: readonly ListedRow<unknown>[], limit: number): Cursor | undefined {
  return rows.length < limit ? undefined : Keyed.safeParse(rows.at(-1)?.raw).data?.key;
}

/**
 * Reads a part of a range of keys. The statement gives each row's key as `key`, and has `limit`.
 * @throws SluiceError DATABASE_FAILED with the database's reason
 */
export async function readBatch<T extends z.ZodType>(
  database: Database,
  shape: T,
  text: string,
  variables: Variables & { readonly limit: number },
): Promise<Batch<z.output<T>>> {
  const rows = await readRows(database, shape, text, variables);
  return { items: viewRows(rows, (row) => row).items, next: cursorAfter(rows, variables.limit) };
}
