/** The derived rows of a run, for a comparison before and after a rebuild. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Database } from '../connection/connection.js';
import type { RunKey } from '../log/keys.js';
import { read } from '../connection/read.js';

/**
 * A row that differs from the log. `before` or `after` is undefined where the row did not exist or no
 * longer exists.
 */
export interface RowDifference {
  readonly table: string;
  readonly key: string;
  readonly before: Readonly<Record<string, unknown>> | undefined;
  readonly after: Readonly<Record<string, unknown>> | undefined;
}

const Row = z.record(z.string(), z.unknown());
type Rows = ReadonlyMap<string, { readonly table: string; readonly row: z.infer<typeof Row> }>;

/** The rows of a run that its log produces, without the counters of commits. */
export async function derivedRows(database: Database, run: RunKey): Promise<Rows> {
  const rows = new Map<string, { readonly table: string; readonly row: z.infer<typeof Row> }>();
  for (const table of ['run', 'run_head', 'step', 'wait']) {
    const found = await read(
      database,
      z.array(Row),
      `SELECT * OMIT revision FROM ${table}:[$tenant, $runId]..[$tenant, $runId, ..]`,
      { ...run },
    );
    for (const row of found) rows.set(`${table}:${JSON.stringify(row['id'])}`, { table, row });
  }
  return rows;
}

/** Rows that differ between the two. */
export function differences(before: Rows, after: Rows): readonly RowDifference[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].flatMap((key) => {
    const [old, now] = [before.get(key), after.get(key)];
    if (isDeepStrictEqual(old?.row, now?.row)) return [];
    return [{ table: (now ?? old)?.table ?? '', key, before: old?.row, after: now?.row }];
  });
}
