/** What is told of a run. */
import type { Json } from '../../contracts/json.js';
import type { RunStatus } from '../../contracts/run/run.js';
import type { StepView } from '../../projections/index.js';

/** One attempt of the step. Times are ISO instants. */
export interface ExplainedAttempt {
  readonly attempt: number;
  readonly status: StepView['status'];
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** An act on the run. `who` null: not known. */
export interface ExplainedAct {
  readonly at: string;
  readonly who: string | null;
  readonly act: string;
  readonly reason: string | null;
}

export interface RunExplanation {
  readonly runId: string;
  readonly workflowId: string;
  readonly definition: string;
  /** Null: the run was refused before it had one. */
  readonly version: number | null;
  readonly status: RunStatus;
  /** The paragraph. */
  readonly text: string;
  /** Where it failed, or is; null: at no step that the rows know. */
  readonly step: {
    readonly path: string;
    readonly iteration: readonly number[];
    readonly id: string | null;
    readonly action: string | null;
    readonly attempts: readonly ExplainedAttempt[];
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What the called service answered, as the error holds it: status, address, beginning of the body. */
  readonly answer: Json;
  /** Names of the secrets that the step used. */
  readonly secrets: readonly string[];
  /** Open waits. */
  readonly waits: readonly {
    readonly path: string;
    readonly eventNames: readonly string[];
    readonly correlationKey: string | null;
    readonly openedAt: string | null;
    readonly deadline: string | null;
  }[];
  /** Oldest first. */
  readonly acts: readonly ExplainedAct[];
  /** What would help, with commands to copy. */
  readonly help: readonly string[];
  /** The lists of the run that were longer than what was read. */
  readonly cut: readonly string[];
}
