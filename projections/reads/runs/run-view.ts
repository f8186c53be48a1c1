/** A run's row as a reader sees it. */
import { z } from 'zod';
import { RunError } from '../../../contracts/errors.js';
import { JsonValue, type Json } from '../../../contracts/json.js';
import { RunStatus, type RunRef } from '../../../contracts/run/run.js';
import type { Decode } from '../../log/texts.js';

/** Columns of a run in a list; excludes its payload and result. */
export const RunColumns = z.object({
  tenant: z.string(),
  run_id: z.string(),
  workflow_id: z.string(),
  definition: z.string(),
  definition_version: z.number(),
  status: RunStatus,
  state: z.string().optional(),
  actor: z.string().optional(),
  parent_run_id: z.string().optional(),
  parent_workflow_id: z.string().optional(),
  root_run_id: z.string().optional(),
  root_workflow_id: z.string().optional(),
  rerun_of_run_id: z.string().optional(),
  rerun_of_workflow_id: z.string().optional(),
  correlation_keys: z.array(z.string()).optional(),
  error_code: z.string().optional(),
  started_at: z.date(),
  ended_at: z.date().optional(),
  cancel_requested_at: z.date().optional(),
  erased_at: z.date().optional(),
  list_key: z.string(),
});
export type RunColumns = z.infer<typeof RunColumns>;

export const FullRunColumns = RunColumns.extend({
  definition_hash: z.string().optional(),
  semantics: z.number().optional(),
  environment: z.string().optional(),
  region: z.string().optional(),
  release: z.string().optional(),
  payload: z.string().optional(),
  trigger: z.string().optional(),
  result: z.string().optional(),
  error: z.string().optional(),
  cancel_reason: z.string().optional(),
});
type FullRunColumns = z.infer<typeof FullRunColumns>;

/** One run in a list. Times are ISO instants. */
export interface RunSummary {
  readonly runId: string;
  readonly workflowId: string;
  readonly tenant: string;
  readonly definition: string;
  readonly version: number;
  readonly status: RunStatus;
  /** The business state that the definition set last; null before the first. */
  readonly state: string | null;
  readonly actor: string | null;
  readonly parent: RunRef | null;
  readonly root: RunRef | null;
  /** The run of which this one is a re-run. */
  readonly rerunOf: RunRef | null;
  readonly correlationKeys: readonly string[];
  readonly errorCode: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly cancelRequestedAt: string | null;
  /** When its values were erased; null: they were not. */
  readonly erasedAt: string | null;
}

/** One run in full. */
export interface RunView extends RunSummary {
  /** SHA-256 of the pinned source; null until the run's first event is known. */
  readonly definitionHash: string | null;
  readonly semantics: number | null;
  readonly system: { readonly environment: string; readonly region: string; readonly release: string } | null;
  readonly payload: Json;
  readonly trigger: Json;
  readonly result: Json;
  readonly error: RunError | null;
  readonly cancelReason: string | null;
}

export function toSummary(row: RunColumns): RunSummary {
  return {
    runId: row.run_id,
    workflowId: row.workflow_id,
    tenant: row.tenant,
    definition: row.definition,
    version: row.definition_version,
    status: row.status,
    state: row.state ?? null,
    actor: row.actor ?? null,
    parent: reference(row.parent_run_id, row.parent_workflow_id),
    root: reference(row.root_run_id, row.root_workflow_id),
    rerunOf: reference(row.rerun_of_run_id, row.rerun_of_workflow_id),
    correlationKeys: row.correlation_keys ?? [],
    errorCode: row.error_code ?? null,
    startedAt: row.started_at.toISOString(),
    endedAt: iso(row.ended_at),
    cancelRequestedAt: iso(row.cancel_requested_at),
    erasedAt: iso(row.erased_at),
  };
}

export function toRunView(row: FullRunColumns, decode: Decode): RunView {
  const { environment, region, release } = row;
  return {
    ...toSummary(row),
    definitionHash: row.definition_hash ?? null,
    semantics: row.semantics ?? null,
    system:
      environment === undefined || region === undefined || release === undefined
        ? null
        : { environment, region, release },
    payload: decode(row.payload) ?? null,
    trigger: decode(row.trigger) ?? null,
    result: decode(row.result) ?? null,
    error: row.error === undefined ? null : RunError.parse(JsonValue.parse(decode(row.error))),
    cancelReason: row.cancel_reason ?? null,
  };
}

export function iso(time: Date | undefined): string | null {
  return time?.toISOString() ?? null;
}

function reference(runId: string | undefined, workflowId: string | undefined): RunRef | null {
  return runId === undefined || workflowId === undefined ? null : { runId, workflowId };
}
