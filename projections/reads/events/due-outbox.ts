/**
 * The events that the relay has to send.
 *
 * A row that cannot be read is left out. It leaves a gap among its run's positions, so the relay holds back
 * what the run published after it, and sends what other runs published.
 */
import { z } from 'zod';
import type { Json } from '../../../contracts/json.js';
import type { Database } from '../../connection/connection.js';
import { viewRows } from '../../connection/page.js';
import { cursorAfter, readRows, type Batch, type Cursor } from '../../connection/read.js';
import { loadJson, type Decode } from '../../log/texts.js';

const Key = z.tuple([z.string(), z.string(), z.number(), z.number(), z.string()]);
const Row = z.object({
  key: Key,
  envelope: z.string(),
  attempts: z.number(),
  sent: z.number().nullish(),
  created_at: z.date(),
});
type Row = z.infer<typeof Row>;

/** A published event that is not on the bus yet. */
export interface OutboxRow {
  /** [tenant, run id, position, seq, event id] */
  readonly key: z.infer<typeof Key>;
  /** The envelope for the bus. */
  readonly envelope: Json;
  /** How often sending it has failed. */
  readonly attempts: number;
  /** The run's position that was sent last; 0 before the first. */
  readonly sent: number;
  readonly createdAt: Date;
}

/** Rows of the outbox, those of one run after the other. */
export interface DueOutbox extends Batch<OutboxRow> {
  /** When each row that cannot be read was written; undefined where not even that can be read. */
  readonly unreadable: readonly (Date | undefined)[];
}

const OUTBOX = `type::record('outbox', record::id(id))`;
const DUE = `SELECT id AS record, record::id(id) AS key, ${OUTBOX}.envelope AS envelope, ${OUTBOX}.attempts AS attempts, ${OUTBOX}.created_at AS created_at,
    type::record('outbox_head', [id[0], id[1]]).sent AS sent
  FROM type::record('outbox_due', $after>..) LIMIT $limit`;

const Written = z.object({ created_at: z.date() });

/**
 * @param after `next` of the part before; undefined for the first part
 * @returns each run's rows in order of position
 */
export async function dueOutbox(
  database: Database,
  after: Cursor | undefined,
  limit: number,
): Promise<DueOutbox> {
  const rows = await readRows(database, Row, DUE, { after: after ?? [], limit });
  const runs = new Map<string, (typeof rows)[number][]>();
  for (const listed of rows) {
    const run = JSON.stringify(listed.row?.key.slice(0, 2) ?? null);
    runs.set(run, [...(runs.get(run) ?? []), listed]);
  }
  const items: OutboxRow[] = [];
  const unreadable: (Date | undefined)[] = [];
  for (const rowsOfRun of runs.values()) {
    const [tenant = '', runId = ''] = rowsOfRun[0]?.row?.key ?? [];
    const columns = rowsOfRun.map(({ row }) => row?.envelope);
    const decode = await loadJson(database, tenant, runId, columns);
    for (const listed of rowsOfRun) {
      const { items: read } = viewRows([listed], (row) => toDue(row, decode));
      if (read.length === 0) unreadable.push(Written.safeParse(listed.raw).data?.created_at);
      items.push(...read);
    }
  }
  return { items, unreadable, next: cursorAfter(rows, limit) };
}

function toDue({ key, envelope, attempts, sent, created_at: createdAt }: Row, decode: Decode): OutboxRow {
  return { key, envelope: decode(envelope) ?? null, attempts, sent: sent ?? 0, createdAt };
}
