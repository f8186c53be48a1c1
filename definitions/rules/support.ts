/**
 * Parts of the format that this version of Sluice does not run. They are refused at publish, because a run
 * that reaches one could only fail [what-is-accepted-runs]. Remove a step type from the list once it is
 * implemented.
 */
import type { StepType } from '../../contracts/definition/index.js';
import { isJsonObject } from '../../contracts/json.js';
import type { Finding } from '../source/finding.js';
import type { FoundStep } from './walk.js';

const UNSUPPORTED_TYPES: readonly StepType[] = ['human.task'];

const HINT = 'it is part of the format, but this version of Sluice does not run it';

/** Unsupported parts of a step. */
export function unsupportedStep({ value, path, stepPath, type }: FoundStep): Finding[] {
  if (!isJsonObject(value)) return [];
  const findings: Finding[] = [];
  if (type !== undefined && value['type'] === type && UNSUPPORTED_TYPES.includes(type)) {
    findings.push(unsupported(type, stepPath, [...path, 'type']));
  }
  return findings;
}

function unsupported(what: string, stepPath: string | null, path: Finding['path']): Finding {
  return { code: 'UNSUPPORTED', message: `${what} is not supported`, stepPath, path, hint: HINT };
}
