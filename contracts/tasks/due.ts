/** When a turn of a task ends, and when its warning is due: plain time, or working time by its calendar. */
import { pinnedOffset, type PinnedCalendar } from '../calendar/pinned.js';
import { addWorking, subtractWorking } from '../calendar/working-time.js';
import type { TaskState } from './task.js';

/** The time of a turn. */
export interface Due {
  readonly dueMs?: number | undefined;
  /** Working days, before `dueMs`. */
  readonly dueDays?: number | undefined;
}

/** The end of a turn whose working time its calendar does not hold in ten years, ms after its beginning. */
const LONGEST_MS = 3_660 * 86_400_000;

/**
 * @param at when the turn begins, epoch ms
 * @returns epoch ms; null: the turn has no end
 */
export function dueAt(
  calendar: PinnedCalendar | undefined,
  { dueMs, dueDays }: Due,
  at: number,
): number | null {
  if ((dueMs ?? dueDays) === undefined) return null;
  const [days, ms] = [dueDays ?? 0, dueMs ?? 0];
  if (calendar === undefined) return at + ms;
  return addWorking(calendar.calendar, at, { days, ms }, pinnedOffset(calendar)) ?? at + LONGEST_MS;
}

/** When people are warned of the end of a turn, epoch ms; undefined: they are not. */
export function warnAt({ calendar, due, request }: TaskState): number | undefined {
  const { warnBeforeMs } = request;
  if (due === null || warnBeforeMs === undefined) return undefined;
  if (calendar === undefined) return due - warnBeforeMs;
  return subtractWorking(calendar.calendar, due, warnBeforeMs, pinnedOffset(calendar)) ?? due - warnBeforeMs;
}
