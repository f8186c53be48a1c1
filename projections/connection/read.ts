/**
 * Reads with one statement, and parses its rows. A row in another shape than this room writes is an error.
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { Database, Variables } from './connection.js';
import { isConflict } from './failures.js';
import { whyNot, type ListedRow } from './page.js';

const MOST_TRIES = 5;

/**
 * Runs one reading statement and parses its result.
 * @throws SluiceError DATABASE_FAILED with the database's reason, or where the rows have another shape
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

/** What names a row: its record id, or its place in a list. */
const Named = z.object({ id: z.unknown().optional(), place: z.unknown().optional() });

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
  const rows = await read(database, z.array(z.unknown()), text, variables);
  return rows.map((raw) => {
    const parsed = shape.safeParse(raw);
    const { id: record, place } = Named.safeParse(raw).data ?? {};
    const id =
      record instanceof RecordId ? record.toString() : (JSON.stringify(record ?? place) ?? 'unknown');
    if (parsed.success) return { id, raw, row: parsed.data, reason: '' };
    return { id, raw, row: undefined, reason: whyNot(parsed.error) };
  });
}
