/**
 * A fresh run from what another one was started with.
 *
 * Invariants
 * - Payload: the original one, unless another is asked for. Definition: the version that the source was pinned to,
 *   though it has been taken back or a newer one is published since.
 * - The new run says which run it repeats, in its memo, its first event and its row; what had caused the source
 *   (`meta.trigger`) and its correlation keys are its own as well. It has no parent: nobody waits for it.
 * - The source is not touched. One that is open is refused, unless both may run at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { calling } from '../connection/errors.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { TERMINAL_RUN_STATUSES, type RunRef } from '../../contracts/run/run.js';
import type { RunView } from '../../projections/index.js';
import type { StartedRun, StartOptions } from '../connection/options.js';
import { findRun, type OfTenant, type RunContext } from './context.js';
import { latestOf } from './executions.js';
import { originalStart } from './original-start.js';

/** How long a run may take to end whose row says that it has, and how often that is looked at, ms. */
const ENDING_LIMIT_MS = 3_000;
const ENDING_INTERVAL_MS = 50;

export interface RerunOptions extends OfTenant {
  /** Who does it, for the audit; the new run acts for it. Default: the client's. */
  readonly actor?: string | undefined;
  /** In place of the original one. */
  readonly payload?: Json | undefined;
  /** Default `<definition id>/<uuid v7>`. */
  readonly workflowId?: string | undefined;
  /** Where a run with that id is open, or closed; as in `client.start`. */
  readonly onConflict?: StartOptions['onConflict'];
  readonly reuse?: StartOptions['reuse'];
  /** True: the source may be open. */
  readonly whileOpen?: boolean | undefined;
}

export interface RerunRun extends StartedRun {
  /** The run that it repeats. */
  readonly rerunOf: RunRef;
}

/**
 * Starts it.
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
  const { payload, trigger, correlationKeys } = await originalStart(context, run, options.payload);
  const rerunOf = { runId, workflowId: run.workflowId };
  const started = await context.start(run.definition, payload, {
    tenant: run.tenant,
    version: run.version,
    rerunOf,
    correlationKeys,
    ...(trigger !== undefined && { trigger }),
    ...(options.actor !== undefined && { actor: options.actor }),
    ...(options.workflowId !== undefined && { workflowId: options.workflowId }),
    ...(options.onConflict !== undefined && { onConflict: options.onConflict }),
    ...(options.reuse !== undefined && { reuse: options.reuse }),
  });
  return { ...started, rerunOf };
}

async function mustBeClosed(context: RunContext, { workflowId, runId, status }: RunView): Promise<void> {
  // The last commit of a run comes just before its end: who has read that it ended need not be told that it has not.
  const patience = TERMINAL_RUN_STATUSES.includes(status) ? ENDING_LIMIT_MS : 0;
  for (const deadline = Date.now() + patience; ;) {
    const latest = await calling({ ...context.call, workflowId, needsWorker: false }, () =>
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
