/** Reads ISO 8601 instants strictly: a full date, a time and an offset. */
const INSTANT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|([+-])(\d\d):?(\d\d))$/;

/** Milliseconds since the epoch; undefined for any other text. */
export function instantMs(text: string): number | undefined {
  const found = INSTANT.exec(text);
  if (!found) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second = '0',
    fraction = '',
    zone,
    sign,
    offsetHours = '0',
    offsetMinutes = '0',
  ] = found;
  const ms = Number(fraction.padEnd(3, '0').slice(0, 3));
  const local = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    ms,
  );
  const date = new Date(local);
  if (Number(year) < 100) date.setUTCFullYear(Number(year));
  // Date.UTC would silently turn 31 February into a day of March.
  if (
    date.getUTCMonth() !== Number(month) - 1 ||
    date.getUTCDate() !== Number(day) ||
    Number(hour) > 23 ||
    Number(minute) > 59 ||
    Number(second) > 59 ||
    Number(offsetHours) > 23 ||
    Number(offsetMinutes) > 59
  ) {
    return undefined;
  }
  if (zone === 'Z') return date.getTime();
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
  return date.getTime() - (sign === '-' ? -offset : offset);
}
