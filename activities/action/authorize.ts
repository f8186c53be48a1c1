/**
 * Asks the policies whether an action may act.
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
import {
  evidenceOf,
  type Authorizer,
  type Decision,
  type StageRequest,
  type StageTarget,
} from '../../contracts/authorization.js';
import type { ActionResult, RunHeader } from '../../contracts/run/activity.js';
import { SluiceError } from '../../contracts/errors.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import { storeFailure } from '../boundary/failures.js';
import type { Attempt } from './attempt.js';
import { failed } from './conclude.js';
import type { LedgerEntry } from './ledger-entry.js';

/** What one attempt may do. */
export class Permit {
  /** All that was permitted; undefined: authorization is off, or has not been asked. */
  #request: StageRequest | undefined;
  #denial: SluiceError | undefined;

  constructor(
    private readonly authorizer: Authorizer | undefined,
    private readonly entry: Pick<LedgerEntry, 'attach'>,
  ) {}

  /** Decides before the attempt begins. @returns the denial */
  begin(request: StageRequest): SluiceError | undefined {
    return this.#decide(request, false);
  }

  /** @throws SluiceError UNAUTHORIZED if the attempt may not send there */
  target(target: StageTarget): void {
    if (this.#request !== undefined && !isSame(this.#request.target, target)) {
      this.#more({ ...this.#request, target });
    }
  }

  /** @throws SluiceError UNAUTHORIZED if the attempt may not use that secret */
  secret(name: string): void {
    if (this.#request === undefined || this.#request.secrets.includes(name)) return;
    this.#more({ ...this.#request, secrets: [...this.#request.secrets, name] });
  }

  /** Runs the action. @throws the denial, if there was one */
  async during<T>(act: () => Promise<T>): Promise<T> {
    try {
      const output = await act();
      if (this.#denial === undefined) return output;
    } catch (thrown) {
      throw this.#denial ?? thrown;
    }
    throw this.#denial;
  }

  #more(request: StageRequest): void {
    const denied = this.#denial ?? this.#decide(request, true);
    if (denied !== undefined) throw denied;
  }

  #decide(request: StageRequest, begun: boolean): SluiceError | undefined {
    if (this.authorizer === undefined) return undefined;
    const decision = this.authorizer.decide(request);
    this.entry.attach(evidenceOf(request, decision));
    if (decision.allowed) this.#request = request;
    else this.#denial = denial(request, decision, begun);
    return this.#denial;
  }
}

const isSame = (one: StageTarget | undefined, other: StageTarget): boolean =>
  one?.scheme === other.scheme &&
  one.host === other.host &&
  one.port === other.port &&
  one.method === other.method;

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
async function hashOf(store: ProjectionStore, { tenant, definition, version }: RunHeader): Promise<string> {
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

/** @param begun whether the action's code runs: it may have had an effect, which a compensation can undo */
function denial(request: StageRequest, decision: Decision, begun: boolean): SluiceError {
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
    {
      details: {
        principal,
        resource,
        policies: [...policies],
        errors: [...errors],
        policyHash,
        ...(begun && { begun }),
      },
    },
  );
}
