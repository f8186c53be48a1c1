/** A rewind as callers see it: its options and its outcome. */
import type { ActOptions } from './context.js';

export interface RewindOptions extends ActOptions {
  /** The step to rewind to: `steps[1].then[0]`. */
  readonly stepPath: string;
  /** Indexes of the loops around it, outermost first. Default: the first time that the step ran. */
  readonly iteration?: readonly number[] | undefined;
  /** Makes a repetition harmless: 1 to 40 letters and digits. Default: a new one. */
  readonly operationId?: string | undefined;
}

/** A run that was rewound. */
export interface Rewound {
  readonly runId: string;
  readonly workflowId: string;
  /** Temporal's run id of the execution that continues the run. */
  readonly executionId: string;
  /** Temporal's run id of the execution that was reset. */
  readonly resetExecutionId: string;
  readonly stepPath: string;
  readonly iteration: readonly number[];
  /** Id of the rewind: idempotency keys contain it from that step on. */
  readonly generation: string;
}
