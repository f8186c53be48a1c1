/**
 * Rules across the fields of a step, and rules for literals.
 *
 * Invariant [what-is-accepted-runs]: these rules refuse what a run would refuse with every payload: literals
 * that the interpreter refuses, and fields that contradict each other.
 */
import { durationToMs, instantToMs, isExpression, LONGEST_MS } from '../../contracts/definition/index.js';
import { FilterOp, unmetNeed } from '../../contracts/events/filters.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import type { Finding } from '../source/finding.js';
import { quote } from '../source/source.js';
import { literal, shown, type Report, type Rule } from './rule.js';
import { TASK_RULES } from './task-rules.js';
import { LAST_YEAR } from './trigger-rules.js';
import type { FoundStep } from './walk.js';
import { hasWildcard, WILDCARD, WILDCARD_HINT } from './wildcards.js';

/** Problems of a step apart from its shape. */
export function stepRules(found: FoundStep): Finding[] {
  const { value, path, stepPath, type } = found;
  if (!isJsonObject(value) || type === undefined) return [];
  const findings: Finding[] = [];
  const report: Report = (code, message, { path: inner = [], key = false, ...more }) => {
    findings.push({ code, message, stepPath, path: [...path, ...inner], at: key ? 'key' : 'value', ...more });
  };
  for (const rule of RULES[type] ?? []) rule(value, report, found);
  return findings;
}

const inLoop: Rule = (_step, report, { inLoop: looped, type }) => {
  if (!looped) report('STEP_MISPLACED', `${type} is only allowed inside a loop`, { path: ['type'] });
};

const loopResults: Rule = (step, report) => {
  if (step['saveAs'] !== undefined && step['collect'] === undefined) {
    const hint = 'collect says what each iteration adds to the list';
    report('KEY_CONFLICT', 'saveAs needs collect', { path: ['saveAs'], key: true, hint });
  }
  if (step['collect'] !== undefined && step['saveAs'] === undefined) {
    const hint = 'saveAs says where the list goes';
    report('KEY_CONFLICT', 'collect needs saveAs', { path: ['collect'], key: true, hint });
  }
};

const items: Rule = (step, report) => {
  if (literal(step, 'items') === null) {
    report('VALUE_INVALID', 'items must not be null', { path: ['items'], hint: 'an empty list is []' });
  }
};

const handlers: Rule = (step, report) => {
  if (step['catch'] === undefined && step['finally'] === undefined) {
    report('KEY_CONFLICT', 'a tryCatch needs catch or finally', { path: ['type'] });
  }
  for (const key of ['catchCodes', 'captureErrorAs']) {
    if (step[key] !== undefined && step['catch'] === undefined) {
      report('KEY_CONFLICT', `${key} needs catch`, { path: [key], key: true });
    }
  }
};

/**
 * Codes that no catch catches (`isCatchable` of the interpreter). A corrupt state is not among them: it can
 * be that of a child.
 */
const UNCATCHABLE = ['UNAUTHORIZED'];

const catchCodes: Rule = (step, report) => {
  const codes = step['catchCodes'];
  if (!Array.isArray(codes)) return;
  for (const [index, code] of (codes as readonly Json[]).entries()) {
    if (typeof code === 'string' && UNCATCHABLE.includes(code)) {
      report('VALUE_INVALID', `${code} cannot be caught`, { path: ['catchCodes', index] });
    }
  }
};

const rethrow: Rule = (step, report, { inCatch }) => {
  if (step['rethrow'] !== true) return;
  if (!inCatch) {
    const hint = 'only a catch holds an error to throw again';
    report('STEP_MISPLACED', 'rethrow is only allowed inside a catch', {
      path: ['rethrow'],
      key: true,
      hint,
    });
  }
  for (const key of ['code', 'message', 'details']) {
    if (step[key] !== undefined) {
      const hint = 'the error is thrown again as it was';
      report('KEY_CONFLICT', `${key} cannot be combined with rethrow`, { path: [key], key: true, hint });
    }
  }
};

const TIMES = ['durationMs', 'duration', 'until'];

const oneTime: Rule = (step, report) => {
  const given = TIMES.filter((key) => step[key] !== undefined);
  if (given.length === 0) {
    report('KEY_MISSING', 'one of durationMs, duration and until is missing', { path: ['type'] });
  }
  for (const key of given.slice(1)) {
    report('KEY_CONFLICT', `${key} cannot be combined with ${String(given[0])}`, { path: [key], key: true });
  }
};

const times: Rule = (step, report) => {
  const [ms, duration, until] = TIMES.map((key) => literal(step, key));
  if (ms !== undefined && !(typeof ms === 'number' && ms >= 0 && ms <= LONGEST_MS)) {
    report('DURATION', 'durationMs must be a number of milliseconds, 0 to 100 years', {
      path: ['durationMs'],
    });
  }
  if (duration !== undefined && (typeof duration !== 'string' || durationToMs(duration) === undefined)) {
    report('DURATION', `duration ${shown(duration)} is not an ISO 8601 duration of at most 100 years`, {
      path: ['duration'],
      hint: 'such as PT90S, PT2H30M, P3D or P2W; months and years have no fixed length',
    });
  }
  if (until !== undefined && (typeof until !== 'string' || instantToMs(until) === undefined)) {
    report('DURATION', `until ${shown(until)} is not an ISO 8601 instant with an offset`, {
      path: ['until'],
      hint: 'such as 2026-03-01T09:00:00+01:00',
    });
  } else if (typeof until === 'string' && new Date(instantToMs(until) ?? 0).getUTCFullYear() > LAST_YEAR) {
    report('DURATION', `until ${shown(until)} is after the year ${LAST_YEAR} (UTC)`, {
      path: ['until'],
      hint: 'a wait lasts at most 100 years',
    });
  }
};

