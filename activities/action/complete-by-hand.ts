/**
 * `sluice.completeAction`: what a person completed an action's activity with (`temporal activity complete`).
 * Only a worker knows the action's schema, so the run asks one.
 *
 * Invariants
 * - The value is the action's own output. It becomes the step's output if it fits the action's schema; if
 *   not, the step fails with ACTION_OUTPUT_INVALID, which says what was expected. Of a value in the form of a
 *   worker's result, the output in it is looked at first.
 * - The ledger is closed either way, without regard to a lease: the attempt has ended, though its worker may
 *   not know it yet. The first success that the ledger has prevails, and is the step's output.
 * - The events of the attempt commit first: its worker may never have begun.
 */
import { Context } from '@temporalio/activity';
import type { ActionDefinition } from '../../contracts/run/action.js';
import { CompletionRequest, type ActionEnvelope, type ActionResult } from '../../contracts/run/activity.js';
import { sealOf } from '../../contracts/run/signal-prints.js';
import { SluiceError } from '../../contracts/errors.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import type {
  BeginDecision,
  Execution,
  Invocation,
  InvocationOutcome,
} from '../../contracts/run/projection.js';
import type { ActivityDeps } from '../boundary/deps.js';
import { businessError, businessFailure, refusal, storeFailure } from '../boundary/failures.js';
import { parseOrRefuse } from '../boundary/parse.js';
import { SecretRedactor } from '../boundary/redactor.js';
import { recordedResult, checkedOutput } from './conclude.js';
import { findAction } from './find-action.js';

/**
 * Checks and records such an outcome.
 * @param value a CompletionRequest
 * @returns the output that the ledger has from now on
 * @throws ApplicationFailure non-retryable: ACTION_OUTPUT_INVALID, or a refusal with a code; retryable while
 * the database is away
 */
export async function completeByHand(deps: ActivityDeps, value: unknown): Promise<ActionResult> {
  const request = parseOrRefuse(CompletionRequest, value, 'The outcome of an action');
  const { envelope } = request;
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) {
    throw refusal(new SluiceError('INPUT_INVALID', 'Only a workflow has an action that was completed'));
  }
  const { workflowId, runId: executionId } = workflowExecution;
  const execution: Execution = { run: envelope.run, workflowId, executionId };
  const invocation: Invocation = {
    idempotencyKey: envelope.idempotencyKey,
    action: request.action,
    actionVersion: envelope.actionVersion,
    step: envelope.step,
    input: request.input,
    local: false,
  };
  const action = await findAction(deps, request.action, envelope.actionVersion);
  const output = await outputOf(action, request);
  const failure = output instanceof SluiceError ? businessError(output, new SecretRedactor()) : undefined;
  const { step } = envelope;
  const outcome: InvocationOutcome =
    failure === undefined
      ? { status: 'SUCCEEDED', output: output as Json, artifacts: [] }
      : {
          status: 'FAILED',
          error: {
            code: failure.code,
            message: failure.message,
            category: failure.category,
            details: failure.details,
            stepPath: step.path,
            at: new Date().toISOString(),
            attempt: step.attempt,
          },
        };
  const begin = async (): Promise<BeginDecision> => {
    const lease = { holder: `${deps.identity}/by-hand`, forMs: 0 };
    return await deps.projections.beginAction(execution, [], invocation, lease);
  };
  try {
    await deps.projections.commitEvents(execution, envelope.events);
    if (failure !== undefined) {
      // A success that the ledger has counts. A lease of another worker, which is `held`, does not.
      const decision = await begin();
      if (decision.kind === 'recorded') return sealed(envelope, decision);
    }
    await deps.projections.finishAction(execution, invocation, { outcome, writes: [] });
    if (failure === undefined) {
      const decision = await begin();
      if (decision.kind === 'recorded') return sealed(envelope, decision);
      throw new SluiceError(
        'INTERNAL',
        `The ledger did not keep the outcome of ${invocation.idempotencyKey}`,
      );
    }
  } catch (error) {
    throw storeFailure(error);
  }
  throw businessFailure(failure, true);
}

function sealed(envelope: ActionEnvelope, decision: BeginDecision): ActionResult {
  const result = recordedResult(decision);
  if (result === undefined) throw new SluiceError('INTERNAL', 'The ledger has no success to return');
  return { ...result, seal: sealOf(envelope) };
}

/** The output as it is recorded, or why it is not taken. */
async function outputOf(
  action: ActionDefinition,
  { value, asResult, refused }: CompletionRequest,
): Promise<Json | SluiceError> {
  const inside = asResult === true && isJsonObject(value) ? value['output'] : undefined;
  if (inside !== undefined) {
    const output = await outputIn(action, inside, refused);
    if (!(output instanceof SluiceError)) return output;
  }
  return await outputIn(action, value, refused);
}

async function outputIn(
  action: ActionDefinition,
  value: CompletionRequest['value'],
  refused: CompletionRequest['refused'],
): Promise<Json | SluiceError> {
  const problem = (why: string): SluiceError =>
    new SluiceError(
      'ACTION_OUTPUT_INVALID',
      `${action.id} was completed by hand, and its outcome is not taken: ${why}. Give the action's own output.`,
    );
  if (refused !== undefined) return problem(refused);
  try {
    return await checkedOutput({ action, local: false, redactor: new SecretRedactor() }, value ?? null, []);
  } catch (error) {
    if (!(error instanceof SluiceError)) return problem(String(error));
    return error.code === 'ACTION_OUTPUT_INVALID'
      ? new SluiceError(error.code, problem(error.message).message, { details: error.details ?? null })
      : error;
  }
}
