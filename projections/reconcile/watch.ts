/**
 * Runs that the reconciler looks at: every one that is open, and every one that has ended until Temporal has
 * confirmed it. A row of `run_watch` stands for each; it is no part of the run's row, so that nobody who edits or
 * deletes that row hides the run from the reconciler.
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

/** A run as the projection has it. */
export interface WatchedRun extends RunKey {
  /** Undefined: there is no row. */
  readonly row:
    | {
        readonly workflowId: string;
        readonly status: RunStatus;
        readonly endedAt: Date | undefined;
      }
    | undefined;
  /** The Temporal run id under which its log was last written; undefined: there is no log. */
  readonly execution: string | undefined;
  /** The signal `resync` that was sent last. */
  readonly resync: { readonly execution: string; readonly at: Date } | undefined;
}

const Keys = z.array(z.object({ tenant: z.string(), runId: z.string() }));

const WATCHED = `SELECT id[0] AS tenant, id[1] AS runId FROM type::record('run_watch', [$tenant, $runId]>..) LIMIT $limit`;

/**
 * A page of the runs that are watched.
 * @param after the last run of the page before; undefined: from the beginning
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

/** What the projection has of each run, in the order in which they were asked for. */
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
    const own = <T extends { tenant: string; run_id: string }>(all: readonly T[]) =>
      all.find((one) => one.tenant === tenant && one.run_id === runId);
    const row = own(rows);
    const head = own(heads);
    const watch = own(watches);
    return {
      tenant,
      runId,
      row: row && { workflowId: row.workflow_id, status: row.status, endedAt: row.ended_at },
      execution: head && notedExecution(head.execution),
      resync: watch && { execution: watch.resync_execution, at: watch.resync_at },
    };
  });
}

/** Temporal has closed the run as its row says: it is watched no more, unless its row changes meanwhile. */
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

/** Remembers that the run was asked to tell its rows anew, so that it is not asked at every pass. */
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
 * Takes the turn of a pass, for all workers on this database together.
 * @param intervalMs until the next one is due
 * @returns false where it is not due yet
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
