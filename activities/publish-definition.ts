/** `sluice.publishDefinition` and `sluice.unpublishDefinition`: a definition and what starts its runs. */
import { Context } from '@temporalio/activity';
import type { Definition } from '../contracts/definition/index.js';
import { SluiceError } from '../contracts/errors.js';
import { didYouMean } from '../contracts/near.js';
import { PublishRequest, type PublishResult, UnpublishRequest } from '../contracts/run/activity.js';
import type { ProjectionStore } from '../contracts/run/projection.js';
import { readDefinition } from '../definitions/index.js';
import type { ActivityDeps } from './boundary/deps.js';
import { storeFailure } from './boundary/failures.js';
import { parseOrRefuse } from './boundary/parse.js';
import { requireActions } from './require-actions.js';
import { reconcileSchedules, triggersOf } from './triggers.js';

/**
 * Publishes a version; publishing the same document again changes nothing.
 * @param request a PublishRequest
 * @throws ApplicationFailure non-retryable: DEFINITION_INVALID, DEFINITION_CONFLICT, ACTION_NOT_FOUND;
 * retryable while the database or Temporal is away
 */
export async function applyPublish(
  { projections, registry }: ActivityDeps,
  request: unknown,
): Promise<PublishResult> {
  const parsed = parseOrRefuse(PublishRequest, request, 'The request to publish');
  const { tenant, actor, source, format } = parsed;
  try {
    const read = readDefinition(source, format);
    requireActions(registry, read.definition, read.source);
    const pin = { id: read.definition.id, version: read.definition.version, hash: read.hash };
    const stored = await projections.putDefinition(
      tenant,
      { pin, source, format, publishedBy: actor },
      triggersOf(tenant, read.definition),
    );
    if (stored.latest && stored.schedules.length > 0) {
      await setSchedules(projections, {
        tenant,
        id: pin.id,
        definition: read.definition,
        existing: stored.schedules,
      });
    }
    return { pin, created: stored.created };
  } catch (error) {
    throw storeFailure(error);
  }
}

/**
 * Unpublishes a definition with what starts its runs. Its versions stay.
 * @param request an UnpublishRequest
 * @throws ApplicationFailure non-retryable: DEFINITION_NOT_FOUND; retryable while the database or Temporal is
 * away
 */
export async function applyUnpublish({ projections }: ActivityDeps, request: unknown): Promise<void> {
  const { tenant, definition: id } = parseOrRefuse(UnpublishRequest, request, 'The request to unpublish');
  try {
    const { found, schedules } = await projections.unpublishDefinition(tenant, id);
    // A repetition after a crash may find the definition gone and its schedules not. So only a first attempt
    // can tell that there was no such definition.
    if (schedules.length > 0) {
      await setSchedules(projections, { tenant, id, definition: undefined, existing: schedules });
    } else if (!found && Context.current().info.attempt === 1) {
      const near = didYouMean(id, await projections.definitionIds(tenant));
      throw new SluiceError('DEFINITION_NOT_FOUND', `Tenant "${tenant}" has no definition "${id}"${near}`);
    }
  } catch (error) {
    throw storeFailure(error);
  }
}

interface ScheduleChange {
  readonly tenant: string;
  readonly id: string;
  /** Undefined: it is unpublished, and no schedule stays. */
  readonly definition: Definition | undefined;
  /** Every schedule that the definition has or had. */
  readonly existing: readonly string[];
}

async function setSchedules(
  projections: ProjectionStore,
  { tenant, id, definition, existing }: ScheduleChange,
): Promise<void> {
  const { client, info } = Context.current();
  const left = await reconcileSchedules(client, { taskQueue: info.taskQueue, tenant, definition, existing });
  await projections.putSchedules(tenant, id, left);
}
