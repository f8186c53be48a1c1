/**
 * Cron expressions, as strict as Temporal's, so that Temporal accepts every published schedule: five fields
 * of numbers, names, ranges, lists and steps.
 */
interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of month', least: 1, most: 31 },
  {
    name: 'month',
    least: 1,
    most: 12,
    names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
  },
  { name: 'day of week', least: 0, most: 7, names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] },
];

/** Why a text is not a cron expression. */
export type CronProblem = string;

/** What is wrong with a cron expression; undefined if it is valid. */
export function cronProblem(text: string): CronProblem | undefined {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) return `has ${parts.length} fields, not ${FIELDS.length}`;
  for (const [index, field] of FIELDS.entries()) {
    for (const entry of (parts[index] ?? '').split(',')) {
      const problem = entryProblem(entry, field);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

const DAYS_OF_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether a valid cron expression names no day that any year has, such as the 31st of February. */
export function cronNeverFires(text: string): boolean {
  const [, , days = '', months = ''] = text.trim().split(/\s+/);
  const [, , dayField, monthField] = FIELDS as readonly [Field, Field, Field, Field];
  const first = Math.min(...days.split(',').map((entry) => lowest(entry, dayField)));
  return !monthsOf(months, monthField).some((month) => first <= (DAYS_OF_MONTHS[month - 1] ?? 0));
}

function lowest(entry: string, field: Field): number {
  const [range = ''] = entry.split('/');
  return range === '*' ? field.least : (valueOf(range.split('-')[0] ?? '', field) ?? field.least);
}

function monthsOf(text: string, field: Field): number[] {
  return text.split(',').flatMap((entry) => {
    const [range = '', step] = entry.split('/');
    const [, high] = range.split('-');
    const from = lowest(entry, field);
    const every = Number(step ?? 1);
    const single = range !== '*' && high === undefined && step === undefined;
    const to = single ? from : high === undefined ? field.most : (valueOf(high, field) ?? field.most);
    return Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, index) => from + index * every);
  });
}

function entryProblem(entry: string, field: Field): string | undefined {
  const [, range = '', step] = /^([^/]+)(?:\/(.+))?$/.exec(entry) ?? [];
  if (step !== undefined && !(/^\d{1,3}$/.test(step) && Number(step) > 0)) {
    return `${field.name}: the step in "${entry}" must be a whole number over 0`;
  }
  if (range === '*') return undefined;
  const ends = range.split('-');
  const values = ends.map((end) => valueOf(end, field));
  const [low, high = low] = values;
  if (ends.length > 2 || low === undefined || high === undefined || values.includes(undefined)) {
    return `${field.name}: "${entry}" is not a value from ${field.least} to ${field.most}`;
  }
  return low > high ? `${field.name}: "${entry}" ends before it begins` : undefined;
}

function valueOf(text: string, { least, most, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return named + (least === 1 ? 1 : 0);
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}
