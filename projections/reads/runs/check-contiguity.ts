/** Whether a run's live log has every `seq` from 1 to its last, once. */
import { z } from 'zod';
import type { Database } from '../../connection/connection.js';
import { readReadable } from '../../connection/read.js';

export interface Contiguity {
  readonly lastSeq: number;
  /** Ranges of `seq` that no live event has; both ends are included. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  /** Each `seq` that more than one live event has. */
  readonly doubled: readonly number[];
}

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function checkContiguity(
  database: Database,
  tenant: string,
  runId: string,
): Promise<Contiguity> {
  const found = await readReadable(
    database,
    z.object({ seq: z.number() }),
    `SELECT id, id[2] AS seq FROM run_event:[$tenant, $runId]..[$tenant, $runId, ..] WHERE superseded = NONE`,
    { tenant, runId },
  );
  const gaps: { from: number; to: number }[] = [];
  const doubled: number[] = [];
  let last = 0;
  for (const seq of found.map((row) => row.seq).sort((a, b) => a - b)) {
    if (seq === last) doubled.push(seq);
    else if (seq > last + 1) gaps.push({ from: last + 1, to: seq - 1 });
    last = seq;
  }
  return { lastSeq: last, gaps, doubled };
}
