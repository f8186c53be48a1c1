/**
 * The end of one attempt to send. An event that was sent but not yet noted here is sent again: at-least-once.
 */
import type { OutboxRow } from '../../reads/events/due-outbox.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';
import { TextWriter } from '../../log/texts.js';

/** SENT and DEAD are final; FAILED keeps the row due. */
export type OutboxSettlement =
  | { readonly status: 'SENT'; readonly note?: string }
  | { readonly status: 'FAILED' | 'DEAD'; readonly error: string };

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function settleOutbox(
  { database, faults }: Writer,
  { key }: Pick<OutboxRow, 'key'>,
  settlement: OutboxSettlement,
): Promise<void> {
  const failed = settlement.status === 'FAILED';
  await commit(
    database,
    [
      {
        label: 'outbox.settle',
        text: failed
          ? `UPDATE type::record('outbox', $key) SET attempts += 1, error = $error RETURN NONE`
          : `{
  UPDATE type::record('outbox', $key) SET status = $status, sent_at = IF $status = 'SENT' { time::now() } ELSE { NONE }, error = $error RETURN NONE;
  DELETE type::record('outbox_due', $key) RETURN NONE;
  UPSERT type::record('outbox_head', [$key[0], $key[1]]) SET sent = math::max([sent ?? 0, $key[2]]) RETURN NONE;
}`,
      },
    ],
    {
      key: [...key],
      status: settlement.status,
      error: new TextWriter(database.seal, key[0], key[1]).note(
        settlement.status === 'SENT' ? settlement.note : settlement.error,
      ),
    },
    faults,
  );
}
