/** Who may execute which stage: the question before each dispatch of an action, and the decision. */
import type { Json } from './json.js';

/** Where a stage sends something. */
export interface StageTarget {
  /** `https`, in lower case. */
  readonly scheme: string;
  /** Name or address in lower case, without the brackets of IPv6 and without a dot at the end. */
  readonly host: string;
  readonly port: number;
  /** In upper case. */
  readonly method: string;
}

const PORTS: Readonly<Record<string, number | undefined>> = { http: 80, https: 443 };

/** The target of a request. */
export function targetOf(url: URL, method: string): StageTarget {
  const scheme = url.protocol.slice(0, -1);
  return {
    scheme,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, ''),
    port: url.port === '' ? (PORTS[scheme] ?? 0) : Number(url.port),
    method: method.toUpperCase(),
  };
}

/**
 * What the steps of each type do to the world ([every-stage-that-acts-asks]): the policies are asked before a
 * step that acts, and never about one that decides or waits only.
 */
export const STAGES = {
  'action.call': 'acts',
  'event.publish': 'acts',
  'control.callWorkflow': 'acts',
  'human.task': 'acts',
  'state.set': 'decides',
  'transform.assign': 'decides',
  'event.wait': 'waits',
  'time.wait': 'waits',
  'control.if': 'decides',
  'control.switch': 'decides',
  'control.saga': 'decides',
  'control.forEach': 'decides',
  'control.while': 'decides',
  'control.tryCatch': 'decides',
  'control.parallel': 'decides',
  'control.race': 'decides',
  'control.break': 'decides',
  'control.continue': 'decides',
  'control.return': 'decides',
  'control.fail': 'decides',
} as const satisfies Readonly<Record<string, 'acts' | 'decides' | 'waits'>>;

/** Types of steps that act. */
export type StageKind = {
  [T in keyof typeof STAGES]: (typeof STAGES)[T] extends 'acts' ? T : never;
}[keyof typeof STAGES];

/** A stage is one step of a run that acts, or the compensation of an `action.call`. */
export interface StageRequest {
  /** Id of the step. */
  readonly stage: string;
  /** Type of the step. */
  readonly kind: StageKind;
  /** Id of the action; of a step that calls none, its type. */
  readonly action: string;
  /** 0: the step calls no action. */
  readonly actionVersion: number;
  /** Name of the event that it publishes. */
  readonly eventName?: string | undefined;
  /** Id of the definition that it starts a child of. */
  readonly child?: string | undefined;
  readonly definition: string;
  readonly definitionVersion: number;
  /** Of the published document, its id and version included; empty where it is not known. */
  readonly definitionHash: string;
  readonly tenant: string;
  readonly environment: string;
  readonly region: string;
  readonly tags: readonly string[];
  /** Names of the secrets that it uses. */
  readonly secrets: readonly string[];
  /** Absent: it sends nothing, or does not say where. */
  readonly target?: StageTarget | undefined;
  /** The person or service for whom the run acts. */
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
  /** Policies that decided, as `file.cedar:line`; empty: nothing permitted the request. */
  readonly policies: readonly string[];
  /** Errors in the evaluation of policies; with any, nothing is allowed. */
  readonly errors: readonly string[];
  /** Hash of all policy files in force, sha-256, hex. */
  readonly policyHash: string;
}

export interface Authorizer {
  /** Decides synchronously; equal policies and requests give equal decisions. */
  decide(request: StageRequest): Decision;
}

/** Why an action was allowed or denied. It commits with the step, in one transaction. */
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
      request: {
        ...request,
        eventName: request.eventName ?? null,
        child: request.child ?? null,
        tags: [...request.tags],
        secrets: [...request.secrets],
        target: request.target === undefined ? null : { ...request.target },
      },
    },
  };
}
