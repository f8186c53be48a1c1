/**
 * Asks the policies whether an action may act; permit.ts asks again while it acts, and
 * activities/authorize-stage.ts asks about the other steps that act.
 *
 * Invariants
 * - The policies decide before anything of the action happens: no secret is resolved, no code of the action
 *   has run.
 * - They decide about all that the action does ([policies-see-what-is-done]): they are asked again before it
 *   reads a secret that its input does not name, and before it sends to another target, such as that of a
 *   redirect. A denial ends the attempt, also if the action catches it.
 * - The decision is recorded as evidence in the transaction of the attempt's outcome: with its failure if it
 *   was denied, with the outcome of the action if it was permitted. A denial stays; of permissions the last
 *   one, which is about all of it.
 * - An activity asks, so a replay never asks again.
 */
import type { StageRequest } from '../../contracts/authorization.js';
import type { ActionResult, RunHeader } from '../../contracts/run/activity.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import { storeFailure } from '../boundary/failures.js';
import type { Attempt } from './attempt.js';
import { failed } from './conclude.js';

/**
 * Decides about one attempt and attaches the evidence.
 * @returns undefined if the action may act; else what the ledger recorded before
 * @throws ApplicationFailure UNAUTHORIZED once the denial is committed; retryable while it can't commit, and
 *   while the database is away
 */
export async function authorize(attempt: Attempt): Promise<ActionResult | undefined> {
  if (attempt.deps.authorizer === undefined) return undefined;
  const { run } = attempt.envelope;
  const denied = attempt.permit.begin(requestOf(attempt, await hashOf(attempt.deps.projections, run)));
  return denied === undefined ? undefined : await failed(attempt, denied, []);
}

function requestOf({ action, envelope, input, temporal }: Attempt, definitionHash: string): StageRequest {
  const { run, step, system, actor, actionVersion, tags = [], secrets = [], compensation } = envelope;
  return {
    stage: step.id,
    kind: 'action.call',
    action: temporal.info.activityType,
    actionVersion,
    definition: run.definition,
    definitionVersion: run.version,
    definitionHash,
    tenant: run.tenant,
    environment: system.environment,
    region: system.region,
    tags,
    secrets: [...new Set(secrets.map(({ name }) => name))].sort(),
    target: action.target?.(input),
    actor,
    workflowId: compensation?.workflow_id ?? temporal.info.workflowExecution?.workflowId ?? '',
    runId: run.runId,
    attempt: step.attempt,
    compensation: compensation !== undefined,
  };
}

const MOST_HASHES = 1_000;
/** A published version never changes, so no entry is ever stale. */
const hashes = new WeakMap<ProjectionStore, Map<string, string>>();

/** Hash of the run's definition; empty where the database has it no more. */
export async function hashOf(
  store: ProjectionStore,
  { tenant, definition, version }: RunHeader,
): Promise<string> {
  const known = hashes.get(store) ?? new Map<string, string>();
  hashes.set(store, known);
  const key = JSON.stringify([tenant, definition, version]);
  const found = known.get(key);
  if (found !== undefined) return found;
  try {
    const hash = (await store.findDefinition(tenant, definition, version))?.pin.hash;
    if (hash === undefined) return '';
    if (known.size >= MOST_HASHES) known.clear();
    known.set(key, hash);
    return hash;
  } catch (error) {
    throw storeFailure(error);
  }
}
