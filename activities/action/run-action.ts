/**
 * One attempt of an action: the activity behind every action id.
 *
 * The order is the guarantee: the pending events and the ledger row STARTED commit before the action acts;
 * the domain writes, the ledger row with its outcome and the step's outcome commit together after it; only
 * then does Temporal hear of the outcome. After a crash at any point Temporal repeats the attempt under the
 * same idempotency key, and a repetition of an attempt that succeeded returns what was recorded. An attempt
 * that has lost too many workers in a row is not repeated again: it fails with WORKER_LOST. A local action
 * that began and has not ended is not repeated as a local one.
 *
 * The policies decide after that row is committed, and before anything else: a denied attempt resolves no
 * secret and calls nothing, and a repetition of a recorded outcome asks no policy.
 *
 * Secrets are resolved after the ledger row is committed, so that such a repetition needs no secret that is
 * gone.
 */
import { Context } from '@temporalio/activity';
import { ActionEnvelope, type ActionResult } from '../../contracts/run/activity.js';
import { SluiceError } from '../../contracts/errors.js';
import { JsonValue, type Json } from '../../contracts/json.js';
import type { BeginDecision } from '../../contracts/run/projection.js';
import { concernsMissed, deliverMissed } from '../events/deliver-missed.js';
import { type ActivityDeps, STOP_LIMITS } from '../boundary/deps.js';
import { refusal, storeFailure } from '../boundary/failures.js';
import { lostWorkers, tooManyLost } from '../boundary/lost-workers.js';
import { issuesOf, parseOrRefuse } from '../boundary/parse.js';
import { SecretRedactor } from '../boundary/redactor.js';
import { resolveSecrets } from '../boundary/secrets.js';
import { Permit } from '../boundary/permit.js';
import { type OpenContext, openContext } from './action-context.js';
import type { Attempt } from './attempt.js';
import { authorize } from './authorize.js';
import { conclude, failed, recordedResult } from './conclude.js';
import { execute } from './execute.js';
import { findAction } from './find-action.js';
import { keepAlive, leaseMsOf } from './keep-alive.js';
import { LateBegin } from './late-begin.js';
import { type LedgerEntry, ledgerEntry } from './ledger-entry.js';
import { watchStop } from './stop.js';

/**
 * Runs the action that the activity's type names.
 * @param input the action's input, secrets as markers
 * @param envelope an ActionEnvelope
 * @returns an ActionResult
 * @throws ApplicationFailure non-retryable, with ActionFailureDetails: the action's error, or a coded
 * refusal; retryable: Temporal repeats the same attempt. CancelledFailure once a cancelled action has
 * stopped.
 */
export async function runAction(
  deps: ActivityDeps,
  input: unknown,
  envelope: unknown,
): Promise<ActionResult> {
  const attempt = await prepare(deps, parseOrRefuse(JsonValue, input ?? null, 'The input'), envelope);
  const { temporal, entry } = attempt;
  let leaseLost = (): void => undefined;
  const lost = await lostWorkers(temporal);
  const alive = keepAlive({
    context: temporal,
    lost,
    renew: (forMs) => entry.renew(forMs),
    onLeaseLost: () => leaseLost(),
  });
  // Before anything can kill this worker too.
  if (temporal.info.attempt > 1) alive.beat(undefined);
  const start = (): Promise<BeginDecision> =>
    alive.during(async () => {
      const decision = await begin(entry);
      await sendMissed(attempt);
      return decision;
    });
  const late = mayBeginLate(attempt) ? new LateBegin(start, alive) : undefined;
  const deadly = tooManyLost(attempt.action.id, lost);
  if (late === undefined) {
    const recorded = recordedResult(await start());
    const result = recorded ?? (deadly === undefined ? await authorize(attempt) : undefined);
    if (result !== undefined) return result;
  }
  if (deadly !== undefined) return await failed(attempt, deadly, []);

  const stop = watchStop(temporal, attempt.envelope.timeoutMs);
  leaseLost = () => stop.leaseLost();
  if (late === undefined) alive.start();
  const open = openContext({
    temporal,
    envelope: attempt.envelope,
    redactor: attempt.redactor,
    secrets: deps.secrets,
    permit: attempt.permit,
    signal: stop.signal,
    beat: (progress) => alive.beat(progress),
  });
  try {
    const ended = await execute(() => callAction(attempt, open), stop, attempt.limits);
    open.close();
    stop.dispose();
    const recorded = await late?.ended();
    return recorded ?? (await conclude(attempt, open, alive, ended));
  } finally {
    late?.dispose();
    open.close();
    stop.dispose();
    await alive.stop();
  }
}

/**
 * An attempt that policies decide about, or that opens waits, needs its begin in the ledger first. So does a
 * local one: nothing else says that it may have killed its worker.
 */
function mayBeginLate({ action, deps, envelope }: Attempt): boolean {
  if (action.readOnly !== true || envelope.local === true || deps.authorizer !== undefined) return false;
  return !concernsMissed(envelope.events);
}

async function prepare(deps: ActivityDeps, input: Json, envelopeValue: unknown): Promise<Attempt> {
  const temporal = Context.current();
  const { activityType, workflowExecution } = temporal.info;
  const envelope = parseOrRefuse(ActionEnvelope, envelopeValue, `The envelope of ${activityType}`);
  if (workflowExecution === undefined) {
    throw refusal(new SluiceError('INPUT_INVALID', `${activityType} can be called from a workflow only`));
  }
  const limits = { ...STOP_LIMITS, ...deps.limits };
  const entry = ledgerEntry({
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
    leaseMs: leaseMsOf(temporal),
    commitRetryMs: limits.commitRetryMs,
  });
  return {
    deps,
    limits,
    temporal,
    action: await findAction(deps, activityType, envelope.actionVersion),
    input,
    envelope,
    entry,
    permit: new Permit(deps.authorizer, entry),
    redactor: new SecretRedactor(),
  };
}

async function begin(entry: LedgerEntry): Promise<BeginDecision> {
  try {
    return await entry.begin();
  } catch (error) {
    throw storeFailure(error);
  }
}

/** Sends missed events: the action's activity may register another lane's wait. */
async function sendMissed({ deps, envelope, temporal }: Attempt): Promise<void> {
  const { workflowId, runId: executionId } = temporal.info.workflowExecution ?? {};
  if (workflowId === undefined || executionId === undefined) return;
  try {
    await deliverMissed(deps.projections, { run: envelope.run, workflowId, executionId }, envelope.events);
  } catch (error) {
    throw storeFailure(error);
  }
}

async function callAction(
  { action, input, envelope, deps, permit, redactor }: Attempt,
  open: OpenContext,
): Promise<unknown> {
  const reader = { provider: deps.secrets, redactor, owner: envelope.run };
  const resolved = await resolveSecrets(input, envelope.secrets ?? [], reader);
  const parsed = await action.input.safeParseAsync(resolved);
  if (!parsed.success) {
    throw issuesOf('ACTION_INPUT_INVALID', `The input of ${action.id} does not fit its schema`, parsed.error);
  }
  return await permit.during(async () => action.run(parsed.data, open.context));
}
