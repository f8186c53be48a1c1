/**
 * Runs that the reconciler watches: every open run, and every run that has ended until Temporal has
 * confirmed its end. Each has a row in `run_watch`, separate from the run's row, so that an edit or
 * deletion of that row doesn't hide the run from the reconciler.
 */
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import { RunStatus } from '../../contracts/run/run.js';
import type { Database } from '../connection/connection.js';
import type { ListedRow } from '../connection/page.js';
import type { RunKey } from '../log/keys.js';
import { notedExecution } from '../log/live-log.js';
import { readBatch, readRows, type Batch, type Cursor } from '../connection/read.js';
import { commit } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

/** A run as the projection knows it. */
export interface WatchedRun extends RunKey {
  /** Undefined where the row is missing or cannot be read. */
  readonly row:
    | {
        readonly workflowId: string;
        readonly status: RunStatus;
        readonly endedAt: Date | undefined;
      }
    | undefined;
  /**
   * The Temporal run id under which the log was written last; undefined where the run has no log, or its
   * head cannot be read.
   */
  readonly execution: string | undefined;
  /** True: one of the rows that say this cannot be read. The log may tell. */
  readonly unreadable: boolean;
  /** The last `resync` signal that was sent. */
  readonly resync: { readonly execution: string; readonly at: Date } | undefined;
}

const Key = z.object({ tenant: z.string(), runId: z.string() });

const WATCHED = `SELECT id, record::id(id) AS key, id[0] AS tenant, id[1] AS runId FROM type::record('run_watch', $after>..) LIMIT $limit`;

/**
 * A page of the watched runs.
 * @param after `next` of the page before; undefined for the first page
 */
export async function watchedRuns(
  database: Database,
  after: Cursor | undefined,
  limit: number,
): Promise<Batch<WatchedRun>> {
  const { items, next } = await readBatch(database, Key, WATCHED, { after: after ?? [], limit });
  return { items: await findWatched(database, items), next };
}

const Named = z.object({ tenant: z.string(), run_id: z.string() });
const Row = Named.extend({
  workflow_id: z.string(),
  status: RunStatus,
  ended_at: z.date().optional(),
});
const Head = Named.extend({ execution: z.string() });
const Watch = Named.extend({ resync_execution: z.string(), resync_at: z.date() });

/** What the projection knows about each run, in the order of `runs`. */
export async function findWatched(
  database: Database,
  runs: readonly RunKey[],
): Promise<readonly WatchedRun[]> {
  if (runs.length === 0) return [];
  const ids = (table: string) => runs.map(({ tenant, runId }) => new RecordId(table, [tenant, runId]));
  const named = 'id, id[0] AS tenant, id[1] AS run_id';
  const [rows, heads, watches] = await Promise.all([
    readRows(database, Row, `SELECT ${named}, workflow_id, status, ended_at FROM $ids WHERE status != NONE`, {
      ids: ids('run'),
    }),
    readRows(database, Head, `SELECT ${named}, execution FROM $ids WHERE execution != NONE`, {
      ids: ids('run_head'),
    }),
    readRows(
      database,
      Watch,
      `SELECT ${named}, resync_execution, resync_at FROM $ids WHERE resync_at != NONE`,
      {
        ids: ids('run_watch'),
      },
    ),
  ]);
  return runs.map(({ tenant, runId }) => {
    const isIt = ({ raw }: ListedRow<unknown>) => {
      const its = Named.safeParse(raw).data;
      return its?.tenant === tenant && its.run_id === runId;
    };
    const [itsRow, itsHead] = [rows.find(isIt), heads.find(isIt)];
    const [row, head, watch] = [itsRow?.row, itsHead?.row, watches.find(isIt)?.row];
    return {
      tenant,
      runId,
      row: row && { workflowId: row.workflow_id, status: row.status, endedAt: row.ended_at },
      execution: head && notedExecution(head.execution),
      unreadable:
        (itsRow !== undefined && row === undefined) || (itsHead !== undefined && head === undefined),
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
