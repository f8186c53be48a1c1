/**
 * `sluice.prepareRun`: what a run is pinned to when it starts. A local activity that only reads: its input is
 * fixed only when its workflow task completes, so it may run twice and must leave nothing behind. If this
 * worker lacks an action of the definition, the run asks again by a regular activity, for another worker. It
 * does so, too, where the database has no definition at all, as before a restore.
 *
 * It refuses every error that can be detected before the first step: an unknown definition, version or
 * action, and a payload that does not match its schema.
 */
import { Context, type ApplicationFailure } from '@temporalio/activity';
import type { ActionRegistry } from '../actions/index.js';
import { DATABASE_IS_EMPTY, PrepareRunRequest, type PreparedRun } from '../contracts/run/activity.js';
import { type Definition, DEFAULTS, walkSteps } from '../contracts/definition/index.js';
import { SluiceError } from '../contracts/errors.js';
import { isJsonObject } from '../contracts/json.js';
import { LIMITS } from '../contracts/limits.js';
import { foreignId } from '../contracts/naming/workflow-id.js';
import { didYouMean } from '../contracts/near.js';
import type { ProjectionStore, StoredDefinition } from '../contracts/run/projection.js';
import { validatePayloadInBounds } from '../definitions/index.js';
import { isMissingAction, leaveToOthers } from './boundary/capable-workers.js';
import { storeFailure } from './boundary/failures.js';
import type { DefinitionCache } from './definition-cache.js';
import type { ActivityDeps, PriorityRange } from './boundary/deps.js';
import { parseOrRefuse } from './boundary/parse.js';
import { requireActions } from './require-actions.js';
import { requireClaim } from './claims/require-claim.js';

/**
 * Finds the definition and pins the run.
 * @param request a PrepareRunRequest
 * @throws ApplicationFailure non-retryable: DEFINITION_NOT_FOUND, DEFINITION_VERSION_NOT_FOUND,
 * DEFINITION_INVALID, PAYLOAD_INVALID, CHECK_LIMIT, ACTION_NOT_FOUND, WORKFLOW_ID_FOREIGN, CLAIM_INVALID;
 * retryable while the database is away
 */
export async function prepareRun(
  deps: ActivityDeps,
  cache: DefinitionCache,
  request: unknown,
): Promise<PreparedRun> {
  const parsed = parseOrRefuse(PrepareRunRequest, request, 'The request to prepare a run');
  let stored: StoredDefinition | undefined;
  try {
    if (deps.claims !== undefined) await requireClaim(deps.claims, parsed);
    mustHaveItsId(parsed);
    stored = await find(deps.projections, parsed);
    const { definition, document } = await cache.read(parsed.tenant, stored);
    requireActions(deps.registry, definition);
    return {
      pin: stored.pin,
      document,
      payload: await validatePayloadInBounds(definition.payloadSchema, parsed.payload, parsed.tenant),
      system: deps.system,
      actions: pinActions(definition, deps.registry),
      children: await pinChildren(definition, parsed.tenant, deps.projections),
      priority: within(definition.priority ?? DEFAULTS.priority, deps.priorities ?? LIMITS.priorities),
      ...(deps.claims !== undefined && { claims: true }),
      ...(deps.authorizer !== undefined && { policies: true }),
      ...(deps.searchKey !== undefined && { searchKey: deps.searchKey(parsed.tenant) }),
      ...(deps.runLimits !== undefined && { limits: deps.runLimits }),
    };
  } catch (error) {
    const mostMs = deps.missingActionMs ?? LIMITS.missingActionMs;
    if (isOfEmptyDatabase(error)) {
      throw await leaveToOthers(Context.current(), error, { mostMs, words: RESTORED_LATER });
    }
    if (isMissingAction(error)) {
      throw withVersion(await leaveToOthers(Context.current(), error, { mostMs }), stored?.pin.version);
    }
    throw withVersion(storeFailure(error), stored?.pin.version);
  }
}

