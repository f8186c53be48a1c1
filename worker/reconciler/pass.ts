/**
 * One pass of the reconciler: every run whose row and whose workflow may differ is looked at, once from each side.
 *
 * From the database: runs that are open there, or ended and not confirmed. From Temporal: runs that are open there
 * and whose rows say something else or are missing, as after a reset. Temporal is asked about pages of runs at once;
 * only those about which that leaves a doubt are described one by one, and at most so many in one pass.
 *
 * Invariants
 * - No run is moved by it. It writes rows, and sends `resync`, which makes a run tell its rows.
 * - What fails for one run stops no other; it is logged, counted, and tried again at the next pass.
 * - Each correction is one transaction that decides by the log as it stands: several workers may do the same at
 *   the same time.
 */
import type { Logger } from 'pino';
import type { RunHeader } from '../../contracts/run/activity.js';
import { toSluiceError } from '../../contracts/errors.js';
import { RESERVED_PREFIX, StartMemo } from '../../contracts/run/messages.js';
import type { Projections, WatchedRun } from '../../projections/index.js';
import { judge } from './judge.js';
import { hasGap, mendFromHistory } from './mend.js';
import { undoneLetters } from './undone.js';
import type { Execution, TemporalRuns } from './temporal-runs.js';

/** What a pass did. */
export interface PassCounts {
  /** Runs that were looked at, from either side. */
  looked: number;
  /** Of these, those that Temporal was asked about one by one. */
  described: number;
  /** Rows that were ended as Temporal has it. */
  closed: number;
  /** Runs that were asked to tell their rows anew. */
  resynced: number;
  /** Runs whose end Temporal has confirmed. */
  confirmed: number;
  failed: number;
}

export interface PassOptions {
  readonly projections: Projections;
  readonly temporal: TemporalRuns;
  readonly taskQueue: string;
  readonly log: Logger;
  /** Of an action that a definition names without one. */
  readonly latestVersion?: ((action: string) => number | undefined) | undefined;
  /** How old a difference must be that a run under way may have, ms. */
  readonly graceMs: number;
  /** At most so many runs are described, from each side; the next pass goes on from there. */
  readonly limit: number;
  /** Aborted when the worker stops: the pass ends after the page at hand. */
  readonly stop: AbortSignal;
}

/** Where the next pass goes on: this process's memory of the pass before. */
export interface Memory {
  after?: { readonly tenant: string; readonly runId: string };
  /** Executions whose first run id is known: it is in no list of Temporal's. */
  readonly runOf: Map<string, string>;
}

const PAGE = 100;
/** A run that ended so could not undo what it did. */
const ENDED_FROM_OUTSIDE: readonly string[] = ['TERMINATED', 'TIMED_OUT', 'INTERRUPTED'];
/** At once, of one page. */
const CONCURRENCY = 8;
/** Executions that are remembered. */
const REMEMBERED = 100_000;
/** A run that did not answer `resync` is asked again after this, ms. */
const ASK_AGAIN_MS = 600_000;

/** Makes a pass. */
export async function makePass(options: PassOptions, memory: Memory): Promise<PassCounts> {
  const counts: PassCounts = { looked: 0, described: 0, closed: 0, resynced: 0, confirmed: 0, failed: 0 };
  const pass = new Pass(options, memory, counts);
  await pass.fromDatabase();
  await pass.fromTemporal();
  return counts;
}

class Pass {
  constructor(
    private readonly options: PassOptions,
    private readonly memory: Memory,
    private readonly counts: PassCounts,
  ) {}

