/**
 * A run that was refused before it began: an unknown definition, a payload that does not fit, and the like.
 *
 * Invariant: each run that Temporal knows has a row, which lists show, so its only run event is committed
 * before it ends. Its row has the version that was asked for or found, or NO_VERSION, and no payload.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  patched,
  scheduleActivity,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunError } from '../../../contracts/errors.js';
import { CLAIM_MEMO } from '../../../contracts/naming/claims.js';
import { ActionFailureDetails, type FlushRequest } from '../../../contracts/run/activity.js';
import { ACTIVITY_TYPES, StartMemo, TenantId } from '../../../contracts/run/messages.js';
import { NO_VERSION } from '../../../contracts/run/run.js';
import { claimsAreChecked, isProven } from '../../runtime/claims.js';
import { now } from '../../runtime/clock.js';
import { FLUSH_OPTIONS } from '../events/flusher.js';

const DEFAULT_TENANT = 'default';

/**
 * Commits the event that says why a run did not begin.
 * @param thrown what the start threw
 */
export async function recordRefusal(error: RunError, thrown: unknown): Promise<void> {
  const { firstExecutionRunId, workflowType, memo = {}, continuedFromExecutionRunId } = workflowInfo();
  // A run that has continued as new has a log already.
  if (continuedFromExecutionRunId !== undefined) return;
  // Before, such a run had no row.
  if (!patched('sluice-refused-run')) return;
  const request: FlushRequest = {
    run: {
      runId: firstExecutionRunId,
      tenant: tenantOf(memo),
      definition: workflowType,
      version: foundVersion(thrown) ?? StartMemo.shape.version.safeParse(memo['version']).data ?? NO_VERSION,
    },
    events: [{ seq: 1, at: now(), wave: 0, type: 'RUN_FAILED', data: { error } }],
  };
  try {
    await scheduleActivity(ACTIVITY_TYPES.flushEvents, [request], {
      ...FLUSH_OPTIONS,
      summary: 'commit 1 event',
    });
  } catch (failure) {
    // The database will never take it. The error is in Temporal, as before.
    if (!(failure instanceof ActivityFailure)) throw failure;
  }
}

/** The tenant that the start names; without a claim `default`: no stranger writes into a tenant's list. */
function tenantOf(memo: Record<string, unknown>): string {
  const unproven = claimsAreChecked() && !isProven(memo[CLAIM_MEMO], 'start', 'schedule');
  return unproven ? DEFAULT_TENANT : (TenantId.safeParse(memo['tenant']).data ?? DEFAULT_TENANT);
}

/** The version that the start found before it was refused. */
function foundVersion(thrown: unknown): number | undefined {
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  return ActionFailureDetails.safeParse(cause.details?.[0]).data?.version;
}
