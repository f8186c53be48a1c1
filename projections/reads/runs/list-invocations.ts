/** What the ledger knows about a run's actions. */
import { z } from 'zod';
import { RecordId } from 'surrealdb';
import { RunError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import type { Database } from '../../connection/connection.js';
import { readReadable, readRows } from '../../connection/read.js';
import { loadJson, type Decode } from '../../log/texts.js';
import { pageLimit, toPage, viewRows, type Page, type PageRequest } from '../../connection/page.js';
import type { UnreadableRow } from '../../connection/unreadable.js';
import { iso } from './run-view.js';

const Row = z.object({
  idempotency_key: z.string(),
  action: z.string(),
  action_version: z.number(),
  path: z.string(),
  step_id: z.string(),
  iteration: z.array(z.number()),
  attempt: z.number(),
  input: z.string().optional(),
  status: z.enum(['STARTED', 'SUCCEEDED', 'FAILED']),
  output: z.string().optional(),
  artifacts: z.array(z.string()),
  error: z.string().optional(),
  attempts: z.number(),
  local: z.boolean(),
  lease_holder: z.string().optional(),
  lease_until: z.number().optional(),
  started_at: z.date(),
  finished_at: z.date().optional(),
});
type Row = z.infer<typeof Row>;

/** One use of an action, by its idempotency key. Times are ISO instants. */
export interface InvocationView {
  readonly idempotencyKey: string;
  readonly action: string;
  readonly actionVersion: number;
  readonly path: string;
  readonly stepId: string;
  readonly iteration: readonly number[];
  /** The author's attempt that used the key last. */
  readonly attempt: number;
  readonly status: 'STARTED' | 'SUCCEEDED' | 'FAILED';
  readonly input: Json;
  readonly output: Json;
  readonly artifacts: readonly string[];
  readonly error: RunError | null;
  /** How often the action was begun. */
  readonly attempts: number;
  /** True: it ran as a local activity, and only the log brought its step's outcome. */
  readonly local: boolean;
  readonly lease: { readonly holder: string; readonly until: string } | null;
  readonly startedAt: string;
  readonly finishedAt: string | null;
}

/** A key of the ledger, as a list of a run has it. */
const Listed = z.object({ key: z.string() });

/** The statement that finds the ledger keys of a run. */
const LIST_INVOCATIONS = `SELECT id, id[2] AS key FROM run_invocation:[$tenant, $runId]..[$tenant, $runId, ..]`;

/** The statement of a page, by key. */
const PAGE_INVOCATIONS = `SELECT id, id[2] AS key FROM type::record('run_invocation', $above>..[$tenant, $runId, ..]) LIMIT $limit`;

/** The ledger of a run: who concludes that an action did not run has to look at `unreadable` too. */
export interface Ledger {
  readonly items: readonly InvocationView[];
  readonly unreadable: readonly UnreadableRow[];
}

/**
 * All invocations of a run, in the order in which they began. @throws SluiceError DATABASE_UNAVAILABLE,
 * DATABASE_FAILED
 */
export async function readLedger(database: Database, tenant: string, runId: string): Promise<Ledger> {
  const listed = await readReadable(database, Listed, LIST_INVOCATIONS, { tenant, runId });
  const keys = listed.map(({ key }) => key);
  const { items, unreadable = [] } = await lookUp(database, tenant, runId, keys);
  const began = (one: InvocationView) => Date.parse(one.startedAt);
  return { items: [...items].sort((a, b) => began(a) - began(b)), unreadable };
}

/** Those invocations that can be read. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listInvocations(
  database: Database,
  tenant: string,
  runId: string,
): Promise<readonly InvocationView[]> {
  return (await readLedger(database, tenant, runId)).items;
}

/**
 * One page of a run's invocations, by idempotency key. @throws SluiceError DATABASE_UNAVAILABLE,
 * DATABASE_FAILED
 */
export async function pageInvocations(
  database: Database,
  tenant: string,
  runId: string,
  page: PageRequest = {},
): Promise<Page<InvocationView>> {
  const limit = pageLimit(page);
  const listed = await readReadable(database, Listed, PAGE_INVOCATIONS, {
    tenant,
    runId,
    above: [tenant, runId, ...(page.after === undefined ? [] : [page.after])],
    limit: limit + 1,
  });
  const { items, next } = toPage(
    listed,
    limit,
    ({ key }) => key,
    ({ key }) => key,
  );
  return { ...(await lookUp(database, tenant, runId, items)), next };
}

async function lookUp(
  database: Database,
  tenant: string,
  runId: string,
  keys: readonly string[],
): Promise<Omit<Page<InvocationView>, 'next'>> {
  if (keys.length === 0) return { items: [] };
  const ids = keys.map((key) => new RecordId('action_invocation', [tenant, key]));
  const rows = await readRows(database, Row, 'SELECT *, id[1] AS idempotency_key FROM $ids', { ids });
  const decode = await loadJson(
    database,
    tenant,
    runId,
    rows.flatMap(({ row }) => [row?.input, row?.output, row?.error]),
  );
  const { items, unreadable } = viewRows(rows, (row) => toView(row, decode));
  const byKey = new Map(items.map((item) => [item.idempotencyKey, item]));
  return { items: keys.flatMap((key) => byKey.get(key) ?? []), ...unreadable };
}

function toView(row: Row, decode: Decode): InvocationView {
  return {
    idempotencyKey: row.idempotency_key,
    action: row.action,
    actionVersion: row.action_version,
    path: row.path,
    stepId: row.step_id,
    iteration: row.iteration,
    attempt: row.attempt,
    status: row.status,
    input: decode(row.input) ?? null,
    output: decode(row.output) ?? null,
    artifacts: row.artifacts,
    error: row.error === undefined ? null : RunError.parse(decode(row.error)),
    attempts: row.attempts,
    local: row.local,
    lease:
      row.lease_holder === undefined || row.lease_until === undefined
        ? null
        : { holder: row.lease_holder, until: new Date(row.lease_until).toISOString() },
    startedAt: row.started_at.toISOString(),
    finishedAt: iso(row.finished_at),
  };
}
