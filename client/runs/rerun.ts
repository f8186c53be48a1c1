/**
 * Re-running: a new run with the input of another run, the source.
 *
 * Invariants
 * - Payload: the original one, unless the caller gives another. Definition: the version that the source was
 *   pinned to, even if it was unpublished or a newer one is published since.
 * - The new run names the source in its memo, its first event and its row. It has the source's trigger
 *   (`meta.trigger`) and correlation keys. It has no parent: no run waits for it.
 * - The source is not touched. An open source is refused, unless both may run at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { callTemporal } from '../connection/errors.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { rerunId } from '../../contracts/naming/workflow-id.js';
import { NO_VERSION, TERMINAL_RUN_STATUSES, type RunRef } from '../../contracts/run/run.js';
import type { RunView } from '../../projections/index.js';
import type { StartedRun, StartOptions } from '../connection/options.js';
import { findRun, type OfTenant, type RunContext } from './context.js';
import { latestOf } from './executions.js';
import { originalStart } from './original-start.js';

/** How long a run may take to close after its row says that it ended, and how often Temporal is asked, ms. */
const ENDING_LIMIT_MS = 3_000;
const ENDING_INTERVAL_MS = 50;

export interface RerunOptions extends OfTenant {
  /** Who acts, for the audit; also the actor of the new run. Default: the client's. */
  readonly actor?: string | undefined;
  /** Replaces the original payload. */
  readonly payload?: Json | undefined;
  /** Default `<definition id>/<uuid v7>`. */
  readonly workflowId?: string | undefined;
  /** What to do if a run with that id exists, as in `client.start`. */
  readonly onConflict?: StartOptions['onConflict'];
  readonly reuse?: StartOptions['reuse'];
  /** Without a `workflowId`: an operation starts at most one run under this id. */
  readonly operationId?: string | undefined;
  /** True: the source may be open. */
  readonly whileOpen?: boolean | undefined;
}

export interface RerunRun extends StartedRun {
  /** The source. */
  readonly rerunOf: RunRef;
}

/**
 * Re-runs a run.
 * @throws SluiceError RUN_NOT_FOUND, RUN_OPEN, RERUN_PAYLOAD_GONE, WORKFLOW_ALREADY_STARTED, INPUT_TOO_LARGE,
 *   TEMPORAL_UNAVAILABLE
 */
export async function rerunRun(
  context: RunContext,
  runId: string,
  options: RerunOptions = {},
): Promise<RerunRun> {
  const run = await findRun(context, runId, options);
  if (options.whileOpen !== true) await mustBeClosed(context, run);
  const { payload, trigger, correlationKeys, sluiceChain } = await originalStart(
    context,
    run,
    options.payload,
  );
  const rerunOf = { runId, workflowId: run.workflowId };
  const { operationId } = options;
  const made = operationId === undefined ? undefined : rerunId(run.definition, runId, operationId);
  const started = await context.start(run.definition, payload, {
    tenant: run.tenant,
    ...(run.version !== NO_VERSION && { version: run.version }),
    rerunOf,
    correlationKeys,
    ...(trigger !== undefined && { trigger }),
    ...(sluiceChain !== undefined && { sluiceChain }),
    ...(options.actor !== undefined && { actor: options.actor }),
    ...(made !== undefined && { workflowId: made, made: true, reuse: 'never' as const }),
    ...(options.workflowId !== undefined && { workflowId: options.workflowId, made: false }),
    ...(options.onConflict !== undefined && { onConflict: options.onConflict }),
    ...(options.reuse !== undefined && { reuse: options.reuse }),
  });
  return { ...started, rerunOf };
}

async function mustBeClosed(context: RunContext, { workflowId, runId, status }: RunView): Promise<void> {
  // A run's final commit precedes its close, so wait briefly before reporting a run whose row says it ended
  // as still open.
  const patience = TERMINAL_RUN_STATUSES.includes(status) ? ENDING_LIMIT_MS : 0;
  for (const deadline = Date.now() + patience; ;) {
    const latest = await callTemporal({ ...context.call, workflowId }, () =>
      latestOf(context.temporal, workflowId, runId),
    );
    if (latest?.open !== true) return;
    if (Date.now() >= deadline) break;
    await sleep(ENDING_INTERVAL_MS);
  }
  throw new SluiceError('RUN_OPEN', `Run ${runId} (${workflowId}) has not ended.`, {
    details: { runId, workflowId },
  });
}
