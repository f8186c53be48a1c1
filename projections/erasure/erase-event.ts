/**
 * Erases an inbound event: its identity, name, times and outcome stay, so that it stays a duplicate when its
 * sender repeats it, with any content; its envelope, key and errors go.
 *
 * Invariant: no digest of its content stays, because a digest without a key tells a guesser whether he
 * is right.
 */
import { SluiceError } from '../../contracts/errors.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import type { EventKey } from '../reads/events/event-rows.js';
import { FREE_KEY_OF_EVENT } from '../domain/freed-keys.js';
import { blank } from './blank.js';

const ERASE: readonly Statement[] = [
  {
    label: 'inbound_event.read',
    text: `LET $row = (SELECT * FROM ONLY type::record('inbound_event', $id))`,
  },
  {
    label: 'inbound_event.check',
    text: `{
  LET $retries = (SELECT VALUE id FROM trigger_retry:[$id[0], $id[1], $id[2]]..[$id[0], $id[1], $id[2], ..] LIMIT 1);
  IF $row = NONE { THROW 'sluice:MISSING' };
  IF $row.outcome = NONE OR array::len($retries) > 0 { THROW 'sluice:UNDER_WAY' };
}`,
  },
  FREE_KEY_OF_EVENT,
  {
    label: 'event_delivery.empty',
    text: `{
  LET $runs = (SELECT VALUE id[3] FROM event_delivery:[$id[0], $id[1], $id[2]]..[$id[0], $id[1], $id[2], ..]);
  FOR $run IN $runs {
    DELETE type::record('event_by_key', [$id[0], $row.event_name, '@' + $run, time::millis($row.received_at), $id[1], $id[2]]) RETURN NONE;
  };
  UPDATE event_delivery:[$id[0], $id[1], $id[2]]..[$id[0], $id[1], $id[2], ..] SET ${blank('event_delivery')} RETURN NONE;
}`,
  },
  {
    label: 'blob.remove',
    text: `IF string::starts_with($row.envelope, '@') { DELETE type::record('blob', [$id[0], 'event', string::slice($row.envelope, 1)]) RETURN NONE }`,
  },
  {
    label: 'inbound_event.empty',
    // No trigger's outcome is left to read, and the routing has ended.
    text: `UPDATE type::record('inbound_event', $id) SET erased_at = erased_at ?? time::now(), ${blank('inbound_event')}, triggers = '[]' RETURN NONE`,
  },
];

/**
 * Erases one event.
 * @throws SluiceError EVENT_NOT_FOUND; ERASURE_TOO_EARLY while it is being routed; DATABASE_*
 */
export async function eraseEvent({ database, faults }: Writer, key: EventKey): Promise<void> {
  const { tenant, source, id } = key;
  try {
    await commit(database, ERASE, { id: [tenant, source, id] }, faults);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code === 'UNDER_WAY') {
      throw new SluiceError('ERASURE_TOO_EARLY', `Event ${id} of ${source} is still being routed.`);
    }
    throw new SluiceError('EVENT_NOT_FOUND', `Tenant ${tenant} has no event ${id} of ${source}.`);
  }
}
