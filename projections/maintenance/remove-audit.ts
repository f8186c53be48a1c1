/**
 * Retention of the audit: removes the rows of acts that began before a time.
 *
 * Invariants
 * - A row goes together with its entries in the lists of what it was on, in one transaction.
 * - The row of an act that may be under way stays. One without an end is taken for such for a day; after that
 *   its process has died. So a row that goes gets no further entries.
 * - A row that cannot be read stays, and so does what it was on.
 */
import { z } from 'zod';
import { listKey } from '../log/keys.js';
import type { Database } from '../connection/connection.js';
import { read, readReadable, readRows } from '../connection/read.js';
import { viewRows } from '../connection/page.js';
import { commit, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { SHOWN } from '../writers/audit.js';
import { listTenants } from '../log/tenants.js';
import { type Prunable, Sample, sizeOf } from './sample.js';

export interface AuditRetentionRequest {
  /** Rows of acts that began before this instant are removed. */
  readonly begunBefore: Date;
  /** Rows that one call removes at most. */
  readonly limit: number;
}

/** Rows that one transaction removes at most. */
const PAGE = 100;
/** Rows that one read counts at most. */
const COUNTED = 1_000;
/** Age from which an act without an end counts as dead, ms. */
const DEAD_MS = 86_400_000;

const REMOVE: readonly Statement[] = [
  {
    label: 'audit_on.remove',
    text: `FOR $entry IN $entries { DELETE type::record('audit_on', [$tenant, $entry[0], $entry[1]]) RETURN NONE }`,
  },
  {
    label: 'audit.remove',
    text: `FOR $place IN $places { DELETE type::record('audit', [$tenant, $place]) RETURN NONE }`,
  },
];

const Row = z.object({ place: z.string(), on: z.array(z.string()), stays: z.boolean() });
const Placed = Row.pick({ place: true });
const Entry = z.tuple([z.string(), z.string()]);

/**
 * @returns how many rows were removed; fewer than `limit` means that none is left
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function removeAudit(writer: Writer, request: AuditRetentionRequest): Promise<number> {
  let removed = 0;
  for (const tenant of await listTenants(writer.database, 'audit')) {
    removed += await removeOf(writer, tenant, { ...request, limit: request.limit - removed });
    if (removed >= request.limit) return removed;
  }
  return removed;
}

/** The size of a row, without its lists. */
const SIZE = `RETURN ${sizeOf("type::record('audit', $key)")}`;

/**
 * Counts and measures the rows that {@link removeAudit} would look at; it keeps those of acts that may be
 * under way.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function countAudit(database: Database, begunBefore: Date): Promise<Prunable> {
  const sample = new Sample<readonly string[]>();
  for (const tenant of await listTenants(database, 'audit')) {
    for (let above = newestOf(begunBefore); ;) {
      const places = await read(
        database,
        z.array(z.string()),
        `SELECT VALUE id[1] FROM audit:[$tenant, $above]>..[$tenant, ..] LIMIT $limit`,
        { tenant, above, limit: COUNTED },
      );
      sample.add(places.map((place) => [tenant, place]));
      const last = places.at(-1);
      if (last === undefined) break;
      above = last;
    }
  }
  return sample.measure(database, SIZE);
}

async function removeOf(
  { database, faults }: Writer,
  tenant: string,
  { begunBefore, limit }: AuditRetentionRequest,
): Promise<number> {
  let removed = 0;
  let above = newestOf(begunBefore);
  while (removed < limit) {
    const rows = await readRows(
      database,
      Row,
      `SELECT id, id[1] AS place, on, ended_at = NONE AND at >= $dead AS stays FROM audit:[$tenant, $above]>..[$tenant, ..] LIMIT $limit`,
      { tenant, above, dead: new Date(Date.now() - DEAD_MS), limit: Math.min(limit - removed, PAGE) },
    );
    const last = Placed.safeParse(rows.at(-1)?.raw);
    if (!last.success) break;
    above = last.data.place;
    const old = viewRows(rows, (row) => row).items.filter(({ stays }) => !stays);
    if (old.length === 0) continue;
    const entries = old.flatMap(({ place, on }) => on.map((thing) => [thing, place]));
    entries.push(...(await furtherEntries(database, tenant, old)));
    await commit(database, REMOVE, { tenant, entries, places: old.map(({ place }) => place) }, faults);
    removed += old.length;
  }
  return removed;
}

/**
 * The list entries of rows that may have more of them than they show. Only a bulk act has so many; they
 * are searched in all lists of the tenant, once for all rows.
 */
async function furtherEntries(
  database: Database,
  tenant: string,
  rows: readonly z.infer<typeof Row>[],
): Promise<readonly z.infer<typeof Entry>[]> {
  const places = rows.filter(({ on }) => on.length >= SHOWN).map(({ place }) => place);
  if (places.length === 0) return [];
  const found = await readReadable(
    database,
    z.object({ entry: Entry }),
    `SELECT id, [id[1], id[2]] AS entry FROM audit_on:[$tenant]..[$tenant, ..] WHERE id[2] IN $places`,
    { tenant, places },
  );
  return found.map(({ entry }) => entry);
}

/** The list has the newest first: rows of before the time are above this key. */
function newestOf(time: Date): string {
  return listKey(time, '\u{10ffff}');
}
