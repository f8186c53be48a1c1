/**
 * The queries `state` and `progress`, from the first moment of an execution: also of a run that is still being
 * prepared, and of one that failed before it began and has no state of its own.
 *
 * Invariant: what is answered depends on the history alone (the failure of a start is that of a recorded local
 * activity), so that a worker that replays a closed run answers the same.
 */
import { defineQuery, setHandler, workflowInfo } from '@temporalio/workflow';
import type { RunError } from '../../../contracts/errors.js';
import { QUERIES, type RunProgress, type RunStateView } from '../../../contracts/run/messages.js';
import type { Run } from '../run/run.js';
import { progressOf, stateOf } from './views.js';

export class Queries {
  /** Set once the run has begun. */
  run: Run | undefined;
  /** Why it could not begin. */
  refused: RunError | undefined;

  constructor() {
    setHandler(
      defineQuery(QUERIES.state),
      () => (this.run === undefined ? this.state() : stateOf(this.run)),
      {
        description: 'Status, business state, variables and open waits of the run; of a failed one the error',
      },
    );
    setHandler(
      defineQuery<unknown, [unknown]>(QUERIES.progress),
      (since) => (this.run === undefined ? this.progress() : progressOf(this.run, since)),
      { description: 'The newest lines of the log: {since: sequence number}' },
    );
  }

  private get status(): 'PENDING' | 'FAILED' {
    return this.refused === undefined ? 'PENDING' : 'FAILED';
  }

  private state(): RunStateView {
    const { firstExecutionRunId, workflowId, workflowType } = workflowInfo();
    return {
      runId: firstExecutionRunId,
      workflowId,
      definition: workflowType,
      version: null,
      status: this.status,
      state: null,
      vars: {},
      waits: [],
      lastSeq: 0,
      error: this.refused ?? null,
    };
  }

  /** It has no lines: nothing of it was logged. */
  private progress(): RunProgress {
    const steps = { running: 0, succeeded: 0, failed: 0, waiting: 0 };
    return { status: this.status, state: null, lastSeq: 0, steps, lines: [], error: this.refused ?? null };
  }
}
