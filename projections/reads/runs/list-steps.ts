/** The timeline of a run: its step executions in the order in which they began. */
import { z } from 'zod';
import { compensatedStep } from '../../../contracts/run/compensation.js';
import { RunError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import { StepStatus } from '../../../contracts/run/run.js';
import type { Database } from '../../connection/connection.js';
import { readRows } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import { numberCursor, pageLimit, toListPage, type Page, type PageRequest } from '../../connection/page.js';
import { iso } from './run-view.js';

const Row = z.object({
  path: z.string(),
  iteration: z.array(z.number()),
  attempt: z.number(),
  step_id: z.string().optional(),
  kind: z.string().optional(),
  name: z.string().optional(),
  action: z.string().optional(),
  action_version: z.number().optional(),
  idempotency_key: z.string().optional(),
  input: z.string().optional(),
  status: StepStatus,
  output: z.string().optional(),
  error: z.string().optional(),
  continued: z.boolean().optional(),
  next_at: z.date().optional(),
  started_at: z.date().optional(),
  ended_at: z.date().optional(),
  opened_seq: z.number(),
});

/** One execution of a step. Times are ISO instants. */
export interface StepView {
  readonly path: string;
  readonly iteration: readonly number[];
  readonly attempt: number;
  /** For a compensation: path of the step that it compensates, in the same iteration; else null. */
  readonly undoes: string | null;
  readonly id: string | null;
  readonly kind: string | null;
  readonly name: string | null;
  readonly action: string | null;
  readonly actionVersion: number | null;
  readonly idempotencyKey: string | null;
  readonly status: StepStatus;
  /** Input and output are redacted, shortened summaries. */
  readonly input: Json;
  readonly output: Json;
  readonly error: RunError | null;
  /** True: the step failed, and its `onError` let the run go on. */
  readonly continued: boolean;
  /** When the next attempt is due, for a step that is RETRYING. */
  readonly nextAt: string | null;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

/** The statement of a page. It reads the rows of this run only. */
const LIST_STEPS = `SELECT *, id[2] AS path, id[3] AS iteration, id[4] AS attempt FROM step:[$tenant, $runId]..[$tenant, $runId, ..]
  WHERE opened_seq > $after ORDER BY opened_seq LIMIT $limit`;

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function listSteps(
  database: Database,
  tenant: string,
  runId: string,
  page: PageRequest = {},
): Promise<Page<StepView>> {
  const limit = pageLimit(page);
  const rows = await readRows(database, Row, LIST_STEPS, {
    tenant,
    runId,
    after: numberCursor(page.after),
    limit: limit + 1,
  });
  const texts = rows.flatMap(({ row }) => [row?.input, row?.output, row?.error]);
  const decode = await loadJson(database, tenant, runId, texts);
  return toListPage(
    rows,
    limit,
    (row) => String(row.opened_seq),
    (row) => ({
      path: row.path,
      iteration: row.iteration,
      attempt: row.attempt,
      undoes: compensatedStep(row.path) ?? null,
      id: row.step_id ?? null,
      kind: row.kind ?? null,
      name: row.name ?? null,
      action: row.action ?? null,
      actionVersion: row.action_version ?? null,
      idempotencyKey: row.idempotency_key ?? null,
      status: row.status,
      input: decode(row.input) ?? null,
      output: decode(row.output) ?? null,
      error: row.error === undefined ? null : RunError.parse(decode(row.error)),
      continued: row.continued ?? false,
      nextAt: iso(row.next_at),
      startedAt: iso(row.started_at),
      endedAt: iso(row.ended_at),
    }),
  );
}
