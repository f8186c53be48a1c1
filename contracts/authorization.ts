/** Who may execute which stage: what is asked before each dispatch of an action, and what was decided. */
import type { Json } from './json.js';

/** A stage is one `action.call` step of a run, or its compensation. */
export interface StageRequest {
  /** Id of the step. */
  readonly stage: string;
  readonly action: string;
  readonly actionVersion: number;
  readonly definition: string;
  readonly definitionVersion: number;
  readonly tenant: string;
  readonly environment: string;
  readonly region: string;
  readonly tags: readonly string[];
  /** For whom the run acts. */
  readonly actor: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly attempt: number;
  readonly compensation: boolean;
}

export interface Decision {
  readonly allowed: boolean;
  /** `Service::"sluice-orchestrator"`, `User::"ada"`. */
  readonly principal: string;
  /** `Stage::"charge"`. */
  readonly resource: string;
  /** Policies that decided, as `file.cedar:line`; none: nothing permitted it. */
  readonly policies: readonly string[];
  /** What went wrong while policies were evaluated; then nothing is allowed. */
  readonly errors: readonly string[];
  /** Hash of all policy files that were in force, sha-256, hex. */
  readonly policyHash: string;
}

export interface Authorizer {
  /** Decides at once; the same policies and request give the same decision. */
  decide(request: StageRequest): Decision;
}

/** Why a write was let happen, or not: stands beside the step, in the same transaction. */
export interface Evidence {
  readonly kind: 'authorization';
  readonly actor: string;
  readonly decision: 'ALLOW' | 'DENY';
  readonly body: Json;
}

/** The evidence of a decision. */
export function evidenceOf(request: StageRequest, decision: Decision): Evidence {
  const { allowed, principal, resource, policies, errors, policyHash } = decision;
  return {
    kind: 'authorization',
    actor: request.actor,
    decision: allowed ? 'ALLOW' : 'DENY',
    body: {
      principal,
      action: 'execute-stage',
      resource,
      policies: [...policies],
      errors: [...errors],
      policyHash,
      request: { ...request, tags: [...request.tags] },
    },
  };
}
