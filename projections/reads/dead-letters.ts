/** The dead letters of a tenant. */
import { z } from 'zod';
import {
  DeadLetterAct,
  DeadLetterKind,
  DeadLetterStatus,
  type DeadLetterFilter,
  type DeadLetterSummary,
  type DeadLetterView,
} from '../../contracts/events/dead-letter.js';
import type { Database } from '../connection/connection.js';
import { runOfListKey } from '../log/keys.js';
import { read, readBatch, readRows, type Batch, type Cursor } from '../connection/read.js';
import { listTenants } from '../log/tenants.js';
import { loadJson } from '../log/texts.js';
import { pageLimit, toListPage, type ListedRow, type Page, type PageRequest } from '../connection/page.js';
import { iso } from './runs/run-view.js';

const Row = z.object({
  id_text: z.string(),
  list_key: z.string(),
  kind: DeadLetterKind,
  status: DeadLetterStatus,
  run_id: z.string().optional(),
  subject: z.string(),
  body: z.string().optional(),
  reason: z.string(),
  error_code: z.string().optional(),
  retry_with: z.string().optional(),
  created_at: z.date(),
  resolved_at: z.date().optional(),
  acts: z.array(z.string()),
});

/** Letters that one read looks up. */
const CHUNK = 200;

const FIRST = '';
const LAST = '\u{10ffff}';

/**
 * One page, newest first. Without a status in the filter: letters of every status, the open ones first.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function listDeadLetters(
  database: Database,
  tenant: string,
  filter: DeadLetterFilter = {},
  page: PageRequest = {},
): Promise<Page<DeadLetterSummary>> {
  const limit = pageLimit(page);
  const statuses = filter.status === undefined ? DeadLetterStatus.options : [filter.status];
  const [afterStatus, afterKey = FIRST] = page.after?.split(' ') ?? [];
  const rows: ListedRow<z.infer<typeof Row>>[] = [];
  for (const status of statuses) {
    if (afterStatus !== undefined && statuses.indexOf(status) < statuses.indexOf(afterStatus as never)) {
      continue;
    }
    if (rows.length > limit) break;
    const from = status === afterStatus ? afterKey : FIRST;
    rows.push(...(await rowsOf(database, tenant, filter, { status, from, atLeast: limit + 1 })));
  }
  return toListPage(rows, limit, (row) => `${row.status} ${row.list_key}`, summaryOf);
}

interface RowRange {
  readonly status: string;
  /** The key after which to begin. */
  readonly from: string;
  /** How many rows end the search. */
  readonly atLeast: number;
}

async function rowsOf(
  database: Database,
  tenant: string,
  { kind, runId }: DeadLetterFilter,
  { status, from, atLeast }: RowRange,
): Promise<readonly ListedRow<z.infer<typeof Row>>[]> {
  const found: ListedRow<z.infer<typeof Row>>[] = [];
  for (let above = from; ;) {
    const keys = await read(
      database,
      z.array(z.string()),
      `SELECT VALUE id[2] FROM type::record('dead_letter_list', [$tenant, $status, $above]..[$tenant, $status, $below]) WHERE id[2] != $above LIMIT ${CHUNK}`,
      { tenant, status, above, below: LAST },
    );
    const ids = keys.map((key) => [tenant, runOfListKey(key)]);
    const rows = await readRows(
      database,
      Row,
      `SELECT *, id[1] AS id_text FROM $ids.map(|$id| type::record('dead_letter', $id)) WHERE status = $status
        AND ($kind = NONE OR kind = $kind) AND ($run_id = NONE OR run_id = $run_id) ORDER BY list_key`,
      { ids, status, kind, run_id: runId },
    );
    found.push(...rows);
    const last = keys.at(-1);
    if (found.length >= atLeast || last === undefined || keys.length < CHUNK) return found;
    above = last;
  }
}

function summaryOf(row: z.infer<typeof Row>): DeadLetterSummary {
  return {
    id: row.id_text,
    kind: row.kind,
    status: row.status,
    runId: row.run_id ?? null,
    subject: row.subject,
    reason: row.reason,
    errorCode: row.error_code ?? null,
    canRetry: row.retry_with !== undefined,
    createdAt: row.created_at.toISOString(),
    resolvedAt: iso(row.resolved_at),
  };
}

const COUNT = `SELECT id AS record, record::id(id) AS key, type::record('dead_letter', [id[0], string::slice(<string> id[2], 14)]).kind AS kind
  FROM type::record('dead_letter_list', $after>..[$tenant, 'OPEN', ..]) LIMIT $limit`;

/**
 * How many letters of all tenants are open, by kind; not more than `most` of each tenant are looked at.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function countOpenLetters(
  database: Database,
  most: number,
): Promise<ReadonlyMap<DeadLetterKind, number>> {
  const counts = new Map<DeadLetterKind, number>(DeadLetterKind.options.map((kind) => [kind, 0]));
  const shape = z.object({ kind: DeadLetterKind });
  for (const tenant of await listTenants(database, 'dead_letter_list')) {
    let after: Cursor | undefined = [tenant, 'OPEN'];
    for (let looked = 0; looked < most && after !== undefined; looked += CHUNK) {
      const { items, next }: Batch<z.output<typeof shape>> = await readBatch(database, shape, COUNT, {
        ...{ tenant, after, limit: CHUNK },
      });
      for (const { kind } of items) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      after = next;
    }
  }
  return counts;
}

/** One letter, with the acts of operators. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function getDeadLetter(
  database: Database,
  tenant: string,
  id: string,
): Promise<DeadLetterView | undefined> {
  const row = await read(
    database,
    Row.optional(),
    `SELECT *, id[1] AS id_text FROM ONLY type::record('dead_letter', [$tenant, $id])`,
    { tenant, id },
  );
  if (row === undefined) return undefined;
  const decode = await loadJson(database, tenant, 'dead-letter', [row.retry_with, row.body]);
  const body = decode(row.body);
  return {
    ...summaryOf(row),
    retryWith: decode(row.retry_with) ?? null,
    body: typeof body === 'string' ? body : null,
    acts: row.acts.map((act) => DeadLetterAct.parse(JSON.parse(act))),
  };
}

/** Whether a row of the outbox still exists. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function hasOutbox(database: Database, key: readonly (string | number)[]): Promise<boolean> {
  return read(database, z.boolean(), `RETURN record::exists(type::record('outbox', $key))`, {
    key: [...key],
  });
}

/**
 * What the row of a letter's run says of it; undefined: there is no row any more.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function runStatus(
  database: Database,
  tenant: string,
  runId: string,
): Promise<string | undefined> {
  return read(
    database,
    z.string().optional(),
    `RETURN SELECT VALUE status FROM ONLY type::record('run', [$tenant, $runId])`,
    { tenant, runId },
  );
}
