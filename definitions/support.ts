/**
 * Parts of the format that this version of Sluice does not run yet. They are refused when a definition is
 * published, because a run that meets one could only fail (trap 18). An issue that builds one deletes its line.
 */
import type { StepType } from '../contracts/definition/index.js';
import { isJsonObject, type Json } from '../contracts/json.js';
import type { Finding } from './finding.js';
import type { FoundStep } from './walk.js';

const STEP_TYPES: readonly StepType[] = ['human.task', 'event.publish'];

const HINT = 'the format knows it, but this version of Sluice does not run it';

/** Unsupported parts of the document's head. */
export function unsupportedHead(document: Json): Finding[] {
  if (!isJsonObject(document)) return [];
  const findings: Finding[] = [];
  if (document['onCancel'] === 'compensate') {
    findings.push(unsupported('onCancel: compensate', null, ['onCancel']));
  }
  const triggers = document['triggers'];
  if (Array.isArray(triggers)) {
    for (const [index, trigger] of (triggers as readonly Json[]).entries()) {
      if (isJsonObject(trigger) && trigger['type'] === 'schedule') {
        findings.push(unsupported('a schedule trigger', null, ['triggers', index, 'type']));
      }
    }
  }
  return findings;
}

/** Unsupported parts of a step. */
export function unsupportedStep({ value, path, stepPath, type }: FoundStep): Finding[] {
  if (!isJsonObject(value)) return [];
  const findings: Finding[] = [];
  if (type !== undefined && value['type'] === type && STEP_TYPES.includes(type)) {
    findings.push(unsupported(type, stepPath, [...path, 'type']));
  }
  if (type === 'action.call' && value['compensate'] !== undefined) {
    findings.push({ ...unsupported('compensate', stepPath, [...path, 'compensate']), at: 'key' });
  }
  return findings;
}

function unsupported(what: string, stepPath: string | null, path: Finding['path']): Finding {
  return { code: 'UNSUPPORTED', message: `${what} is not supported`, stepPath, path, hint: HINT };
}
