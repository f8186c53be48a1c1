/**
 * What Temporal knows of a run, by its first execution run id.
 *
 * A run's latest execution is the latest of its workflow id, unless that id was used again: then it is found by
 * following the executions that continued it as new. Lists of Temporal's visibility carry no first run id and lag
 * behind, so they only say what need not be looked at; what counts is what `describe` says.
 */
import {
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowExecutionInfo,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import type { RunStatus } from '../../contracts/run/run.js';

/** A run as Temporal has it. */
export type TemporalRun =
  | {
      readonly open: true;
      readonly executionId: string;
      readonly startedAt: number;
      readonly historyLength: number;
    }
  | {
      readonly open: false;
      readonly executionId: string;
      readonly status: ClosedStatus;
      /** Epoch ms. */
      readonly closedAt: number;
    };

export type ClosedStatus = Extract<
  RunStatus,
  'SUCCEEDED' | 'FAILED' | 'CANCELED' | 'TERMINATED' | 'TIMED_OUT'
>;

const CLOSED: Readonly<Record<string, ClosedStatus>> = {
  COMPLETED: 'SUCCEEDED',
  FAILED: 'FAILED',
  CANCELLED: 'CANCELED',
  TERMINATED: 'TERMINATED',
  TIMED_OUT: 'TIMED_OUT',
};

/** One execution, with the first of its chain. */
export interface Execution {
  readonly workflowId: string;
  readonly executionId: string;
  readonly firstRunId: string;
  readonly type: string;
  readonly memo: Readonly<Record<string, unknown>>;
  readonly run: TemporalRun | undefined;
}

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

export class TemporalRuns {
  constructor(private readonly client: Client) {}

  /**
   * The latest execution of a run; undefined where Temporal has none.
   * @param known an execution of it, from where it is found though its workflow id was used again
   */
  async find(workflowId: string, runId: string, known: string): Promise<Execution | undefined> {
    const latest = await this.describe(workflowId);
    if (latest?.firstRunId === runId) return latest;
    for (let id: string | undefined = known; id !== undefined;) {
      const found = await this.describe(workflowId, id);
      if (found?.firstRunId !== runId) return undefined;
      if (found.run !== undefined) return found;
      id = await this.continuedAs(workflowId, id);
    }
    return undefined;
  }

  /** One execution; undefined where Temporal does not know it. */
  async describe(workflowId: string, executionId?: string): Promise<Execution | undefined> {
    try {
      const found = await this.client.workflow.getHandle(workflowId, executionId).describe();
      return {
        workflowId,
        executionId: found.runId,
        firstRunId: found.raw.workflowExecutionInfo?.firstRunId || found.runId,
        type: found.type,
        memo: found.memo ?? {},
        run: toRun(found),
      };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  /** Which of these executions run, as far as Temporal's visibility has heard. */
  async running(executionIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (executionIds.length === 0) return new Set();
    const ids = executionIds.map((id) => `'${id.replaceAll("'", '')}'`).join(',');
    const query = `ExecutionStatus = 'Running' AND RunId IN (${ids})`;
    const found = new Set<string>();
    for await (const { runId } of this.client.workflow.list({ query })) found.add(runId);
    return found;
  }

  /** Every execution that runs on a task queue, as far as Temporal's visibility has heard. */
  allRunning(taskQueue: string): AsyncIterable<WorkflowExecutionInfo> {
    const query = `ExecutionStatus = 'Running' AND TaskQueue = '${taskQueue.replaceAll("'", "\\'")}'`;
    return this.client.workflow.list({ query, pageSize: 500 });
  }

  /** Asks a run to write its picture anew; it changes nothing that the run does. */
  async resync({ workflowId, executionId }: Execution, reason: string): Promise<void> {
    await this.client.workflow.getHandle(workflowId, executionId).signal('resync', { reason });
  }

  /** The events of one execution's history, page by page; none where it is gone. */
  async *history(workflowId: string, runId: string): AsyncGenerator<HistoryEvent> {
    let nextPageToken: Uint8Array | null | undefined;
    do {
      const page = await this.client.workflowService
        .getWorkflowExecutionHistory({
          namespace: this.client.options.namespace,
          execution: { workflowId, runId },
          ...(nextPageToken && { nextPageToken }),
        })
        .catch((error: unknown) => {
          if (isNotFound(error)) return undefined;
          throw error;
        });
      yield* page?.history?.events ?? [];
      nextPageToken = page?.nextPageToken;
    } while (nextPageToken !== undefined && nextPageToken !== null && nextPageToken.length > 0);
  }

  private async continuedAs(workflowId: string, runId: string): Promise<string | undefined> {
    let last: HistoryEvent | undefined;
    for await (const event of this.history(workflowId, runId)) last = event;
    return last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
}

function toRun(found: WorkflowExecutionDescription): TemporalRun | undefined {
  const { name } = found.status;
  const status = CLOSED[name];
  if (status !== undefined) {
    const closedAt = (found.closeTime ?? found.startTime).getTime();
    return { open: false, executionId: found.runId, status, closedAt };
  }
  if (name === 'CONTINUED_AS_NEW') return undefined;
  return {
    open: true,
    executionId: found.runId,
    startedAt: found.startTime.getTime(),
    historyLength: found.historyLength,
  };
}

const NOT_FOUND = 5;

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === NOT_FOUND;
}
