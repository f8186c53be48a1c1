/**
 * JSONata's `$toMillis` and `$fromMillis`, without the readings of the machine's clock and zone.
 *
 * `$toMillis` fills what a text or a picture leaves out from the current time and reads a time without offset
 * in the machine's zone: it needs a full date and an offset. `$fromMillis` is given a full instant and writes
 * it in UTC or at the offset given, so only a bad offset is refused.
 */
import type { Engine } from '../metering/engine-types.js';
import { EngineError } from '../budget/engine-error.js';
import { instantMs } from './instant.js';

/** Why a timestamp cannot be read without the machine's zone; undefined where it can. */
export function timestampProblem(timestamp: string): string | undefined {
  return instantMs(timestamp) === undefined
    ? `$toMillis needs a full date, time and offset, such as "2024-05-01T10:00:00Z", not "${timestamp.slice(0, 40)}"`
    : undefined;
}

/** Why a picture cannot be read without the machine's clock; undefined where it can. */
export function pictureProblem(picture: string): string | undefined {
  const components = new Set<string>();
  for (const marker of picture.replaceAll('[[', '').matchAll(/\[\s*(\S)[^\]]*\]/g)) {
    components.add(marker[1] as string);
  }
  const date = components.has('Y') && ((components.has('M') && components.has('D')) || components.has('d'));
  if (date && (components.has('Z') || components.has('z'))) return undefined;
  return `$toMillis needs a picture with a full date and an offset, such as "[Y0001]-[M01]-[D01] [H01]:[m01] [Z]", not "${picture.slice(0, 60)}"`;
}

/** Why a time zone argument is refused; undefined where it is not. */
export function timezoneProblem(timezone: string): string | undefined {
  return /^[+-]?\d{1,4}$/.test(timezone)
    ? undefined
    : `$fromMillis takes a zone as an offset such as "+0100", not "${timezone.slice(0, 40)}"; for IANA zones use dateAdd and dateDiff`;
}

/** The two functions as expressions may call them. */
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
        if (typeof millis === 'number' && !(Math.abs(millis) <= 8.64e15)) {
          throw new EngineError('argument', '$fromMillis was given a number that is no instant');
        }
        return fromMillis.call(this, millis as number, picture as string, timezone as string);
      },
    },
  };
}
