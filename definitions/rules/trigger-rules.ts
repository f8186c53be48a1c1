/**
 * Rules across the fields of a trigger. Invariant [what-is-accepted-runs]: a schedule that Temporal would
 * refuse is refused here, before anything is published.
 */
import {
  cronNeverFires,
  cronProblem,
  findExpressions,
  instantToMs,
} from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import type { Finding } from '../source/finding.js';
import { hasWildcard, WILDCARD, WILDCARD_HINT } from './wildcards.js';

const TIMES = ['cron', 'everyMs', 'at'] as const;
/** Temporal's schedules have a resolution of one second, ms. */
const SHORTEST_MS = 1_000;
/** Years in which Temporal schedules. */
const FIRST_YEAR = 2000;
export const LAST_YEAR = 2100;
/** Characters of a value that a message shows. */
const VALUE_CHARACTERS = 60;

/** Problems of the triggers of a document apart from their shape. */
export function triggerFindings(document: Json): Finding[] {
  const triggers = isJsonObject(document) ? document['triggers'] : undefined;
  if (!Array.isArray(triggers)) return [];
  return (triggers as readonly Json[]).flatMap((trigger, index) =>
    isJsonObject(trigger)
      ? trigger['type'] === 'schedule'
        ? scheduleFindings(trigger, index)
        : wildcardFindings(trigger, index)
      : [],
  );
}

function wildcardFindings({ eventName }: JsonObject, index: number): Finding[] {
  if (typeof eventName !== 'string' || !hasWildcard(eventName)) return [];
  const path = ['triggers', index, 'eventName'];
  return [
    {
      code: 'VALUE_INVALID',
      message: WILDCARD,
      stepPath: null,
      path,
      hint: WILDCARD_HINT,
      newVersionsOnly: true,
    },
  ];
}

function scheduleFindings(trigger: JsonObject, index: number): Finding[] {
  const found: Finding[] = [];
  const report = (code: Finding['code'], message: string, key: string, hint?: string) =>
    found.push({ code, message, stepPath: null, path: ['triggers', index, key], hint });
  const reportNew = (code: Finding['code'], message: string, key: string, hint?: string) =>
    found.push({
      code,
      message,
      stepPath: null,
      path: ['triggers', index, key],
      hint,
      newVersionsOnly: true,
    });
  const given = TIMES.filter((key) => trigger[key] !== undefined);
  if (given.length === 0) report('KEY_MISSING', 'one of cron, everyMs and at is missing', 'type');
  for (const key of given.slice(1)) {
    report('KEY_CONFLICT', `${key} cannot be combined with ${String(given[0])}`, key);
  }
  const { cron, everyMs, at, timezone, payload } = trigger;
  if (typeof cron === 'string' && cron !== '') {
    const problem = cronProblem(cron);
    const hint = 'such as "0 9 * * MON-FRI"';
    if (problem !== undefined) {
      report('VALUE_INVALID', `cron "${cron}" ${problem}`, 'cron', hint);
    } else if (cronNeverFires(cron)) {
      reportNew('VALUE_INVALID', `cron "${cron}" never fires: no year has that day`, 'cron');
    }
  }
  if (typeof everyMs === 'number' && (everyMs < SHORTEST_MS || everyMs % SHORTEST_MS !== 0)) {
    report('DURATION', 'everyMs must be whole seconds, at least 1,000', 'everyMs');
  }
  if (typeof at === 'string' && instantToMs(at) === undefined) {
    const hint = 'such as 2026-03-01T09:00:00+01:00';
    report(
      'DURATION',
      `at "${at.slice(0, VALUE_CHARACTERS)}" is not an ISO 8601 instant with an offset`,
      'at',
      hint,
    );
  }
  if (typeof at === 'string' && !isSchedulable(at)) {
    const message = `at "${at.slice(0, VALUE_CHARACTERS)}" is outside the years ${FIRST_YEAR} to ${LAST_YEAR} (UTC)`;
    reportNew('DURATION', message, 'at', 'Temporal schedules nothing before or after them');
  }
  if (typeof at === 'string' && (instantToMs(at) ?? Infinity) < Date.now() && isSchedulable(at)) {
    found.push({
      code: 'PASSED',
      level: 'warning',
      message: `at "${at.slice(0, VALUE_CHARACTERS)}" has passed: the schedule starts nothing`,
      stepPath: null,
      path: ['triggers', index, 'at'],
      newVersionsOnly: true,
    });
  }
  if (typeof timezone === 'string' && timezone !== '') {
    if (cron === undefined) report('KEY_CONFLICT', 'timezone needs cron', 'timezone');
    const known = knownTimezone(timezone);
    const message = `timezone "${timezone}" is unknown`;
    if (known === undefined) {
      report('VALUE_INVALID', message, 'timezone', 'an IANA name such as Europe/Paris');
    } else {
      const hint = caseHint(timezone, known);
      if (hint !== undefined) reportNew('VALUE_INVALID', message, 'timezone', hint);
    }
  }
  if (payload !== undefined && findExpressions(payload).length > 0) {
    const hint = 'an expression would see nothing here; use nowIso() in the steps';
    report('VALUE_INVALID', 'the payload of a schedule must be literal', 'payload', hint);
  }
  return found;
}

/** Whether Temporal takes an instant; true for a text that is not an instant. */
function isSchedulable(at: string): boolean {
  const ms = instantToMs(at);
  if (ms === undefined) return true;
  const year = new Date(ms).getUTCFullYear();
  return year >= FIRST_YEAR && year <= LAST_YEAR;
}

/** The name that JavaScript has for a zone; undefined: it knows no such zone. */
function knownTimezone(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * What to write instead of a zone that Temporal does not know; undefined: it knows it. Names differ in case
 * for Temporal, and not for JavaScript, which knows the case of one name of each zone. Of other names, each
 * part begins with a capital.
 */
function caseHint(name: string, known: string): string | undefined {
  if (known === name) return undefined;
  if (known.toLowerCase() === name.toLowerCase()) return `write ${known}`;
  const parts = name.split('/');
  const cased = parts.every((part) => /^[A-Z]/.test(part)) && (parts.length === 1 || /[a-z]/.test(name));
  return cased ? undefined : 'an IANA name such as Europe/Paris, in its own upper and lower case';
}
