/** The events that the relay has to send. */
import { z } from 'zod';
import type { Json } from '../../../contracts/json.js';
import type { Database } from '../../connection/connection.js';
import { read } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';

const Key = z.tuple([z.string(), z.string(), z.number(), z.number(), z.string()]);
const Row = z.object({ key: Key, envelope: z.string(), attempts: z.number(), sent: z.number().nullish() });

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
}

const DUE = `SELECT record::id(id) AS key, type::record('outbox', record::id(id)).envelope AS envelope, type::record('outbox', record::id(id)).attempts AS attempts,
    type::record('outbox_head', [id[0], id[1]]).sent AS sent
  FROM outbox_due:[$after]..  LIMIT $limit`;

/**
 * @param after key of the last row of the page before; undefined for the first page
 * @returns the rows of one run after the other, each run's in order of position
 */
export async function dueOutbox(
  database: Database,
  after: readonly unknown[] | undefined,
  limit: number,
): Promise<readonly OutboxRow[]> {
  const text =
    after === undefined
      ? DUE.replace('outbox_due:[$after]..', 'outbox_due')
      : DUE.replace(
          'outbox_due:[$after]..',
          'outbox_due:[$after[0], $after[1], $after[2], $after[3], $after[4]]>..',
        );
  const rows = await read(database, z.array(Row), text, { after, limit });
  const runs = new Map<string, (typeof rows)[number][]>();
  for (const row of rows) {
    const run = JSON.stringify(row.key.slice(0, 2));
    runs.set(run, [...(runs.get(run) ?? []), row]);
  }
  const due: OutboxRow[] = [];
  for (const rowsOfRun of runs.values()) {
    const [tenant, runId] = rowsOfRun[0]?.key ?? ['', ''];
    const columns = rowsOfRun.map(({ envelope }) => envelope);
    const decode = await loadJson(database, tenant, runId, columns);
    for (const { key, envelope, attempts, sent } of rowsOfRun) {
      due.push({ key, envelope: decode(envelope) ?? null, attempts, sent: sent ?? 0 });
    }
  }
  return due;
}
