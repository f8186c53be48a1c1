/**
 * One pass of the reconciler: it visits every run whose row and whose workflow may differ, once from each
 * side.
 *
 * From the database: runs that are open there, or ended and not confirmed. From Temporal: runs that are open
 * there and whose rows differ or are missing, as after a reset. Temporal is asked about whole pages of runs;
 * only runs that stay in doubt are described one by one, and a pass describes a limited number.
 *
 * Invariants
 * - The reconciler moves no run. It writes rows, and sends `resync`, which makes a run write its rows. A run
 *   whose task was ended from outside is told so (tasks.ts).
 * - A failure for one run stops no other run; it is logged, counted, and tried again at the next pass.
 * - Runs that Temporal does not know are ended last, and only where they are not a large share of all open
 *   runs: one deleted run is an act, hundreds at once are a Temporal that was emptied or restored from an old
 *   backup. Then none is ended, and every pass says so until a person has looked.
 * - Each correction is one transaction that decides by the log as it is then: several workers may do the same
 *   concurrently.
 */
import type { Logger } from 'pino';
import type { RunHeader } from '../../contracts/run/activity.js';
import { toSluiceError } from '../../contracts/errors.js';
import { RESERVED_PREFIX, StartMemo } from '../../contracts/run/messages.js';
import type { Cursor, Projections, WatchedRun } from '../../projections/index.js';
import { judge } from './judge.js';
import { hasGap, repairFromHistory } from './repair.js';
import type { TemporalExecution, TemporalRuns } from './temporal-runs.js';
import { passTasks, type TaskCounts } from './tasks.js';
import { uncompensatedLetters } from './uncompensated.js';

/** The counts of a pass; names are labels of the metrics. */
export interface PassCounts extends TaskCounts {
  /** Runs that were visited, from either side. */
  looked: number;
  /** Visited runs that were described one by one. */
  described: number;
  /** Rows that were ended as Temporal says. */
  closed: number;
  /** Runs that were asked to write their rows again. */
  resynced: number;
  /** Runs whose end Temporal has confirmed. */
  confirmed: number;
  failed: number;
  /** Runs that Temporal does not know, and that were left alone because they are so many. */
  vanished: number;
}

export interface PassOptions {
  readonly projections: Projections;
  readonly temporal: TemporalRuns;
  readonly taskQueue: string;
  readonly log: Logger;
  /** The version of an action that a definition names without a version. */
  readonly latestVersion?: ((action: string) => number | undefined) | undefined;
  /** Age that a difference must have which a healthy run may show, ms. */
  readonly graceMs: number;
  /** True: a person has confirmed that the histories are gone, however many there are. */
  readonly acceptVanished?: boolean | undefined;
  /** Limit of the runs that are described, from each side; the next pass continues from there. */
  readonly limit: number;
  /** Told how many dead letters a run that was closed left. */
  readonly onLetters?: ((letters: number) => void) | undefined;
  /** Aborted when the worker stops: the pass ends after the current page. */
  readonly stop: AbortSignal;
}

/** Where the next pass continues; each process has its own. */
export interface Memory {
  after?: Cursor;
  /** First run ids by execution: Temporal's lists do not have them. */
  readonly runOf: Map<string, string>;
}

const PAGE = 100;
/** Statuses of runs that could not compensate what they had done. */
const ENDED_FROM_OUTSIDE: readonly string[] = ['TERMINATED', 'TIMED_OUT', 'INTERRUPTED'];
/** Runs that vanished in one pass, from which on they may be a large share. */
const MANY_VANISHED = 10;
/** What part of the open runs a pass lets vanish. */
const LARGE_SHARE = 0.5;
/** Runs of one page that are settled concurrently. */
const CONCURRENCY = 8;
/** Size of the cache of first run ids. */
const REMEMBERED = 100_000;
/** Time after which a run that did not answer `resync` is asked again, ms. */
const ASK_AGAIN_MS = 600_000;

/** Makes a pass. */
export async function makePass(options: PassOptions, memory: Memory): Promise<PassCounts> {
  const counts: PassCounts = {
    looked: 0,
    described: 0,
    closed: 0,
    resynced: 0,
    confirmed: 0,
    failed: 0,
    vanished: 0,
    ...{ tasksTold: 0, tasksEnded: 0, tasksVanished: 0, tasksFailed: 0 },
  };
  const pass = new Pass(options, memory, counts);
  await pass.fromDatabase();
  await pass.endVanished();
  await pass.fromTemporal();
  // After the runs: a task is told of the end of a run that this pass has found.
  return Object.assign(counts, await passTasks(options));
}

class Pass {
  /** Open runs that Temporal does not know. */
  readonly #vanished: WatchedRun[] = [];
  /** Open runs of the database that this pass has looked at. */
  #open = 0;

  constructor(
    private readonly options: PassOptions,
    private readonly memory: Memory,
    private readonly counts: PassCounts,
  ) {}

  /** Visits runs that the database has as open, or as ended and not confirmed. */
  async fromDatabase(): Promise<void> {
    const { projections, temporal, limit, stop } = this.options;
    let left = limit;
    while (!stop.aborted) {
      const { items: page, next } = await projections.reconciliation.watchedRuns(this.memory.after, PAGE);
      const heads = page.flatMap(({ row, execution }) =>
        execution !== undefined && row !== undefined && row.endedAt === undefined ? [execution] : [],
      );
      const running = await temporal.running(heads);
      const doubtful = page.filter((run) => run.execution === undefined || !running.has(run.execution));
      this.counts.looked += page.length;
      this.#open += page.filter(({ row }) => row !== undefined && row.endedAt === undefined).length;
      left -= doubtful.length;
      this.counts.described += doubtful.length;
      await this.each(doubtful, async (run) => {
        if ((run.row === undefined || run.unreadable) && !(await this.rebuilt(run))) return;
        const [found] = await projections.reconciliation.findWatched([run]);
        if (found?.row === undefined) return;
        await this.settle(
          found,
          await temporal.find(found.row.workflowId, found.runId, found.execution ?? found.runId),
        );
      });
      if (next === undefined) {
        delete this.memory.after;
        return;
      }
      this.memory.after = next;
      if (left <= 0) return;
    }
  }

