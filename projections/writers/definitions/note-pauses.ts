/**
 * Keeps an operator's pauses of Temporal Schedules over versions that do not have the schedule.
 *
 * Invariant: a schedule that was paused when Sluice deleted it is paused when Sluice creates it again. So
 * what Temporal says is noted before anything is deleted.
 */
import { z } from 'zod';
import type { PausedSchedule, SeenSchedule } from '../../../contracts/run/projection.js';
import { commit } from '../../connection/unit-of-work.js';
import type { Writer } from '../../connection/writer.js';

const Noted = z.array(z.string()).transform((texts) => texts.map((text) => Pause.parse(JSON.parse(text))));
const Pause = z.tuple([z.string(), z.string().nullable()]).transform(([id, note]) => ({ id, note }));

/**
 * @param seen the definition's schedules that exist in Temporal now
 * @returns every pause that is known: those seen, and those of schedules that do not exist now
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function notePauses(
  { database, faults }: Writer,
  [tenant, id]: readonly [tenant: string, id: string],
  seen: readonly SeenSchedule[],
): Promise<readonly PausedSchedule[]> {
  const paused = seen.filter((schedule) => schedule.paused);
  const answers = await commit(
    database,
    [
      {
        label: 'definition_triggers.pauses.read',
        text: `LET $known = (SELECT VALUE pauses FROM ONLY type::record('definition_triggers', $key)) ?? []`,
      },
      {
        label: 'definition_triggers.pauses.merge',
        text: `LET $pauses = array::concat($paused, array::filter($known, |$text| !array::any($seen, |$begin| string::starts_with($text, $begin))))`,
      },
      {
        label: 'definition_triggers.pauses',
        text: `UPDATE type::record('definition_triggers', $key) SET pauses = $pauses WHERE pauses ?? [] != $pauses RETURN NONE`,
      },
      { label: 'definition_triggers.pauses.state', text: `{ $pauses }` },
    ],
    {
      key: [tenant, id],
      paused: paused.map((schedule) => JSON.stringify([schedule.id, schedule.note])),
      // How the text of a pause begins.
      seen: seen.map((schedule) => `[${JSON.stringify(schedule.id)},`),
    },
    faults,
  );
  return Noted.parse(answers.get('definition_triggers.pauses.state'));
}
