/**
 * Runs as Temporal has them, by first execution run id.
 *
 * A run's latest execution is the latest of its workflow id, unless that id was reused: then it is found by
 * following the executions that continued it as new. Visibility lists do not carry the first run id and lag
 * behind, so they only rule runs out; `describe` decides.
 */
import {
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowExecutionInfo,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defaultPayloadConverter, RawValue } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { claimedPayload, claimKeeperOf } from '../../contracts/naming/claims.js';
import { SIGNALS } from '../../contracts/run/messages.js';
import type { RunStatus } from '../../contracts/run/run.js';
import { historyOf } from '../../contracts/temporal-history.js';

/** Executions of one page of a visibility list. */
const PAGE = 500;

/** Open executions. Newer servers have a status for paused ones, which older servers refuse in a query. */
const OPEN = 'CloseTime IS NULL';

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
export interface TemporalExecution {
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

  /** Decodes what histories hold. */
  get reader(): Client['options']['loadedDataConverter'] {
    return this.client.options.loadedDataConverter;
  }

  /**
   * The latest execution of a run; undefined where Temporal has none.
   * @param known one of its executions, from which it is found even if its workflow id was reused
   */
  async find(workflowId: string, runId: string, known: string): Promise<TemporalExecution | undefined> {
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
  async describe(workflowId: string, executionId?: string): Promise<TemporalExecution | undefined> {
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

  /** The executions of these that are open, according to Temporal's visibility. */
  async running(executionIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (executionIds.length === 0) return new Set();
    const ids = executionIds.map((id) => `'${id.replaceAll("'", '')}'`).join(',');
    const query = `${OPEN} AND RunId IN (${ids})`;
    const found = new Set<string>();
    for await (const { runId } of this.client.workflow.list({ query })) found.add(runId);
    return found;
  }

  /** The workflow ids of these that have an open execution, according to Temporal's visibility. */
  async runningWorkflows(workflowIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (workflowIds.length === 0) return new Set();
    const ids = workflowIds.map((id) => `'${id.replaceAll("'", "\\'")}'`).join(',');
    const found = new Set<string>();
    const query = `${OPEN} AND WorkflowId IN (${ids})`;
    for await (const { workflowId } of this.client.workflow.list({ query })) found.add(workflowId);
    return found;
  }

  /** What an execution returned. */
  resultOf(workflowId: string, executionId: string): Promise<unknown> {
    return this.client.workflow.getHandle(workflowId, executionId).result();
  }

  /** Sends a signal that only Sluice sends, with its claim. A workflow that has ended needs none. */
  async signal(workflowId: string, name: string, value: object): Promise<void> {
    const { payloadCodecs } = this.reader;
    const keeper = claimKeeperOf(payloadCodecs);
    try {
      await this.client.workflow
        .getHandle(workflowId)
        .signal(name, keeper === undefined ? value : claimed(value, name));
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }

  /** Every open execution of a task queue, according to Temporal's visibility. */
  allRunning(taskQueue: string): AsyncIterable<WorkflowExecutionInfo> {
    const query = `${OPEN} AND TaskQueue = '${taskQueue.replaceAll("'", "\\'")}'`;
    return this.client.workflow.list({ query, pageSize: PAGE });
  }

  /** Asks a run to write its rows again; this changes nothing in what the run does. */
  async resync({ workflowId, executionId }: TemporalExecution, reason: string): Promise<void> {
    const { payloadCodecs } = this.reader;
    const signal = { reason };
    await this.client.workflow
      .getHandle(workflowId, executionId)
      .signal(
        SIGNALS.resync,
        claimKeeperOf(payloadCodecs) === undefined ? signal : claimed(signal, SIGNALS.resync),
      );
  }

  /** Who terminated an execution, as its client named itself; undefined: its history does not say. */
  async terminatedBy(workflowId: string, runId: string): Promise<string | undefined> {
    const { workflowService, options } = this.client;
    const { history } = await workflowService.getWorkflowExecutionHistoryReverse({
      namespace: options.namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    });
    const ended = history?.events?.[0]?.workflowExecutionTerminatedEventAttributes;
    return ended?.identity || undefined;
  }

  /** The events of one execution's history; none where it is gone. */
  history(workflowId: string, runId: string): AsyncGenerator<HistoryEvent> {
    return historyOf(this.client, workflowId, runId);
  }

  private async continuedAs(workflowId: string, runId: string): Promise<string | undefined> {
    let last: HistoryEvent | undefined;
    for await (const event of this.history(workflowId, runId)) last = event;
    return last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
}

/** Asks the codec to sign the signal. */
function claimed(signal: object, name: string): RawValue {
  const toPayload = (value: unknown) => defaultPayloadConverter.toPayload(value);
  return RawValue.fromPayload(claimedPayload(toPayload, signal, `signal ${name}`));
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
