/**
 * Stores a business calendar.
 *
 * Invariants
 * - A version never changes: a task that began with it can name it. The same content again makes none.
 * - Two that are put at once both count, one after the other.
 */
import { z } from 'zod';
import type { PutCalendar } from '../../contracts/calendar/pinned.js';
import { commit } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

const Put = z.object({ version: z.number(), created: z.boolean() });

/**
 * @returns the newest version from now on; created: false where it was the same already
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function putCalendar(
  { database, faults }: Writer,
  { tenant, name, calendar }: PutCalendar,
  by: string,
): Promise<z.infer<typeof Put>> {
  const answers = await commit(
    database,
    [
      {
        label: 'calendar.newest',
        text: `LET $newest = (SELECT id, document FROM calendar:[$key[0], $key[1]]..[$key[0], $key[1], ..] ORDER BY id DESC LIMIT 1)[0]`,
      },
      {
        label: 'calendar.version',
        text: `LET $version = IF $newest = NONE { 1 } ELSE { record::id($newest.id)[2] + 1 }`,
      },
      {
        label: 'calendar.put',
        text: `{
  IF $newest != NONE AND $newest.document = $document { { version: $version - 1, created: false } }
  ELSE { CREATE type::record('calendar', [$key[0], $key[1], $version]) SET document = $document, at = $at, by = $by RETURN NONE; { version: $version, created: true } }
}`,
      },
    ],
    { key: [tenant, name], document: JSON.stringify(calendar), at: new Date(), by },
    faults,
  );
  return Put.parse(answers.get('calendar.put'));
}
