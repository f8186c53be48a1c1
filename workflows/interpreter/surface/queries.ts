/**
 * The queries `state` and `progress`, from the first moment of an execution: also for a run that is still
 * being prepared, and for one that failed before it began and so has no state.
 *
 * Invariant: the answers depend on the history alone (a failure to start is that of a recorded local
 * activity), so a worker that replays a closed run gives the same answers.
 */
import { defineQuery, setHandler, workflowInfo } from '@temporalio/workflow';
import { SluiceError, type RunError } from '../../../contracts/errors.js';
import { isJsonObject } from '../../../contracts/json.js';
import { QUERIES, type RunProgress, type RunStateView } from '../../../contracts/run/messages.js';
import { UNDECODABLE } from '../../../contracts/undecodable.js';
import { startFailure } from '../state/failure.js';
import type { Run } from '../run/run.js';
import { progressOf, stateOf } from './views.js';

export class Queries {
  /** Set once the run has begun. */
  run: Run | undefined;
  /** Why the run could not begin. */
  refused: RunError | undefined;

  constructor() {
    setHandler(
      defineQuery(QUERIES.state),
      () => (this.run === undefined ? this.state() : stateOf(this.run)),
      {
        description: 'Status, business state, variables and open waits of the run; the error of a failed run',
      },
    );
    setHandler(
      defineQuery<unknown, [unknown]>(QUERIES.progress),
      (since) => {
        refuseBytes(since);
        return this.run === undefined ? this.progress() : progressOf(this.run, since);
      },
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

  /** The progress of a run that has not begun: it has logged nothing. */
  private progress(): RunProgress {
    const steps = { running: 0, succeeded: 0, failed: 0, waiting: 0 };
    return { status: this.status, state: null, lastSeq: 0, steps, lines: [], error: this.refused ?? null };
  }
}

/** Refuses an argument that is not JSON. @throws ApplicationFailure INPUT_INVALID */
function refuseBytes(argument: unknown): void {
  const undecodable = isJsonObject(argument) ? argument[UNDECODABLE] : undefined;
  if (!ArrayBuffer.isView(argument) && undecodable === undefined) return;
  throw startFailure(new SluiceError('INPUT_INVALID', 'The argument of the query is not JSON'));
}
