/**
 * The end of one sending. Sent and not yet noted here, an event is sent again: published at least once.
 */
import type { OutboxRow } from '../reads/due-outbox.js';
import { commit } from '../unit-of-work.js';
import type { Writer } from '../writer.js';

/**
 * @param error why it could not be sent; undefined: it was
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function settleOutbox(
  { database, faults }: Writer,
  { key }: OutboxRow,
  error: string | undefined,
): Promise<void> {
  await commit(
    database,
    [
      {
        label: 'outbox.settle',
        text:
          error === undefined
            ? `{
  UPDATE type::record('outbox', $key) SET status = 'SENT', sent_at = time::now(), error = NONE RETURN NONE;
  DELETE type::record('outbox_due', $key) RETURN NONE;
  UPSERT type::record('outbox_head', [$key[0], $key[1]]) SET sent = math::max([sent ?? 0, $key[2]]) RETURN NONE;
}`
            : `UPDATE type::record('outbox', $key) SET attempts += 1, error = $error RETURN NONE`,
      },
    ],
    { key: [...key], error },
    faults,
  );
}
