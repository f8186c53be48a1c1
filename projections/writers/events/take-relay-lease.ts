/**
 * The lease of the relay that sends; there is one for all relays.
 *
 * Invariant: a lease is a duration on the database's clock. Clocks of bridges decide nothing: one that is an
 * hour ahead and dies blocks no other for an hour.
 */
import { z } from 'zod';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

/**
 * @param forMs how long the lease lasts from now, ms; 0 gives it up
 * @returns false where another relay holds the lease
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function takeRelayLease(
  { database, faults }: Writer,
  holder: string,
  forMs: number,
): Promise<boolean> {
  const answers = await commit(
    database,
    [
      {
        label: 'relay_lease.take',
        text: `{
  LET $now = time::millis(time::now());
  LET $lease = (SELECT * FROM ONLY relay_lease:relay);
  IF $lease != NONE AND $lease.holder != $holder AND type::is_int($lease.until) AND $lease.until > $now { false }
  ELSE { UPSERT relay_lease:relay SET holder = $holder, until = $now + $for_ms RETURN NONE; true }
}`,
      },
    ],
    { holder, for_ms: forMs },
    faults,
  );
  return z.boolean().parse(answers.get('relay_lease.take'));
}
