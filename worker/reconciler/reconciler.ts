/**
 * The reconciler of a worker process: a pass when it starts, and then one in each interval, made by the first
 * worker of the same database that takes the turn. A pass that fails is logged; the next one is the retry.
 *
 * It is part of the worker and not a Temporal Schedule: it must run where the database is, and must notice a
 * Temporal that has lost everything, including its schedules.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { type NativeConnection, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { toSluiceError } from '../../contracts/errors.js';
import type { Projections } from '../../projections/index.js';
import { makePass, type Memory, type PassCounts } from './pass.js';
import { TemporalRuns } from './temporal-runs.js';

export interface ReconcilerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Decrypts what Temporal stores; undefined: nothing is encrypted. */
  readonly dataConverter?: DataConverter | undefined;
  readonly taskQueue: string;
  readonly projections: Projections;
  readonly log: Logger;
  /** The version of an action that a definition names without a version, for compensations. */
  readonly latestVersion?: (action: string) => number | undefined;
  /**
   * Throws unless the database has the runs of this Temporal; asked before each pass. Default: not asked.
   */
  readonly requireOwn?: () => Promise<unknown>;
  /** True: runs that Temporal does not know are ended, however many there are. */
  readonly acceptVanished?: boolean;
  /** Time between two passes, ms; 0: only passes that are asked for. */
  readonly intervalMs: number;
  /** Age that a difference must have which a healthy run may show, ms. Default 30,000. */
  readonly graceMs?: number;
  /** Limit of the runs that a pass describes one by one, from each side. Default 1,000. */
  readonly limit?: number;
}

const DEFAULT_GRACE_MS = 30_000;
const DEFAULT_LIMIT = 1_000;
/** The most by which a pause exceeds the interval, as a part of it. */
const JITTER = 0.1;

export interface Reconciler {
  /** Makes a pass now. */
  pass(): Promise<PassCounts>;
  /** Stops, and waits for a pass in progress. */
  stop(): Promise<void>;
}

/** Starts reconciling; `stop` it before the connection and the database are closed. */
export function startReconciler(options: ReconcilerOptions): Reconciler {
  const { connection, namespace, dataConverter, taskQueue, projections, log, intervalMs } = options;
  const temporal = new TemporalRuns(
    new Client({ connection, namespace, ...(dataConverter !== undefined && { dataConverter }) }),
  );
  const stop = new AbortController();
  const memory: Memory = { runOf: new Map() };
  const count = counters();
  const pass = async (): Promise<PassCounts> => {
    await options.requireOwn?.();
    const counts = await makePass(
      {
        projections,
        temporal,
        taskQueue,
        log,
        latestVersion: options.latestVersion,
        acceptVanished: options.acceptVanished,
        graceMs: options.graceMs ?? DEFAULT_GRACE_MS,
        limit: options.limit ?? DEFAULT_LIMIT,
        stop: stop.signal,
        onLetters: (letters) => count.letters.add(letters),
      },
      memory,
    );
    count.pass(counts);
    const changed =
      counts.closed + counts.resynced + counts.failed + counts.tasksEnded + counts.tasksFailed > 0;
    log[changed ? 'info' : 'debug']({ ...counts }, 'Reconciled with Temporal');
    return counts;
  };
  const work = async (): Promise<void> => {
    for (let first = true; !stop.signal.aborted; first = false) {
      try {
        // The first pass of a process takes the turn too, but runs even without it.
        const turn = await projections.reconciliation.takeTurn(intervalMs);
        if (turn || first) await pass();
      } catch (thrown) {
        const { code, message } = toSluiceError(thrown);
        const level = code === 'DATABASE_OF_ANOTHER_TEMPORAL' ? 'error' : 'warn';
        log[level]({ code, error: message }, 'A reconciler pass failed; the next one tries again');
      }
      await pause(intervalMs, stop.signal);
    }
  };
  const working = intervalMs > 0 ? work() : Promise.resolve();
  return {
    pass,
    async stop() {
      stop.abort();
      await working;
    },
  };
}

/** Sleeps a little longer than the interval, so that workers do not all ask at the same time. */
async function pause(intervalMs: number, signal: AbortSignal): Promise<void> {
  const ms = intervalMs * (1 + JITTER * Math.random());
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Counters in the metrics of Temporal's SDK. */
function counters() {
  const meter = Runtime.instance().metricMeter;
  const runs = meter.createCounter('sluice_reconciler_runs', 'runs', 'Runs by what the reconciler did');
  const passes = meter.createCounter('sluice_reconciler_passes', 'passes', 'Passes of the reconciler');
  const letters = meter.createCounter('sluice_reconciler_dead_letters', 'letters', 'Dead letters it opened');
  const pass = (counts: PassCounts): void => {
    passes.add(1);
    for (const [outcome, count] of Object.entries(counts)) {
      if (typeof count === 'number' && count > 0) runs.add(count, { outcome });
    }
  };
  return { pass, letters };
}
