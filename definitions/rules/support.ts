/**
 * Parts of the format that this version of Sluice does not run yet. They are refused when a definition is
 * published, because a run that meets one could only fail (trap 18). An issue that builds one deletes its line.
 */
import type { StepType } from '../../contracts/definition/index.js';
import { isJsonObject } from '../../contracts/json.js';
import type { Finding } from '../source/finding.js';
import type { FoundStep } from './walk.js';

const STEP_TYPES: readonly StepType[] = ['human.task'];

const HINT = 'the format knows it, but this version of Sluice does not run it';

/** Unsupported parts of a step. */
export function unsupportedStep({ value, path, stepPath, type }: FoundStep): Finding[] {
  if (!isJsonObject(value)) return [];
  const findings: Finding[] = [];
  if (type !== undefined && value['type'] === type && STEP_TYPES.includes(type)) {
    findings.push(unsupported(type, stepPath, [...path, 'type']));
  }
  return findings;
}

function unsupported(what: string, stepPath: string | null, path: Finding['path']): Finding {
  return { code: 'UNSUPPORTED', message: `${what} is not supported`, stepPath, path, hint: HINT };
}