/** What Temporal shows of a run that waits for a restore, or for its definition. */
const RESTORED_LATER = {
  again: (message: string) =>
    `${message}. Restore the database, or publish the definition: the run is tried again`,
  over: 'It stayed empty',
};

function isOfEmptyDatabase(error: unknown): error is SluiceError {
  return (
    error instanceof SluiceError && isJsonObject(error.details) && error.details[DATABASE_IS_EMPTY] === true
  );
}

/** Refuses a run under a workflow id that another tenant's run, or another kind of run, has a right to. */
function mustHaveItsId({ tenant, cause }: PrepareRunRequest): void {
  // A worker of an older Sluice made the request.
  if (cause === undefined) return;
  const { workflowId } = Context.current().info.workflowExecution ?? {};
  if (workflowId === undefined) return;
  const problem = foreignId({ workflowId, tenant, ...cause });
  if (problem !== undefined) throw new SluiceError('WORKFLOW_ID_FOREIGN', problem);
}

/** What the definition chose, in the range that the operator lets it choose from. */
function within(priority: number, { first, last }: PriorityRange): number {
  return Math.min(last, Math.max(first, priority));
}

/** Adds the version that was found: the row of the run that is refused shows it. */
function withVersion(failure: ApplicationFailure, version: number | undefined): ApplicationFailure {
  const [details] = failure.details ?? [];
  if (version !== undefined && isJsonObject(details)) Object.assign(details, { version });
  return failure;
}

async function find(store: ProjectionStore, request: PrepareRunRequest): Promise<StoredDefinition> {
  const { tenant, definition, version } = request;
  const look = () => store.findDefinition(tenant, definition, version);
  const stored = await look();
  if (stored !== undefined) return stored;
  const refused = await whyMissing(store, request);
  // It may have been published between these reads: a refusal would be wrong then.
  const now = await look();
  if (now !== undefined) return now;
  throw refused;
}

async function whyMissing(
  store: ProjectionStore,
  { tenant, definition: id, version }: PrepareRunRequest,
): Promise<SluiceError> {
  const latest = version === undefined ? undefined : await store.findDefinition(tenant, id);
  if (latest !== undefined) {
    return new SluiceError(
      'DEFINITION_VERSION_NOT_FOUND',
      `Tenant "${tenant}" has no version ${version} of "${id}"; the latest is ${latest.pin.version}`,
    );
  }
  const ids = await store.definitionIds(tenant);
  if (ids.length === 0 && !(await store.hasDefinitions())) {
    return new SluiceError('DEFINITION_NOT_FOUND', `The database has no definition at all, nor "${id}"`, {
      details: { [DATABASE_IS_EMPTY]: true },
    });
  }
  return new SluiceError(
    'DEFINITION_NOT_FOUND',
    `Tenant "${tenant}" has no definition "${id}"${didYouMean(id, ids)}`,
  );
}

/** Versions of the actions that the definition calls without a version. */
function pinActions(definition: Definition, registry: ActionRegistry): Record<string, number> {
  const pinned = new Map<string, number>();
  for (const { step } of walkSteps(definition)) {
    if (step.type !== 'action.call') continue;
    for (const call of [step, step.compensate]) {
      if (call !== undefined && call.version === undefined) {
        pinned.set(call.action, registry.latest(call.action).version);
      }
    }
  }
  return Object.fromEntries(pinned);
}

/** Versions of the children called without a version. An unpublished child resolves when it starts. */
async function pinChildren(
  definition: Definition,
  tenant: string,
  store: ProjectionStore,
): Promise<Record<string, number>> {
  const ids = new Set<string>();
  for (const { step } of walkSteps(definition)) {
    if (step.type === 'control.callWorkflow' && step.version === undefined) ids.add(step.workflow);
  }
  const found = await Promise.all([...ids].map((id) => store.findDefinition(tenant, id)));
  return Object.fromEntries(
    found.flatMap((child) => (child === undefined ? [] : [[child.pin.id, child.pin.version]])),
  );
}
