/** Removes one thing in one transaction: a thing that cannot be removed stops no other. */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { Variables } from '../connection/connection.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

/** What a commit says of a statement that failed. */
const Failed = z.object({ statement: z.string(), reason: z.string() });

/**
 * @param what the thing's own row
 * @returns false where it stays: it must be kept, or a statement failed on one of its rows, which is reported
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function removeOne(
  { database, faults }: Writer,
  what: string,
  statements: readonly Statement[],
  variables: Variables,
): Promise<boolean> {
  try {
    await commit(database, statements, variables, faults);
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'KEPT') return false;
    const failed = failedStatement(error);
    if (failed === undefined) throw error;
    // The database's reason shows the value.
    database.unreadable.note({ id: what, reason: `it cannot be removed: ${failed} failed` });
    return false;
  }
}

/** The statement that a row made fail; undefined for any other error. */
function failedStatement(error: unknown): string | undefined {
  if (!(error instanceof SluiceError) || error.code !== 'DATABASE_FAILED') return undefined;
  const parsed = Failed.safeParse(error.details);
  return parsed.success ? parsed.data.statement : undefined;
}
