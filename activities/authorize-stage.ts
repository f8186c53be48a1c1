/**
 * `sluice.authorizeStage`: asks the policies about a step that publishes an event, starts a child or asks
 * people. For an action its own activity asks.
 *
 * Invariant ([every-stage-that-acts-asks]): the workflow asks before each attempt of such a step, and the
 * step acts only after this has answered. The decision is committed as evidence before the answer, so a step
 * that acted has its evidence. Asked twice for one attempt, after a lost answer, the last decision counts: it
 * is the one that the workflow follows, and its evidence replaces the first.
 */
import { Context } from '@temporalio/activity';
import { evidenceOf, type StageRequest } from '../contracts/authorization.js';
import { SluiceError } from '../contracts/errors.js';
import { AuthorizeRequest, type AuthorizeResult } from '../contracts/run/activity.js';
import type { ActivityDeps } from './boundary/deps.js';
import { refusal, storeFailure } from './boundary/failures.js';
import { parseOrRefuse } from './boundary/parse.js';
import { denial } from './boundary/permit.js';
import { hashOf } from './action/authorize.js';

/**
 * Decides, and records why.
 * @param request an AuthorizeRequest
 * @throws ApplicationFailure non-retryable: UNAUTHORIZED, INPUT_INVALID; retryable while the database is away
 */
export async function authorizeStage(
  { authorizer, projections }: ActivityDeps,
  request: unknown,
): Promise<AuthorizeResult> {
  const parsed = parseOrRefuse(AuthorizeRequest, request, 'The request to authorize a step');
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) {
    throw refusal(new SluiceError('INPUT_INVALID', 'Only a workflow has steps to authorize'));
  }
  // Authorization was turned off since the run began; so it is for actions.
  if (authorizer === undefined) return { permitted: true };
  const { workflowId, runId: executionId } = workflowExecution;
  const { run, step } = parsed;
  const asked = requestOf(parsed, workflowId, await hashOf(projections, run));
  const decision = authorizer.decide(asked);
  try {
    await projections.putEvidence({ run, workflowId, executionId }, step, evidenceOf(asked, decision));
  } catch (error) {
    throw storeFailure(error);
  }
  if (!decision.allowed) throw refusal(denial(asked, decision, false));
  return { permitted: true };
}

function requestOf(
  { run, actor, step, system, stage }: AuthorizeRequest,
  workflowId: string,
  definitionHash: string,
): StageRequest {
  return {
    stage: step.id,
    ...stage,
    action: stage.kind,
    actionVersion: 0,
    definition: run.definition,
    definitionVersion: run.version,
    definitionHash,
    tenant: run.tenant,
    environment: system.environment,
    region: system.region,
    tags: [],
    secrets: [],
    actor,
    workflowId,
    runId: run.runId,
    attempt: step.attempt,
    compensation: false,
  };
}
