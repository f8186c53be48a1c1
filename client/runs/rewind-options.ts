/** Rewinding a run, from outside: what is asked, and what came of it. */
import type { ActOptions } from './context.js';

export interface RewindOptions extends ActOptions {
  /** Where the run goes back to: `steps[1].then[0]`. */
  readonly stepPath: string;
  /** Indexes of the loops around it, outermost first. Default: the first time that the step ran. */
  readonly iteration?: readonly number[] | undefined;
  /** Makes a repetition harmless: 1 to 40 letters and digits. Default: a new one. */
  readonly operationId?: string | undefined;
}

/** A run that has gone back. */
export interface Rewound {
  readonly runId: string;
  readonly workflowId: string;
  /** Temporal's run id of the execution that goes on from there. */
  readonly executionId: string;
  /** That of the one that was reset. */
  readonly resetExecutionId: string;
  readonly stepPath: string;
  readonly iteration: readonly number[];
  /** What the idempotency keys have in addition from here on. */
  readonly generation: string;
}
