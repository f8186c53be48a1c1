/** Offsets of IANA zones, from the runtime's ICU data, which is part of Node.js and of its V8 sandboxes. */
import { EngineError } from '../budget/engine-error.js';

const formats = new Map<string, Intl.DateTimeFormat>();
/** Formats in the cache. */
const MAX_FORMATS = 50;
/** Characters of a zone that a message shows. */
const MAX_VALUE = 40;
/**
 * The range of ECMAScript dates less two days, ms on both sides of the epoch: offsets must stay inside it.
 */
const MAX_INSTANT_MS = 8.64e15 - 2e8;

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format) return format;
  // Refuse offsets such as "+02:00": they are not IANA zones, and only some runtimes accept them.
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) {
    throw new EngineError('argument', `"${zone.slice(0, MAX_VALUE)}" is no IANA time zone`);
  }
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      era: 'short',
    });
  } catch {
    throw new EngineError('argument', `"${zone.slice(0, MAX_VALUE)}" is no IANA time zone`);
  }
  if (formats.size >= MAX_FORMATS) formats.clear();
  formats.set(zone, format);
  return format;
}

/** How far the wall clock of a zone is ahead of UTC at an instant, in milliseconds. */
export function offsetMs(ms: number, zone: string): number {
  if (zone === 'UTC') return 0;
  if (!(Math.abs(ms) < MAX_INSTANT_MS)) throw new EngineError('argument', 'the instant is out of range');
  const parts: Record<string, string> = {};
  for (const { type, value } of formatOf(zone).formatToParts(ms)) parts[type] = value;
  const year = parts['era'] === 'BC' ? 1 - Number(parts['year']) : Number(parts['year']);
  const wall = new Date(0);
  wall.setUTCFullYear(year, Number(parts['month']) - 1, Number(parts['day']));
  wall.setUTCHours(Number(parts['hour']), Number(parts['minute']), Number(parts['second']));
  return wall.getTime() - Math.floor(ms / 1_000) * 1_000;
}
