/**
 * Codes that a step waits for in vain: one of `catchCodes` that nothing in the `try` gives, one of `retryOn`
 * that is spelt like another. All are warnings: an action may define any code.
 */
import { ERRORS } from '../../contracts/errors.js';
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { editDistance } from '../../contracts/near.js';
import { type Finding, meantHint } from '../source/finding.js';
import type { DocumentPath } from '../source/source.js';
import type { FoundStep } from './walk.js';

const KNOWN = Object.keys(ERRORS);

/** Codes that only a step of some type gives. */
const OF_TYPES: Readonly<Record<string, readonly string[]>> = {
  WAIT_TIMEOUT: ['event.wait'],
  LOOP_LIMIT: ['control.while'],
  ITEMS_INVALID: ['control.forEach'],
  ACTION_TIMEOUT: ['action.call'],
  ACTION_INPUT_INVALID: ['action.call'],
  ACTION_OUTPUT_INVALID: ['action.call'],
  CHILD_TIMEOUT: [],
};

/** Actions whose codes are known. */
const PLAIN_ACTIONS = ['core.echo', 'core.log', 'core.sleep'];

/** Edits that are a typing error. */
const EDITS = 2;

/** Warnings of the codes that a step names. */
export function errorCodeFindings({ value, path, stepPath, type }: FoundStep): Finding[] {
  if (!isJsonObject(value)) return [];
  const report = (message: string, at: DocumentPath, near: string | undefined): Finding => ({
    code: 'ERROR_CODE_UNKNOWN',
    level: 'warning',
    message,
    stepPath,
    path: [...path, ...at],
    hint: near === undefined ? undefined : meantHint([near]),
  });
  const retries = [['retry'], ['compensate', 'retry']].flatMap((keys) => {
    const retry = keys.reduce<Json | undefined>((at, key) => (isJsonObject(at) ? at[key] : undefined), value);
    return codesOf(isJsonObject(retry) ? retry['retryOn'] : undefined).flatMap(([index, code]) => {
      const near = nearCode(code, KNOWN);
      return near === undefined
        ? []
        : [report(`no error has the code ${code}`, [...keys, 'retryOn', index], near)];
    });
  });
  if (type !== 'control.tryCatch') return retries;
  const given = codesGiven(value['try']);
  const caught = codesOf(value['catchCodes']).flatMap(([index, code]) => {
    if (given.codes.has(code)) return [];
    const near = nearCode(code, [...KNOWN, ...given.codes]);
    if (!(near !== undefined || (!given.open && !isPossible(code, given.types)))) return [];
    return [report(`nothing in the try gives ${code}`, ['catchCodes', index], near)];
  });
  return [...retries, ...caught];
}

function codesOf(list: Json | undefined): (readonly [number, string])[] {
  if (!Array.isArray(list)) return [];
  return [...(list as readonly Json[]).entries()].flatMap(([index, code]) =>
    typeof code === 'string' ? [[index, code] as const] : [],
  );
}

/** The code that was probably meant by one that is not known. */
function nearCode(code: string, known: readonly string[]): string | undefined {
  if (known.includes(code)) return undefined;
  const isNear = (other: string): boolean =>
    Math.abs(other.length - code.length) <= EDITS && editDistance(code, other) <= EDITS;
  return code.length > EDITS * 2 ? known.find(isNear) : undefined;
}

/** Whether one of these steps can give a code of Sluice's own. */
function isPossible(code: string, types: ReadonlySet<string>): boolean {
  const of = OF_TYPES[code];
  return of === undefined ? KNOWN.includes(code) : of.some((type) => types.has(type));
}

interface Given {
  /** Codes that steps name. */
  readonly codes: Set<string>;
  readonly types: Set<string>;
  /** Whether a step may give any code. */
  open: boolean;
}

/** What steps can fail with. */
function codesGiven(
  steps: Json | undefined,
  found: Given = { codes: new Set(), types: new Set(), open: false },
): Given {
  if (Array.isArray(steps)) {
    for (const step of steps as readonly Json[]) codesGiven(step, found);
  } else if (isJsonObject(steps)) {
    if (typeof steps['type'] === 'string' && steps['id'] !== undefined) addStep(steps, found);
    for (const inner of Object.values(steps)) if (typeof inner === 'object') codesGiven(inner, found);
  }
  return found;
}

function addStep(step: JsonObject, found: Given): void {
  const { type, action, input, code = 'FAILED', rethrow } = step;
  if (typeof type !== 'string') return;
  found.types.add(type);
  if (type === 'control.fail') {
    if (rethrow === true || typeof code !== 'string') found.open = true;
    else found.codes.add(code);
  } else if (type === 'action.call') {
    const failing = isJsonObject(input) ? (input['code'] ?? 'FAILED') : 'FAILED';
    if (action === 'core.fail' && typeof failing === 'string') found.codes.add(failing);
    else if (typeof action !== 'string' || !PLAIN_ACTIONS.includes(action)) found.open = true;
  } else if (type === 'control.callWorkflow' || type === 'human.task') {
    found.open = true;
  }
}
