/**
 * JSONata's `$toMillis` and `$fromMillis`, without access to the clock and the zone of the machine.
 *
 * JSONata's `$toMillis` completes a partial date from the current time and reads a time without an offset in
 * the zone of the machine, so a full date and an offset are required here. `$fromMillis` formats a full
 * instant in UTC or at the given offset, so only an invalid offset is refused.
 */
import type { Engine } from '../metering/engine-types.js';
import { EngineError } from '../budget/engine-error.js';
import { instantMs } from './instant.js';

/** Characters of a value, and of a picture, that a message shows. */
const MAX_VALUE = 40;
const MAX_PICTURE = 60;
/** The range of ECMAScript dates, ms on both sides of the epoch. */
const MAX_DATE_MS = 8.64e15;

/** Why a timestamp cannot be read without the zone of the machine; undefined if it can. */
export function timestampProblem(timestamp: string): string | undefined {
  return instantMs(timestamp) === undefined
    ? `$toMillis needs a full date, time and offset, such as "2024-05-01T10:00:00Z", not "${timestamp.slice(0, MAX_VALUE)}"`
    : undefined;
}

/** Why a picture cannot be read without the clock of the machine; undefined if it can. */
export function pictureProblem(picture: string): string | undefined {
  const components = new Set<string>();
  for (const marker of picture.replaceAll('[[', '').matchAll(/\[\s*(\S)[^\]]*\]/g)) {
    components.add(marker[1] as string);
  }
  const date = components.has('Y') && ((components.has('M') && components.has('D')) || components.has('d'));
  if (date && (components.has('Z') || components.has('z'))) return undefined;
  return `$toMillis needs a picture with a full date and an offset, such as "[Y0001]-[M01]-[D01] [H01]:[m01] [Z]", not "${picture.slice(0, MAX_PICTURE)}"`;
}

/** Why a time zone argument is refused; undefined if it is valid. */
export function timezoneProblem(timezone: string): string | undefined {
  return /^[+-]?\d{1,4}$/.test(timezone)
    ? undefined
    : `$fromMillis takes a zone as an offset such as "+0100", not "${timezone.slice(0, MAX_VALUE)}"; for IANA zones use dateAdd and dateDiff`;
}

/** The two functions as expressions call them. */
export function guardedDates(
  engine: Engine,
): Record<string, { readonly signature: string; readonly implementation: (...args: never[]) => unknown }> {
  const { toMillis, fromMillis } = engine.datetime;
  return {
    toMillis: {
      signature: '<s-s?:n>',
      implementation: function (this: unknown, timestamp: unknown, picture: unknown) {
        if (typeof timestamp !== 'string') return toMillis.call(this, timestamp as string, picture as string);
        const problem = typeof picture === 'string' ? pictureProblem(picture) : timestampProblem(timestamp);
        if (problem !== undefined) throw new EngineError('clock', problem);
        return typeof picture === 'string' ? toMillis.call(this, timestamp, picture) : instantMs(timestamp);
      },
    },
    fromMillis: {
      signature: '<n-s?s?:s>',
      implementation: function (this: unknown, millis: unknown, picture: unknown, timezone: unknown) {
        const problem = typeof timezone === 'string' ? timezoneProblem(timezone) : undefined;
        if (problem !== undefined) throw new EngineError('clock', problem);
        if (typeof millis === 'number' && !(Math.abs(millis) <= MAX_DATE_MS)) {
          throw new EngineError('argument', '$fromMillis was given a number that is no instant');
        }
        return fromMillis.call(this, millis as number, picture as string, timezone as string);
      },
    },
  };
}
