/** The lease of the relay that sends; there is one for all relays. */
import { z } from 'zod';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

/**
 * @param now epoch ms
 * @param until end of the lease, epoch ms; a time that has passed gives it up
 * @returns false where another relay holds the lease
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
