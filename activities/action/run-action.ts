/**
 * One attempt of an action: the activity behind every action id.
 *
 * The order is the guarantee: the pending events and the ledger row STARTED commit before anything is done;
 * the domain writes, the ledger row with its outcome and the step's outcome commit together after it; only
 * then does Temporal hear of the outcome. A crash anywhere leaves the attempt to be repeated under the same
 * idempotency key, and a repetition of one that had succeeded gives back what was recorded.
 *
 * Policies are asked after that row stands, and before anything else: a denied attempt resolves no secret and
 * calls nothing, and a repetition of a recorded outcome asks nobody.
 *
 * Secrets are resolved after the ledger row stands, so that such a repetition needs none that is gone by now.
 */
import { Context } from '@temporalio/activity';
import type { ActionDefinition } from '../../contracts/run/action.js';
import { ActionEnvelope, type ActionResult } from '../../contracts/run/activity.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { JsonValue, type Json } from '../../contracts/json.js';
import type { BeginDecision } from '../../contracts/run/projection.js';
import { deliverMissed, opensWaits } from '../events/deliver-missed.js';
import { type ActivityDeps, STOP_LIMITS } from '../boundary/deps.js';
import { refusal, storeFailure } from '../boundary/failures.js';
import { issuesOf, parseOrRefuse } from '../boundary/parse.js';
import { Redactor } from '../boundary/redactor.js';
import { resolveSecrets } from '../boundary/secrets.js';
import { type OpenContext, openContext } from './action-context.js';
import type { Attempt } from './attempt.js';
import { authorize } from './authorize.js';
import { conclude, standsAlready } from './conclude.js';
import { execute } from './execute.js';
import { keepAlive, leaseEnd } from './keep-alive.js';
import { LateBegin } from './late-begin.js';
import { type LedgerEntry, ledgerEntry } from './ledger-entry.js';
import { watchStop } from './stop.js';

/**
 * Runs the action that the activity's type names.
 * @param input the action's input, secrets as markers
 * @param envelope an ActionEnvelope
 * @returns an ActionResult
 * @throws ApplicationFailure non-retryable, with ActionFailureDetails: the action's error, or a coded refusal;
 * retryable: the same attempt has to be repeated. CancelledFailure once a cancelled action has stopped.
 */
export async function runAction(
  deps: ActivityDeps,
  input: unknown,
  envelope: unknown,
): Promise<ActionResult> {
  const attempt = prepare(deps, parseOrRefuse(JsonValue, input ?? null, 'The input'), envelope);
  const { temporal, entry } = attempt;
  let leaseLost = (): void => undefined;
  const alive = keepAlive({
    context: temporal,
    renew: (until) => entry.renew(until),
    onLeaseLost: () => leaseLost(),
  });
  const start = async (): Promise<BeginDecision> => {
    const decision = await begin(entry);
    await tellMissed(attempt);
    return decision;
  };
  const late = mayBeginLate(attempt) ? new LateBegin(start, alive) : undefined;
  if (late === undefined) {
    const told = standsAlready(await start()) ?? (await authorize(attempt));
    if (told !== undefined) return told;
  }

  const stop = watchStop(temporal, attempt.envelope.timeoutMs);
  leaseLost = () => stop.leaseLost();
  if (late === undefined) alive.start();
  const open = openContext({
    temporal,
    envelope: attempt.envelope,
    redactor: attempt.redactor,
    secrets: deps.secrets,
    signal: stop.signal,
    beat: (progress) => alive.beat(progress),
  });
  try {
    const ended = await execute(() => callAction(attempt, open), stop, attempt.limits);
    open.close();
    stop.dispose();
    const told = await late?.ended();
    return told ?? (await conclude(attempt, open, alive, ended));
  } finally {
    late?.dispose();
    open.close();
    stop.dispose();
    await alive.stop();
  }
}

/** Policies are asked once an attempt is in the ledger, and waits are told what they missed before anything is done. */
function mayBeginLate({ action, deps, envelope }: Attempt): boolean {
  return action.readOnly === true && deps.authorizer === undefined && !opensWaits(envelope.events);
}

function prepare(deps: ActivityDeps, input: Json, envelopeValue: unknown): Attempt {
  const temporal = Context.current();
  const { activityType, workflowExecution } = temporal.info;
  const envelope = parseOrRefuse(ActionEnvelope, envelopeValue, `The envelope of ${activityType}`);
  if (workflowExecution === undefined) {
    throw refusal(new SluiceError('INPUT_INVALID', `${activityType} can be called from a workflow only`));
  }
  const limits = { ...STOP_LIMITS, ...deps.limits };
  return {
    deps,
    limits,
    temporal,
    action: find(deps, activityType, envelope.actionVersion),
    input,
    envelope,
    entry: ledgerEntry({
      store: deps.projections,
      execution: {
        run: envelope.run,
        workflowId: workflowExecution.workflowId,
        executionId: workflowExecution.runId,
      },
      envelope,
      action: activityType,
      holder: `${deps.identity}/${temporal.info.base64TaskToken}/${temporal.info.attempt}`,
      input,
      leaseEnd: () => leaseEnd(temporal),
      commitRetryMs: limits.commitRetryMs,
    }),
    redactor: new Redactor(),
  };
}

function find(deps: ActivityDeps, id: string, version: number): ActionDefinition {
  try {
    return deps.registry.get(id, version);
  } catch (error) {
    throw refusal(toSluiceError(error));
  }
}

async function begin(entry: LedgerEntry): Promise<BeginDecision> {
  try {
    return await entry.begin();
  } catch (error) {
    throw storeFailure(error);
  }
}

/** The action's activity may be the one that registers another lane's wait. */
async function tellMissed({ deps, envelope, temporal }: Attempt): Promise<void> {
  const { workflowId, runId: executionId } = temporal.info.workflowExecution ?? {};
  if (workflowId === undefined || executionId === undefined) return;
  try {
    await deliverMissed(deps.projections, { run: envelope.run, workflowId, executionId }, envelope.events);
  } catch (error) {
    throw storeFailure(error);
  }
}

async function callAction(
  { action, input, envelope, deps, redactor }: Attempt,
  open: OpenContext,
): Promise<unknown> {
  const resolved = await resolveSecrets(input, envelope.secrets ?? [], deps.secrets, redactor);
  const parsed = await action.input.safeParseAsync(resolved);
  if (!parsed.success) {
    throw issuesOf('ACTION_INPUT_INVALID', `The input of ${action.id} does not fit its schema`, parsed.error);
  }
  return await action.run(parsed.data, open.context);
}
