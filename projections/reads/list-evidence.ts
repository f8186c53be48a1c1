/** What let the writes of a run happen, or kept them from it. */
import { z } from 'zod';
import type { Json } from '../../contracts/json.js';
import type { Database } from '../connection.js';
import { read } from '../read.js';

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

export interface EvidenceView {
  readonly path: string;
  readonly iteration: readonly number[];
  readonly attempt: number;
  readonly kind: string;
  /** For whom the run acted. */
  readonly actor: string;
  readonly decision: string;
  readonly body: Json;
  /** ISO instant. */
  readonly at: string;
}

/** The statement. */
const LIST_EVIDENCE = `SELECT *, id[2] AS path, id[3] AS iteration, id[4] AS attempt FROM evidence:[$tenant, $runId]..[$tenant, $runId, ..]`;

/** By step path, iteration and attempt. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listEvidence(
  database: Database,
  tenant: string,
  runId: string,
): Promise<readonly EvidenceView[]> {
  const rows = await read(database, z.array(Row), LIST_EVIDENCE, { tenant, runId });
  return rows.map(({ path, iteration, attempt, kind, actor, decision, body, at }) => ({
    path,
    iteration,
    attempt,
    kind,
    actor,
    decision,
    body: body === undefined ? null : (JSON.parse(body) as Json),
    at: at.toISOString(),
  }));
}
