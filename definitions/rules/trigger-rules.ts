/**
 * Rules across the fields of a trigger. Invariant [what-is-accepted-runs]: a schedule that Temporal would
 * refuse is refused here, before anything is published.
 */
import { cronProblem, findExpressions, instantToMs } from '../../contracts/definition/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import type { Finding } from '../source/finding.js';

const TIMES = ['cron', 'everyMs', 'at'] as const;
/** Temporal's schedules have a resolution of one second, ms. */
const SHORTEST_MS = 1_000;
/** Characters of a value that a message shows. */
const VALUE_CHARACTERS = 60;

/** Problems of the triggers of a document apart from their shape. */
export function triggerFindings(document: Json): Finding[] {
  const triggers = isJsonObject(document) ? document['triggers'] : undefined;
  if (!Array.isArray(triggers)) return [];
  return (triggers as readonly Json[]).flatMap((trigger, index) =>
    isJsonObject(trigger) && trigger['type'] === 'schedule' ? scheduleFindings(trigger, index) : [],
  );
}

function scheduleFindings(trigger: JsonObject, index: number): Finding[] {
  const found: Finding[] = [];
  const report = (code: Finding['code'], message: string, key: string, hint?: string) =>
    found.push({ code, message, stepPath: null, path: ['triggers', index, key], hint });
  const given = TIMES.filter((key) => trigger[key] !== undefined);
  if (given.length === 0) report('KEY_MISSING', 'one of cron, everyMs and at is missing', 'type');
  for (const key of given.slice(1)) {
    report('KEY_CONFLICT', `${key} cannot be combined with ${String(given[0])}`, key);
  }
  const { cron, everyMs, at, timezone, payload } = trigger;
  if (typeof cron === 'string' && cron !== '') {
    const problem = cronProblem(cron);
    const hint = 'such as "0 9 * * MON-FRI"';
    if (problem !== undefined) report('VALUE_INVALID', `cron "${cron}" ${problem}`, 'cron', hint);
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
  if (typeof timezone === 'string' && timezone !== '') {
    if (cron === undefined) report('KEY_CONFLICT', 'timezone needs cron', 'timezone');
    if (!isTimezone(timezone)) {
      const hint = 'an IANA name such as Europe/Paris';
      report('VALUE_INVALID', `timezone "${timezone}" is unknown`, 'timezone', hint);
    }
  }
  if (payload !== undefined && findExpressions(payload).length > 0) {
    const hint = 'an expression would see nothing here; use nowIso() in the steps';
    report('VALUE_INVALID', 'the payload of a schedule must be literal', 'payload', hint);
  }
  return found;
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
