/** The lease of the one relay that sends. */
import { z } from 'zod';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

/**
 * @param now epoch ms
 * @param until epoch ms; one that has passed gives the lease up
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function takeRelayLease(
  { database, faults }: Writer,
  holder: string,
  now: number,
  until: number,
): Promise<boolean> {
  const answers = await commit(
    database,
    [
      {
        label: 'relay_lease.take',
        text: `{
  LET $lease = (SELECT * FROM ONLY relay_lease:relay);
  IF $lease != NONE AND $lease.holder != $holder AND $lease.until > $now { false }
  ELSE { UPSERT relay_lease:relay SET holder = $holder, until = $until RETURN NONE; true }
}`,
      },
    ],
    { holder, now, until },
    faults,
  );
  return z.boolean().parse(answers.get('relay_lease.take'));
}
