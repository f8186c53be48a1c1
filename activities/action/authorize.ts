/**
 * Asks the policies whether an action may act.
 *
 * Invariants
 * - The policies decide before anything of the action happens: no secret is resolved, no code of the action
 *   has run.
 * - The decision is recorded as evidence in the transaction of the attempt's outcome: with its failure if it
 *   was denied, with the outcome of the action if it was permitted.
 * - An activity asks, so a replay never asks again.
 */
import { evidenceOf, type Decision, type StageRequest } from '../../contracts/authorization.js';
import type { ActionResult } from '../../contracts/run/activity.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Attempt } from './attempt.js';
import { failed } from './conclude.js';

/**
 * Decides about one attempt and attaches the evidence.
 * @returns undefined if the action may act; else what the ledger recorded before
 * @throws ApplicationFailure UNAUTHORIZED once the denial is committed; retryable while it can't commit
 */
export async function authorize(attempt: Attempt): Promise<ActionResult | undefined> {
  const { authorizer } = attempt.deps;
  if (authorizer === undefined) return undefined;
  const request = requestOf(attempt);
  const decision = authorizer.decide(request);
  attempt.entry.attach(evidenceOf(request, decision));
  return decision.allowed ? undefined : await failed(attempt, denial(request, decision), []);
}

function requestOf({ envelope, temporal }: Attempt): StageRequest {
  const { run, step, system, actor, actionVersion, tags = [], compensation } = envelope;
  return {
    stage: step.id,
    action: temporal.info.activityType,
    actionVersion,
    definition: run.definition,
    definitionVersion: run.version,
    tenant: run.tenant,
    environment: system.environment,
    region: system.region,
    tags,
    actor,
    workflowId: compensation?.workflow_id ?? temporal.info.workflowExecution?.workflowId ?? '',
    runId: run.runId,
    attempt: step.attempt,
    compensation: compensation !== undefined,
  };
}

function denial(request: StageRequest, decision: Decision): SluiceError {
  const { principal, resource, policies, errors, policyHash } = decision;
  const why =
    errors.length > 0
      ? errors.join('; ')
      : policies.length > 0
        ? `forbidden by ${policies.join(', ')}`
        : 'no policy permits it';
  return new SluiceError(
    'UNAUTHORIZED',
    `${principal}, for ${request.actor}, may not execute ${resource} (${request.action}): ${why}`,
    { details: { principal, resource, policies: [...policies], errors: [...errors], policyHash } },
  );
}
