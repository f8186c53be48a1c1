/**
 * Runs that the reconciler watches: every open run, and every run that has ended until Temporal has
 * confirmed its end. Each has a row in `run_watch`, separate from the run's row, so that an edit or
 * deletion of that row doesn't hide the run from the reconciler.
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import { RunStatus } from '../../contracts/run/run.js';
import type { Database } from '../connection/connection.js';
import type { RunKey } from '../log/keys.js';
import { notedExecution } from '../log/live-log.js';
import { read } from '../connection/read.js';
import { commit } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

/** A run as the projection knows it. */
export interface WatchedRun extends RunKey {
  /** Undefined where the row is missing. */
  readonly row:
    | {
        readonly workflowId: string;
        readonly status: RunStatus;
        readonly endedAt: Date | undefined;
      }
    | undefined;
  /** The Temporal run id under which the log was written last; undefined where the run has no log. */
  readonly execution: string | undefined;
  /** The last `resync` signal that was sent. */
  readonly resync: { readonly execution: string; readonly at: Date } | undefined;
}

const Keys = z.array(z.object({ tenant: z.string(), runId: z.string() }));

const WATCHED = `SELECT id[0] AS tenant, id[1] AS runId FROM type::record('run_watch', [$tenant, $runId]>..) LIMIT $limit`;

/**
 * A page of the watched runs.
 * @param after the last run of the page before; undefined for the first page
 */
export async function watchedRuns(
  database: Database,
  after: RunKey | undefined,
  limit: number,
): Promise<readonly WatchedRun[]> {
  const { tenant, runId } = after ?? { tenant: '', runId: '' };
  return findWatched(database, await read(database, Keys, WATCHED, { tenant, runId, limit }));
}

const Rows = z.array(
  z.object({
    tenant: z.string(),
    run_id: z.string(),
    workflow_id: z.string(),
    status: RunStatus,
    ended_at: z.date().optional(),
  }),
);
const Heads = z.array(z.object({ tenant: z.string(), run_id: z.string(), execution: z.string() }));
const Watches = z.array(
  z.object({
    tenant: z.string(),
    run_id: z.string(),
    resync_execution: z.string(),
    resync_at: z.date(),
  }),
);

/** What the projection knows about each run, in the order of `runs`. */
export async function findWatched(
  database: Database,
  runs: readonly RunKey[],
): Promise<readonly WatchedRun[]> {
  if (runs.length === 0) return [];
  const ids = (table: string) => runs.map(({ tenant, runId }) => new RecordId(table, [tenant, runId]));
  const named = 'id[0] AS tenant, id[1] AS run_id';
  const [rows, heads, watches] = await Promise.all([
    read(database, Rows, `SELECT ${named}, workflow_id, status, ended_at FROM $ids WHERE status != NONE`, {
      ids: ids('run'),
    }),
    read(database, Heads, `SELECT ${named}, execution FROM $ids WHERE execution != NONE`, {
      ids: ids('run_head'),
    }),
    read(
      database,
      Watches,
      `SELECT ${named}, resync_execution, resync_at FROM $ids WHERE resync_at != NONE`,
      {
        ids: ids('run_watch'),
      },
    ),
  ]);
  return runs.map(({ tenant, runId }) => {
    const find = <T extends { tenant: string; run_id: string }>(all: readonly T[]) =>
      all.find((columns) => columns.tenant === tenant && columns.run_id === runId);
    const row = find(rows);
    const head = find(heads);
    const watch = find(watches);
    return {
      tenant,
      runId,
      row: row && { workflowId: row.workflow_id, status: row.status, endedAt: row.ended_at },
      execution: head && notedExecution(head.execution),
      resync: watch && { execution: watch.resync_execution, at: watch.resync_at },
    };
  });
}

/** Stops watching a run that Temporal has closed as its row says, unless the row has changed meanwhile. */
export async function confirmRun(
  { database, faults }: Writer,
  run: RunKey,
  status: RunStatus | undefined,
): Promise<void> {
  await commit(
    database,
    [
      {
        label: 'run_watch.confirm',
        text: `IF (SELECT VALUE status FROM ONLY type::record('run', $run)) = $status { DELETE type::record('run_watch', $run) RETURN NONE }`,
      },
    ],
    { run: [run.tenant, run.runId], status },
    faults,
  );
}

/** Remembers that the run was asked for a snapshot of its rows, so that not every pass asks again. */
export async function noteResync(
  { database, faults }: Writer,
  run: RunKey,
  execution: string,
): Promise<void> {
  await commit(
    database,
    [
      {
        label: 'run_watch.resync',
        text: `UPSERT type::record('run_watch', $run) SET resync_execution = $execution, resync_at = time::now() RETURN NONE`,
      },
    ],
    { run: [run.tenant, run.runId], execution },
    faults,
  );
}

/**
 * Takes the turn for a pass; all workers on this database share the turns.
 * @param intervalMs time until the next pass is due, ms
 * @returns false where no pass is due yet
 */
export async function takeTurn({ database, faults }: Writer, intervalMs: number): Promise<boolean> {
  const answers = await commit(
    database,
    [
      {
        label: 'reconcile_turn.take',
        text: `{
  LET $now = time::now();
  LET $due = (SELECT VALUE due FROM ONLY reconcile_turn:pass);
  IF $due != NONE AND $due > $now { false }
  ELSE { UPSERT reconcile_turn:pass SET due = $now + duration::from_millis($interval) RETURN NONE; true }
}`,
      },
    ],
    { interval: intervalMs },
    faults,
  );
  return z.boolean().parse(answers.get('reconcile_turn.take'));
}
