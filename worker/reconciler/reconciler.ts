/**
 * The reconciler of a worker process: a pass when it starts, and then one in each interval, whichever worker on the
 * same database comes first. A pass that fails is logged; the next one is the retry.
 *
 * It is a part of the worker and no Temporal Schedule, because it must run where the database is, and tell of a
 * Temporal that lost everything, its schedules too.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { type NativeConnection, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { toSluiceError } from '../../contracts/errors.js';
import type { Projections } from '../../projections/index.js';
import { makePass, type Memory, type PassCounts } from './pass.js';
import { TemporalRuns } from './temporal-runs.js';

export interface ReconcilerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly projections: Projections;
  readonly log: Logger;
  /** Of an action that a definition names without one, for what stands undone. */
  readonly latestVersion?: (action: string) => number | undefined;
  /** Between two passes, ms; 0: no passes but those that are asked for. */
  readonly intervalMs: number;
  /** Default 30,000. */
  readonly graceMs?: number;
  /** Runs that Temporal is asked about one by one, in a pass and from each side. Default 1,000. */
  readonly limit?: number;
}

const DEFAULT_GRACE_MS = 30_000;
const DEFAULT_LIMIT = 1_000;

export interface Reconciler {
  /** Makes a pass now. */
  pass(): Promise<PassCounts>;
  /** Ends the passes, and waits until the one under way has ended. */
  stop(): Promise<void>;
}

/** Starts reconciling; `stop` it before the connection and the database are closed. */
export function startReconciler(options: ReconcilerOptions): Reconciler {
  const { connection, namespace, taskQueue, projections, log, intervalMs } = options;
  const temporal = new TemporalRuns(new Client({ connection, namespace }));
  const stop = new AbortController();
  const memory: Memory = { runOf: new Map() };
  const count = counters();
  const pass = async (): Promise<PassCounts> => {
    const counts = await makePass(
      {
        projections,
        temporal,
        taskQueue,
        log,
        latestVersion: options.latestVersion,
        graceMs: options.graceMs ?? DEFAULT_GRACE_MS,
        limit: options.limit ?? DEFAULT_LIMIT,
        stop: stop.signal,
      },
      memory,
    );
    count(counts);
    const changed = counts.closed + counts.resynced + counts.failed > 0;
    log[changed ? 'info' : 'debug']({ ...counts }, 'Reconciled with Temporal');
    return counts;
  };
  const work = async (): Promise<void> => {
    for (let first = true; !stop.signal.aborted; first = false) {
      try {
        // The first pass of a process takes the turn too, but does not wait for it.
        const turn = await projections.reconciliation.takeTurn(intervalMs);
        if (turn || first) await pass();
      } catch (thrown) {
        const { code, message } = toSluiceError(thrown);
        log.warn({ code, error: message }, 'The reconciler could not make its pass; it tries again');
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

/** A little more than the interval, so that workers do not all come at once. */
async function pause(intervalMs: number, signal: AbortSignal): Promise<void> {
  const ms = intervalMs * (1 + 0.1 * Math.random());
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Counters beside the SDK's own, wherever its metrics go. */
function counters(): (counts: PassCounts) => void {
  const meter = Runtime.instance().metricMeter;
  const runs = meter.createCounter('sluice_reconciler_runs', 'runs', 'Runs by what the reconciler did');
  const passes = meter.createCounter('sluice_reconciler_passes', 'passes', 'Passes of the reconciler');
  return (counts) => {
    passes.add(1);
    for (const [outcome, count] of Object.entries(counts)) {
      if (typeof count === 'number' && count > 0) runs.add(count, { outcome });
    }
  };
}
