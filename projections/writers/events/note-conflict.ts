/**
 * The audit of an event that was refused because its id belongs to another one. It is a part of that one's
 * row: there a sender finds what its id was used for. A conflict that is delivered again is the same one. Of
 * the entries the last ones stay, so that a sender that repeats a mistake without end does not fill the
 * database.
 */
import type { EventConflict, EventKey } from '../../reads/events/event-rows.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

/** Entries of a row that are kept. */
const MOST_KEPT = 20;

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function noteConflict(
  { database, faults }: Writer,
  { tenant, source, id }: EventKey,
  conflict: EventConflict,
): Promise<void> {
  const digest = database.seal.digest(conflict.digest, [tenant, 'conflict']);
  await commit(
    database,
    [
      {
        label: 'inbound_event.conflict',
        text: `UPDATE type::record('inbound_event', $id) SET conflict_count = (conflict_count ?? 0) + 1, conflicts = array::slice(array::append(conflicts ?? [], $conflict), -${MOST_KEPT})
  WHERE !(conflicts ?? []).any(|$kept: string| string::contains($kept, $digest) OR string::contains($kept, $former)) RETURN NONE`,
      },
    ],
    {
      id: [tenant, source, id],
      conflict: JSON.stringify({ ...conflict, digest }),
      digest,
      // A conflict that was noted before the key ring was configured.
      former: conflict.digest,
    },
    faults,
  );
}
