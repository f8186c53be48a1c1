/** Policy decisions about the actions of a run. */
import { z } from 'zod';
import type { Json } from '../../../contracts/json.js';
import type { Database } from '../../connection/connection.js';
import { readRows } from '../../connection/read.js';
import {
  notAnEnd,
  pageLimit,
  toListPage,
  viewRows,
  type Page,
  type PageRequest,
} from '../../connection/page.js';

const Row = z.object({
  path: z.string(),
  iteration: z.array(z.number()),
  attempt: z.number(),
  kind: z.string(),
  actor: z.string(),
  decision: z.string(),
  body: z.string().optional(),
  at: z.date(),
});
type Row = z.infer<typeof Row>;

export interface EvidenceView {
  readonly path: string;
  readonly iteration: readonly number[];
  readonly attempt: number;
  readonly kind: string;
  /** The actor for whom the run acted. */
  readonly actor: string;
  readonly decision: string;
  readonly body: Json;
  /** ISO instant. */
  readonly at: string;
}

const COLUMNS = '*, id[2] AS path, id[3] AS iteration, id[4] AS attempt';

const LIST_EVIDENCE = `SELECT ${COLUMNS} FROM evidence:[$tenant, $runId]..[$tenant, $runId, ..]`;

/** The statement of a page; the order of keys is the order of the page. */
const PAGE_EVIDENCE = `SELECT ${COLUMNS} FROM type::record('evidence', $above>..[$tenant, $runId, ..]) LIMIT $limit`;

/**
 * The evidence of a run that can be read, by step path, iteration and attempt.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function listEvidence(
  database: Database,
  tenant: string,
  runId: string,
): Promise<readonly EvidenceView[]> {
  return viewRows(await readRows(database, Row, LIST_EVIDENCE, { tenant, runId }), toView).items;
}

const Cursor = z.tuple([z.string(), z.array(z.number()), z.number(), z.string()]);

/**
 * One page of the evidence.
 * @throws SluiceError INPUT_INVALID where `after` is not the `next` of a page; DATABASE_UNAVAILABLE,
 *   DATABASE_FAILED
 */
export async function pageEvidence(
  database: Database,
  tenant: string,
  runId: string,
  page: PageRequest = {},
): Promise<Page<EvidenceView>> {
  const limit = pageLimit(page);
  const rows = await readRows(database, Row, PAGE_EVIDENCE, {
    tenant,
    runId,
    above: [tenant, runId, ...(page.after === undefined ? [] : placeOf(page.after))],
    limit: limit + 1,
  });
  const cursor = ({ path, iteration, attempt, kind }: Row) =>
    JSON.stringify([path, iteration, attempt, kind]);
  return toListPage(rows, limit, (row) => Buffer.from(cursor(row)).toString('base64url'), toView);
}

function placeOf(cursor: string): z.infer<typeof Cursor> {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (error) {
    throw notAnEnd(cursor, error);
  }
}

function toView({ path, iteration, attempt, kind, actor, decision, body, at }: Row): EvidenceView {
  return {
    path,
    iteration,
    attempt,
    kind,
    actor,
    decision,
    body: body === undefined ? null : (JSON.parse(body) as Json),
    at: at.toISOString(),
  };
}
