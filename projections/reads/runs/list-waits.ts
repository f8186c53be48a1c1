/** The waits of a run, in the order in which they opened. */
import { z } from 'zod';
import type { Json } from '../../../contracts/json.js';
import { WaitKind, WaitStatus } from '../../../contracts/run/run.js';
import type { Database } from '../../connection/connection.js';
import { readRows } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import {
  numberCursor,
  pageLimit,
  toListPage,
  viewRows,
  type Page,
  type PageRequest,
} from '../../connection/page.js';
import { iso } from './run-view.js';

const Row = z.object({
  path: z.string(),
  iteration: z.array(z.number()),
  attempt: z.number(),
  kind: WaitKind.optional(),
  event_names: z.array(z.string()).optional(),
  correlation_key: z.string().optional(),
  filters: z.string().optional(),
  deadline: z.date().optional(),
  child_run_id: z.string().optional(),
  child_workflow_id: z.string().optional(),
  status: WaitStatus,
  opened_at: z.date().optional(),
  closed_at: z.date().optional(),
  event_id: z.string().optional(),
  event_source: z.string().optional(),
  event_name: z.string().optional(),
  reason: z.string().optional(),
  opened_seq: z.number(),
});
type Row = z.infer<typeof Row>;

/** One wait. Times are ISO instants. */
export interface WaitView {
  readonly path: string;
  readonly iteration: readonly number[];
  readonly attempt: number;
  /** Null until the run event that opened the wait is known. */
  readonly kind: WaitKind | null;
  readonly eventNames: readonly string[];
  readonly correlationKey: string | null;
  readonly filters: Json;
  /** Null: the wait has no deadline. */
  readonly deadline: string | null;
  readonly child: { readonly workflowId: string; readonly runId: string | null } | null;
  readonly status: WaitStatus;
  readonly openedAt: string | null;
  readonly closedAt: string | null;
  /** The event that satisfied it. */
  readonly event: {
    readonly id: string;
    readonly source: string | null;
    readonly name: string | null;
  } | null;
  readonly reason: string | null;
}

const FROM_RUN = `SELECT *, id[2] AS path, id[3] AS iteration, id[4] AS attempt FROM wait:[$tenant, $runId]..[$tenant, $runId, ..]`;

const LIST_WAITS = `${FROM_RUN} ORDER BY opened_seq`;

/** The statement of a page. */
const PAGE_WAITS = `${FROM_RUN} WHERE opened_seq > $after ORDER BY opened_seq LIMIT $limit`;

/** Those that can be read. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listWaits(
  database: Database,
  tenant: string,
  runId: string,
): Promise<readonly WaitView[]> {
  const rows = await readRows(database, Row, LIST_WAITS, { tenant, runId });
  const readable = rows.flatMap(({ row }) => row ?? []);
  return viewRows(rows, await viewer(database, tenant, runId, readable)).items;
}

/** One page of a run's waits. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function pageWaits(
  database: Database,
  tenant: string,
  runId: string,
  page: PageRequest = {},
): Promise<Page<WaitView>> {
  const limit = pageLimit(page);
  const rows = await readRows(database, Row, PAGE_WAITS, {
    tenant,
    runId,
    after: numberCursor(page.after),
    limit: limit + 1,
  });
  const readable = rows.flatMap(({ row }) => row ?? []);
  const view = await viewer(database, tenant, runId, readable);
  return toListPage(rows, limit, (row) => String(row.opened_seq), view);
}

async function viewer(
  database: Database,
  tenant: string,
  runId: string,
  rows: readonly Row[],
): Promise<(row: Row) => WaitView> {
  const decode = await loadJson(
    database,
    tenant,
    runId,
    rows.map((row) => row.filters),
  );
  return (row) => ({
    path: row.path,
    iteration: row.iteration,
    attempt: row.attempt,
    kind: row.kind ?? null,
    eventNames: row.event_names ?? [],
    correlationKey: row.correlation_key ?? null,
    filters: decode(row.filters) ?? null,
    deadline: iso(row.deadline),
    child:
      row.child_workflow_id === undefined
        ? null
        : { workflowId: row.child_workflow_id, runId: row.child_run_id ?? null },
    status: row.status,
    openedAt: iso(row.opened_at),
    closedAt: iso(row.closed_at),
    event:
      row.event_id === undefined
        ? null
        : { id: row.event_id, source: row.event_source ?? null, name: row.event_name ?? null },
    reason: row.reason ?? null,
  });
}
