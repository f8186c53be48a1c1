/** What the ledger knows of a run's actions. */
import { z } from 'zod';
import { RecordId } from 'surrealdb';
import { RunError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import type { Database } from '../connection.js';
import { read } from '../read.js';
import { loadJson } from '../texts.js';
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

/** One use of an action, by its idempotency key. Times are ISO instants. */
export interface InvocationView {
  readonly idempotencyKey: string;
  readonly action: string;
  readonly actionVersion: number;
  readonly path: string;
  readonly stepId: string;
  readonly iteration: readonly number[];
  /** The author's attempt that used it last. */
  readonly attempt: number;
  readonly status: 'STARTED' | 'SUCCEEDED' | 'FAILED';
  readonly input: Json;
  readonly output: Json;
  readonly artifacts: readonly string[];
  readonly error: RunError | null;
  /** How many times it was begun. */
  readonly attempts: number;
  /** True: it ran as a local activity, and its step's outcome came with the log alone. */
  readonly local: boolean;
  readonly lease: { readonly holder: string; readonly until: string } | null;
  readonly startedAt: string;
  readonly finishedAt: string | null;
}

/** The statement that finds the ledger keys of a run. */
const LIST_INVOCATIONS = `SELECT VALUE id[2] FROM run_invocation:[$tenant, $runId]..[$tenant, $runId, ..]`;

/** In the order in which they were begun. @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listInvocations(
  database: Database,
  tenant: string,
  runId: string,
): Promise<readonly InvocationView[]> {
  const keys = await read(database, z.array(z.string()), LIST_INVOCATIONS, { tenant, runId });
  const ids = keys.map((key) => new RecordId('action_invocation', [tenant, key]));
  const rows =
    ids.length === 0
      ? []
      : await read(database, z.array(Row), 'SELECT *, id[1] AS idempotency_key FROM $ids', { ids });
  const decode = await loadJson(
    database,
    tenant,
    runId,
    rows.flatMap((row) => [row.input, row.output, row.error]),
  );
  return rows
    .sort((a, b) => a.started_at.getTime() - b.started_at.getTime())
    .map((row) => ({
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
    }));
}
