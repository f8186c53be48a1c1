/**
 * Rules of human.task.
 *
 * Invariant [what-is-accepted-runs]: literals that the task's own schema (contracts/tasks/) would refuse are
 * refused when the definition is published.
 */
import { CalendarName } from '../../contracts/calendar/pinned.js';
import { workingDuration } from '../../contracts/calendar/working-time.js';
import { durationToMs, LONGEST_MS } from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { TASK_PRIORITIES } from '../../contracts/tasks/task.js';
import { literal, shown, type Report, type Rule } from './rule.js';

const TITLE_CHARACTERS = 256;
/** Working days of a deadline. */
const MOST_DAYS = 3_660;
const DESCRIPTION_CHARACTERS = 16_384;

const texts: Rule = (step, report) => {
  for (const [key, most, least] of [
    ['title', TITLE_CHARACTERS, 1],
    ['description', DESCRIPTION_CHARACTERS, 0],
  ] as const) {
    const value = literal(step, key);
    if (value === undefined) continue;
    if (typeof value === 'string' && value.length >= least && value.length <= most) continue;
    report('VALUE_INVALID', `${key} must be text of ${least} to ${most.toLocaleString('en')} characters`, {
      path: [key],
    });
  }
  const priority = literal(step, 'priority');
  if (priority !== undefined && !(TASK_PRIORITIES as readonly Json[]).includes(priority)) {
    report('VALUE_INVALID', `priority must be one of ${TASK_PRIORITIES.join(', ')}`, { path: ['priority'] });
  }
};

interface Place {
  readonly around?: readonly (string | number)[];
  /** True: the time is working time of a calendar. */
  readonly working?: boolean;
}

function span(of: JsonObject, key: string, report: Report, place: Place = {}): void {
  const { around = [], working = false } = place;
  const value = literal(of, key);
  if (value === undefined) return;
  if (working && typeof value === 'string') {
    const work = workingDuration(value);
    if (work !== undefined && work.days + work.ms > 0 && work.days <= MOST_DAYS) return;
    report('DURATION', `${key} ${shown(value)} is not a working time`, {
      path: [...around, key],
      hint: 'write days, hours and minutes, such as PT4H, P2D or P1DT30M: a calendar has no weeks and months',
    });
    return;
  }
  const ms = typeof value === 'string' ? durationToMs(value) : value;
  if (typeof ms === 'number' && ms > 0 && ms <= LONGEST_MS) return;
  report('DURATION', `${key} ${shown(value)} is not a time span of at most 100 years`, {
    path: [...around, key],
    hint: 'write milliseconds over 0, or an ISO 8601 duration such as PT4H or P2D',
  });
}

const times: Rule = (step, report) => {
  const working = step['calendar'] !== undefined;
  span(step, 'due', report, { working });
  for (const key of ['warnBefore', 'claimFor']) span(step, key, report);
  const calendar = literal(step, 'calendar');
  if (calendar !== undefined && !CalendarName.safeParse(calendar).success) {
    report('VALUE_INVALID', `calendar ${shown(calendar)} is not the name of one`, { path: ['calendar'] });
  }
  if (step['due'] !== undefined) return;
  for (const key of ['warnBefore', 'onDue', 'calendar']) {
    if (step[key] !== undefined) report('KEY_CONFLICT', `${key} needs due`, { path: [key], key: true });
  }
};

function namesOf(step: JsonObject): readonly string[] {
  const outcomes = step['outcomes'];
  if (!Array.isArray(outcomes)) return ['approve', 'reject'];
  return (outcomes as readonly Json[]).flatMap((outcome) => {
    const name = isJsonObject(outcome) ? outcome['name'] : outcome;
    return typeof name === 'string' ? [name] : [];
  });
}

const outcomes: Rule = (step, report) => {
  const names = namesOf(step);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    report('VALUE_INVALID', `the outcome ${shown(name)} is already in the list`, {
      path: ['outcomes', index],
    });
  }
};

const onDue: Rule = (step, report) => {
  const { onDue: rule } = step;
  if (!isJsonObject(rule)) return;
  const { outcome, fail, escalate } = rule;
  if (outcome !== undefined && fail !== undefined) {
    report('KEY_CONFLICT', 'fail cannot be combined with outcome', { path: ['onDue', 'fail'], key: true });
  }
  const names = namesOf(step);
  if (typeof outcome === 'string' && !names.includes(outcome)) {
    report('VALUE_INVALID', `${shown(outcome)} is not an outcome of the task`, {
      path: ['onDue', 'outcome'],
      hint: `one of ${[...new Set(names)].join(', ')}`,
    });
  }
  if (!Array.isArray(escalate)) return;
  for (const [index, level] of (escalate as readonly Json[]).entries()) {
    if (!isJsonObject(level)) continue;
    const path = ['onDue', 'escalate', index];
    span(level, 'due', report, { around: path, working: step['calendar'] !== undefined });
    if (level['account'] !== undefined || level['role'] !== undefined) continue;
    report('KEY_MISSING', 'a level needs an account or a role', { path });
  }
};

export const TASK_RULES: readonly Rule[] = [texts, times, outcomes, onDue];

/** The schemas of a task, which are not mappings: the keys that lead to each. */
export function* formsOf(step: JsonObject): Generator<readonly [string, ...(string | number)[]]> {
  if (step['type'] !== 'human.task') return;
  if (step['form'] !== undefined) yield ['form'];
  const given = step['outcomes'];
  if (!Array.isArray(given)) return;
  for (const [index, outcome] of (given as readonly Json[]).entries()) {
    if (isJsonObject(outcome) && outcome['form'] !== undefined) yield ['outcomes', index, 'form'];
  }
}

/** The step without its schemas. */
export function withoutForms(step: JsonObject): JsonObject {
  if (step['type'] !== 'human.task') return step;
  const { outcomes: given } = step;
  const flat = Array.isArray(given) ? (given as readonly Json[]).map(withoutForm) : given;
  return { ...withoutForm(step), ...(flat !== undefined && { outcomes: flat }) };
}

function withoutForm<T extends Json>(value: T): T {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'form')) as T;
}
