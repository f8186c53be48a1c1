/**
 * `sluice.publish`, `sluice.promote` and `sluice.unpublish`: publishing through Temporal, so that no client
 * needs access to the database.
 *
 * Invariant: what was begun is finished, however long the database or Temporal is away: nothing but a refusal
 * ends the activity. A caller that gives up before any worker took the workflow cancels it, and then nothing
 * is begun.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  scheduleActivity,
} from '@temporalio/workflow';
import { PutCalendarRequest } from '../contracts/calendar/pinned.js';
import { PromoteRequest, PublishRequest, UnpublishRequest } from '../contracts/run/activity.js';
import { SluiceError } from '../contracts/errors.js';
import { ACTIVITY_TYPES } from '../contracts/run/messages.js';
import { startFailure } from './interpreter/state/failure.js';

/**
 * Publishes one definition.
 * @param request a PublishRequest
 * @returns a PublishResult
 * @throws ApplicationFailure INPUT_INVALID, DEFINITION_INVALID, DEFINITION_CONFLICT, ACTION_NOT_FOUND …
 */
export async function runPublishDefinition(request: unknown): Promise<unknown> {
  const parsed = PublishRequest.safeParse(request);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw startFailure(new SluiceError('INPUT_INVALID', `No publish request: ${problems.join('; ')}`));
  }
  return await runOnce(ACTIVITY_TYPES.publishDefinition, parsed.data, 'publish');
}

/**
 * Makes a published version the one that a start takes.
 * @param request a PromoteRequest
 * @returns a PromoteResult
 * @throws ApplicationFailure INPUT_INVALID, DEFINITION_NOT_FOUND, ACTION_NOT_FOUND,
 * SCHEDULE_REFUSED …
 */
export async function runPromoteDefinition(request: unknown): Promise<unknown> {
  const parsed = PromoteRequest.safeParse(request);
  if (!parsed.success) throw startFailure(new SluiceError('INPUT_INVALID', 'No request to promote'));
  return await runOnce(ACTIVITY_TYPES.promoteDefinition, parsed.data, 'promote');
}

/**
 * Unpublishes a definition.
 * @param request an UnpublishRequest
 * @throws ApplicationFailure INPUT_INVALID, DEFINITION_NOT_FOUND
 */
export async function runUnpublishDefinition(request: unknown): Promise<unknown> {
  const parsed = UnpublishRequest.safeParse(request);
  if (!parsed.success) throw startFailure(new SluiceError('INPUT_INVALID', 'No request to unpublish'));
  return await runOnce(ACTIVITY_TYPES.unpublishDefinition, parsed.data, 'unpublish');
}

/**
 * Stores a business calendar.
 * @param request a PutCalendarRequest
 * @returns a PutCalendarResult
 * @throws ApplicationFailure INPUT_INVALID
 */
export async function runPutCalendar(request: unknown): Promise<unknown> {
  const parsed = PutCalendarRequest.safeParse(request);
  if (!parsed.success) throw startFailure(new SluiceError('INPUT_INVALID', 'No calendar to put'));
  return await runOnce(ACTIVITY_TYPES.putCalendar, parsed.data, 'put calendar');
}

async function runOnce(type: string, request: unknown, summary: string): Promise<unknown> {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('The caller has given up');
  try {
    return await CancellationScope.nonCancellable(() =>
      scheduleActivity(type, [request], {
        startToCloseTimeout: '1m',
        retry: { maximumInterval: '10s' },
        summary,
      }),
    );
  } catch (thrown) {
    if (thrown instanceof ActivityFailure && thrown.cause instanceof ApplicationFailure) throw thrown.cause;
    throw thrown;
  }
}
