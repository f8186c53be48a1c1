/**
 * Renews a lease while a long action runs; false where another holder has it by now, or the action has
 * ended.
 */
import { z } from 'zod';
import type { Lease } from '../../../contracts/run/projection.js';
import type { Writer } from '../../connection/writer.js';
import { commit } from '../../connection/unit-of-work.js';

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function renewLease(
  { database, faults }: Writer,
  tenant: string,
  idempotencyKey: string,
  lease: Lease,
): Promise<boolean> {
  const answers = await commit(
    database,
    [
      {
        label: 'action_invocation.renew',
        text: `UPDATE type::record('action_invocation', $ledger_key) SET lease_until = time::millis(time::now()) + $for_ms
          WHERE status = 'STARTED' AND lease_holder = $holder RETURN VALUE lease_until`,
      },
    ],
    { ledger_key: [tenant, idempotencyKey], for_ms: lease.forMs, holder: lease.holder },
    faults,
  );
  return z.array(z.number()).parse(answers.get('action_invocation.renew')).length > 0;
}