  /** Runs that the database has as open or not confirmed. */
  async fromDatabase(): Promise<void> {
    const { projections, temporal, limit, stop } = this.options;
    let left = limit;
    while (!stop.aborted) {
      const page = await projections.reconciliation.watchedRuns(this.memory.after, PAGE);
      const heads = page.flatMap(({ row, execution }) =>
        execution !== undefined && row !== undefined && row.endedAt === undefined ? [execution] : [],
      );
      const running = await temporal.running(heads);
      const doubtful = page.filter((run) => run.execution === undefined || !running.has(run.execution));
      this.counts.looked += page.length;
      left -= doubtful.length;
      await this.each(doubtful, async (run) => {
        if (run.row === undefined && !(await this.rebuilt(run))) return;
        const [found] = await projections.reconciliation.findWatched([run]);
        if (found?.row === undefined) return;
        await this.settle(
          found,
          await temporal.find(found.row.workflowId, found.runId, found.execution ?? found.runId),
        );
      });
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) {
        delete this.memory.after;
        return;
      }
      this.memory.after = last;
      if (left <= 0) return;
    }
  }

  /** Runs that Temporal has as open and the database has not, or not so. */
  async fromTemporal(): Promise<void> {
    const { temporal, taskQueue, limit, stop } = this.options;
    let left = limit;
    let page: Candidate[] = [];
    for await (const info of temporal.allRunning(taskQueue)) {
      if (info.type.startsWith(RESERVED_PREFIX)) continue;
      const memo = StartMemo.safeParse(info.memo ?? {});
      if (!memo.success) continue;
      const { workflowId, runId: executionId } = info;
      page.push({ workflowId, executionId, tenant: memo.data.tenant });
      if (page.length < PAGE) continue;
      left -= await this.compare(page);
      page = [];
      if (left <= 0 || stop.aborted) return;
    }
    await this.compare(page);
  }

  /** Compares a page of running executions with their rows; gives how many had to be described. */
  private async compare(page: readonly Candidate[]): Promise<number> {
    const { projections, temporal } = this.options;
    const { runOf } = this.memory;
    const rows = await projections.reconciliation.findWatched(
      page.map(({ tenant, executionId }) => ({ tenant, runId: runOf.get(executionId) ?? executionId })),
    );
    const doubtful = page.filter((one, i) => {
      const found = rows[i];
      const open = found?.row !== undefined && found.row.endedAt === undefined;
      return !open || found.execution !== one.executionId;
    });
    this.counts.looked += page.length;
    await this.each(doubtful, async ({ workflowId, executionId, tenant }) => {
      const execution = await temporal.describe(workflowId, executionId);
      if (execution?.run?.open !== true) return;
      this.remember(executionId, execution.firstRunId);
      const [found] = await projections.reconciliation.findWatched([{ tenant, runId: execution.firstRunId }]);
      if (found !== undefined) await this.settle(found, execution);
    });
    return doubtful.length;
  }

  /** Does what is to be done about one run. */
  private async settle(found: WatchedRun, execution: Execution | undefined): Promise<void> {
    const { projections, temporal, graceMs, log } = this.options;
    const { tenant, runId, row } = found;
    const verdict = judge(found, execution?.run, Date.now(), graceMs);
    switch (verdict.kind) {
      case 'fine':
      case 'later':
        return;
      case 'confirm':
        if (execution?.run?.open === false && row !== undefined && (await hasGap(projections, found))) {
          await this.close(found, row.workflowId, execution);
          if (await hasGap(projections, found)) log.error({ tenant, runId }, 'The log of the run has a gap');
        }
        await projections.reconciliation.confirmRun(found, row?.status);
        this.counts.confirmed++;
        return;
      case 'resync': {
        if (execution === undefined || wasAsked(found, execution.executionId)) return;
        await temporal.resync(
          execution,
          `Temporal runs it as ${execution.executionId}, and ${verdict.reason}`,
        );
        await projections.reconciliation.noteResync(found, execution.executionId);
        this.counts.resynced++;
        log.info({ tenant, runId, execution: execution.executionId, reason: verdict.reason }, 'Run resynced');
        return;
      }
      case 'close':
        if (row !== undefined) await this.close(found, row.workflowId, execution);
    }
  }

  private async close(
    { tenant, runId, row, execution: known }: WatchedRun,
    workflowId: string,
    execution: Execution | undefined,
  ): Promise<void> {
    const { projections, temporal, log } = this.options;
    const closed = execution?.run?.open === false ? execution.run : undefined;
    const mended =
      closed &&
      (await mendFromHistory(temporal, projections, { workflowId, executionId: closed.executionId }));
    const run = mended?.header ?? (await this.headerOf(tenant, runId));
    if (run === undefined) return;
    const status = closed?.status ?? 'INTERRUPTED';
    const reason =
      closed === undefined
        ? `Temporal does not know the workflow ${workflowId} with the execution ${String(known)}`
        : `Temporal has the execution ${closed.executionId} as ${closed.status}`;
    const closedAt = closed?.closedAt ?? Date.now();
    const letters = ENDED_FROM_OUTSIDE.includes(status)
      ? await undoneLetters(
          projections,
          { run, workflowId, reason: `The run ended ${status} before it could undo this`, closedAt },
          this.options.latestVersion ?? (() => undefined),
        )
      : [];
    const added = await projections.reconciliation.closeRun(
      { run, workflowId },
      {
        status,
        reason,
        closedAt,
        letters,
        mended: mended?.events ?? 0,
        ...(status === 'SUCCEEDED' && mended?.result !== undefined && { result: mended.result }),
        ...(status === 'FAILED' && mended?.error !== undefined && { error: mended.error }),
      },
    );
    if (!added) return;
    if (letters.length > 0) {
      const undone = letters.length;
      log.warn({ tenant, runId, workflowId, undone }, 'A run that was ended from outside leaves work undone');
    }
    this.counts.closed++;
    log.warn({ tenant, runId, workflowId, was: row?.status, status, reason }, 'Run closed by the reconciler');
  }

  private async headerOf(tenant: string, runId: string): Promise<RunHeader | undefined> {
    const row = await this.options.projections.reads.getRun(tenant, runId);
    return row && { tenant, runId, definition: row.definition, version: row.version };
  }

  /** Makes the row of a run anew from its log; a run that has neither is watched no more. */
  private async rebuilt(run: WatchedRun): Promise<boolean> {
    const { projections } = this.options;
    if (run.execution === undefined) {
      await projections.reconciliation.confirmRun(run, undefined);
      return false;
    }
    await projections.maintenance.rebuildRun(run.tenant, run.runId);
    return true;
  }

  private remember(executionId: string, runId: string): void {
    const { runOf } = this.memory;
    const oldest = runOf.size >= REMEMBERED ? runOf.keys().next().value : undefined;
    if (oldest !== undefined) runOf.delete(oldest);
    runOf.set(executionId, runId);
  }

  /** Works through a page, a few at once. */
  private async each<T>(page: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
    this.counts.described += page.length;
    const queue = [...page];
    const worker = async (): Promise<void> => {
      for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
        try {
          await work(one);
        } catch (thrown) {
          this.counts.failed++;
          const { code, message } = toSluiceError(thrown);
          this.options.log.warn({ run: one, code, error: message }, 'A run could not be reconciled');
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  }
}

interface Candidate {
  readonly workflowId: string;
  readonly executionId: string;
  readonly tenant: string;
}

function wasAsked({ resync }: WatchedRun, execution: string): boolean {
  return resync?.execution === execution && Date.now() - resync.at.getTime() < ASK_AGAIN_MS;
}
