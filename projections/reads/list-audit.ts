/** Audit rows of a tenant, or of one thing, newest first. */
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import { readRows } from '../connection/read.js';
import { notAnEnd, pageLimit, toListPage, type Page, type PageRequest } from '../connection/page.js';

export interface AuditFilter {
  /** What the act was on, such as `run:ID`. */
  readonly on?: string | undefined;
}

/** Who did what. */
export interface AuditView {
  /** ISO instant. */
  readonly at: string;
  /** Who vouches for the name: `key`, `jwt`, or `off` where authentication is off. */
  readonly kind: string;
  readonly issuer: string | null;
  readonly subject: string;
  readonly act: string;
  readonly on: readonly string[];
  readonly requestId: string;
  /** `unknown`: it is under way, its process died, or the answer of a service was lost. */
  readonly outcome: 'done' | 'refused' | 'failed' | 'unknown';
  readonly code: string | null;
  readonly endedAt: string | null;
}

const Row = z.object({
  place: z.string(),
  row: z.object({
    at: z.date(),
    kind: z.string(),
    issuer: z.string().optional(),
    subject: z.string(),
    act: z.string(),
    on: z.array(z.string()),
    request_id: z.string(),
    outcome: z.enum(['done', 'refused', 'failed', 'unknown']).optional(),
    code: z.string().optional(),
    ended_at: z.date().optional(),
  }),
});

const ALL = `SELECT id AS record, id[1] AS place, $this AS row FROM audit:[$tenant, $after]>..[$tenant, ..] LIMIT $limit`;
const ON = `SELECT id AS record, id[2] AS place, (SELECT * FROM ONLY type::record('audit', [$tenant, $parent.id[2]])) AS row
  FROM audit_on:[$tenant, $on, $after]>..[$tenant, $on, ..] LIMIT $limit`;

/** A cursor is the key of a list: digits of an instant and the id of a request. */
const CURSOR = /^\d{13}-.{1,256}$/;

/**
 * @param page `after` is `next` of the page before
 * @throws SluiceError INPUT_INVALID where `after` is not such a value; DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function listAudit(
  database: Database,
  tenant: string,
  { on }: AuditFilter = {},
  page: PageRequest = {},
): Promise<Page<AuditView>> {
  const limit = pageLimit(page);
  const { after = '' } = page;
  if (after !== '' && !CURSOR.test(after)) throw notAnEnd(after);
  const rows = await readRows(database, Row, on === undefined ? ALL : ON, {
    ...{ tenant, on, after, limit: limit + 1 },
  });
  return toListPage(
    rows,
    limit,
    ({ place }) => place,
    ({ row: { at, issuer, outcome, code, request_id: requestId, ended_at: endedAt, ...row } }) => ({
      ...row,
      at: at.toISOString(),
      issuer: issuer ?? null,
      requestId,
      outcome: outcome ?? 'unknown',
      code: code ?? null,
      endedAt: endedAt?.toISOString() ?? null,
    }),
  );
}