/** A rule: the value must be non-blank text or a number, which becomes text. */
const keyText =
  (key: string, most: number): Rule =>
  (step, report) => {
    const value = literal(step, key);
    if (value === undefined || typeof value === 'number') return;
    if (typeof value === 'string' && value.trim() !== '' && value.length <= most) return;
    report('VALUE_INVALID', `${key} must be text of 1 to ${most.toLocaleString('en')} characters`, {
      path: [key],
    });
  };

/** Characters of the name of a business state. */
const STATE_CHARACTERS = 256;

const stateName: Rule = (step, report) => {
  const value = literal(step, 'state');
  if (
    value === undefined ||
    (typeof value === 'string' && value !== '' && value.length <= STATE_CHARACTERS)
  ) {
    return;
  }
  report('VALUE_INVALID', `state must be text of 1 to ${STATE_CHARACTERS} characters`, { path: ['state'] });
};

const wildcard = { hint: WILDCARD_HINT, newVersionsOnly: true };

const eventNames: Rule = (step, report) => {
  const names = step['eventName'];
  if (typeof names === 'string' && hasWildcard(names)) {
    report('VALUE_INVALID', WILDCARD, { path: ['eventName'], ...wildcard });
  }
  if (!Array.isArray(names)) return;
  for (const [index, name] of (names as readonly Json[]).entries()) {
    if (typeof name === 'string' && hasWildcard(name)) {
      report('VALUE_INVALID', WILDCARD, { path: ['eventName', index], ...wildcard });
    }
    if (names.indexOf(name) !== index && typeof name === 'string') {
      report('VALUE_INVALID', `the event ${quote(name)} is already in the list`, {
        path: ['eventName', index],
      });
    }
  }
};

const filters: Rule = (step, report) => {
  const list = step['filters'];
  if (!Array.isArray(list)) return;
  for (const [index, filter] of (list as readonly Json[]).entries()) {
    if (isJsonObject(filter)) oneFilter(filter, index, report);
  }
};

function oneFilter(filter: JsonObject, index: number, report: Report): void {
  const { path, op } = filter;
  if (typeof path === 'string' && path !== '' && path.split('.').some((segment) => segment.trim() === '')) {
    report('VALUE_INVALID', `path ${quote(path)} has an empty segment`, { path: ['filters', index, 'path'] });
  }
  if (typeof op !== 'string') return;
  const at = { path: ['filters', index, 'value'] };
  if (op === 'exists' || op === 'not_exists') {
    if (filter['value'] !== undefined) report('KEY_CONFLICT', `${op} takes no value`, { ...at, key: true });
  } else if (filter['value'] === undefined) {
    report('KEY_MISSING', `${op} needs a value`, { path: ['filters', index] });
  } else {
    comparedWith(filter, op, (message, newVersionsOnly) => {
      report('VALUE_INVALID', message, { ...at, ...(newVersionsOnly && { newVersionsOnly }) });
    });
  }
}

function comparedWith(
  filter: JsonObject,
  op: string,
  report: (message: string, newVersionsOnly: boolean) => void,
): void {
  const known = FilterOp.safeParse(op);
  if (!known.success) return;
  const value = isNullExpression(filter['value']) ? null : literal(filter, 'value');
  const need = value === undefined ? undefined : unmetNeed(known.data, value);
  if (need === undefined) return;
  const expression = isExpression(filter['value'] ?? null);
  const message = `${op} needs ${need}${expression ? ': nothing passes null' : ''}`;
  // Once accepted: an expression for null, and an empty list.
  report(message, expression || Array.isArray(value));
}

/** Whether a value is an expression that always gives null. */
function isNullExpression(value: Json | undefined): boolean {
  return isJsonObject(value) && typeof value['$expr'] === 'string' && value['$expr'].trim() === 'null';
}

/** Characters of an idempotency key. */
const IDEMPOTENCY_KEY_CHARACTERS = 1_024;

const RULES: Readonly<Partial<Record<NonNullable<FoundStep['type']>, readonly Rule[]>>> = {
  'action.call': [keyText('idempotencyKey', IDEMPOTENCY_KEY_CHARACTERS)],
  'state.set': [stateName],
  'event.publish': [keyText('correlationKey', LIMITS.correlationKeyCharacters)],
  'event.wait': [keyText('correlationKey', LIMITS.correlationKeyCharacters), eventNames, filters],
  'time.wait': [oneTime, times],
  'human.task': TASK_RULES,
  'control.forEach': [items, loopResults],
  'control.tryCatch': [handlers, catchCodes],
  'control.break': [inLoop],
  'control.continue': [inLoop],
  'control.fail': [rethrow],
};