  /** Ends the runs that Temporal does not know, or leaves them all alone where they are too many. */
  async endVanished(): Promise<void> {
    const { acceptVanished, log } = this.options;
    const runs = this.#vanished;
    if (acceptVanished !== true && runs.length >= MANY_VANISHED && runs.length > this.#open * LARGE_SHARE) {
      this.counts.vanished = runs.length;
      log.error(
        { vanished: runs.length, open: this.#open, example: runs[0]?.row?.workflowId },
        'Temporal does not know a large share of the open runs: none of them is ended. If it was restored, wait or repair it; if their histories are gone for good, say so with `sluice reconcile --accept-vanished`',
      );
      return;
    }
    await this.each(runs, async (run) => {
      if (run.row !== undefined) await this.close(run, run.row.workflowId, undefined);
    });
  }

  /** Visits runs that Temporal has as open and whose rows differ or are missing. */
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

  /**
   * Compares a page of open executions with their rows.
   * @returns how many had to be described
   */
  private async compare(page: readonly Candidate[]): Promise<number> {
    const { projections, temporal } = this.options;
    const { runOf } = this.memory;
    const rows = await projections.reconciliation.findWatched(
      page.map(({ tenant, executionId }) => ({ tenant, runId: runOf.get(executionId) ?? executionId })),
    );
    const doubtful = page.filter((candidate, i) => {
      const found = rows[i];
      const open = found?.row !== undefined && found.row.endedAt === undefined;
      return !open || found.execution !== candidate.executionId;
    });
    this.counts.looked += page.length;
    this.counts.described += doubtful.length;
    await this.each(doubtful, async ({ workflowId, executionId, tenant }) => {
      const execution = await temporal.describe(workflowId, executionId);
      if (execution?.run?.open !== true) return;
      this.remember(executionId, execution.firstRunId);
      const [found] = await projections.reconciliation.findWatched([{ tenant, runId: execution.firstRunId }]);
      if (found !== undefined) await this.settle(found, execution);
    });
    return doubtful.length;
  }

  /** Brings one run in line with Temporal. */
  private async settle(found: WatchedRun, execution: TemporalExecution | undefined): Promise<void> {
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
        if (execution?.run === undefined) this.#vanished.push(found);
        else if (row !== undefined) await this.close(found, row.workflowId, execution);
    }
  }

  private async close(
    { tenant, runId, row, execution: knownExecution }: WatchedRun,
    workflowId: string,
    execution: TemporalExecution | undefined,
  ): Promise<void> {
    const { projections, temporal, log } = this.options;
    const closed = execution?.run?.open === false ? execution.run : undefined;
    const repaired =
      closed &&
      (await repairFromHistory(temporal, projections, { workflowId, executionId: closed.executionId }));
    const run = repaired?.header ?? (await this.headerOf(tenant, runId));
    if (run === undefined) return;
    const status = closed?.status ?? 'INTERRUPTED';
    const reason =
      closed === undefined
        ? `Temporal does not know the workflow ${workflowId} with the execution ${String(knownExecution)}`
        : `Temporal has the execution ${closed.executionId} as ${closed.status}`;
    const closedAt = closed?.closedAt ?? Date.now();
    const actor =
      status === 'TERMINATED' && closed !== undefined
        ? await temporal.terminatedBy(workflowId, closed.executionId)
        : undefined;
    const letters = ENDED_FROM_OUTSIDE.includes(status)
      ? await uncompensatedLetters(
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
        ...(actor !== undefined && { actor }),
        closedAt,
        letters,
        mended: repaired?.events ?? 0,
        ...(status === 'SUCCEEDED' && repaired?.result !== undefined && { result: repaired.result }),
        ...(status === 'FAILED' && repaired?.error !== undefined && { error: repaired.error }),
      },
    );
    if (!added) return;
    this.options.onLetters?.(letters.length);
    if (letters.length > 0) {
      log.warn(
        { tenant, runId, workflowId, letters: letters.length },
        'A run that was ended from outside left effects to compensate; they are dead letters now',
      );
    }
    this.counts.closed++;
    log.warn({ tenant, runId, workflowId, was: row?.status, status, reason }, 'Run closed by the reconciler');
  }

  private async headerOf(tenant: string, runId: string): Promise<RunHeader | undefined> {
    const row = await this.options.projections.reads.getRun(tenant, runId);
    return row && { tenant, runId, definition: row.definition, version: row.version };
  }

  /**
   * Rebuilds the row of a run, missing or unreadable, from its log; a run that has neither is no longer
   * watched.
   */
  private async rebuilt(run: WatchedRun): Promise<boolean> {
    const { projections } = this.options;
    if (run.execution === undefined && !run.unreadable) {
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

  /** Works through a page, a few runs concurrently. */
  private async each<T>(page: readonly T[], settle: (item: T) => Promise<void>): Promise<void> {
    const queue = [...page];
    const worker = async (): Promise<void> => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        try {
          await settle(item);
        } catch (thrown) {
          this.counts.failed++;
          const { code, message } = toSluiceError(thrown);
          this.options.log.warn({ run: item, code, error: message }, 'A run could not be reconciled');
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
