/**
 * `sluice.publishDefinition` and `sluice.unpublishDefinition`: a definition and what starts its runs.
 *
 * Invariant: one transaction publishes a version with its triggers. What Temporal could refuse is tried out
 * before it, and what follows it (the schedules) is repeated until it is done: Temporal repeats the activity,
 * and any publish or unpublish of the definition does the same work.
 */
import { Context } from '@temporalio/activity';
import { SluiceError } from '../contracts/errors.js';
import { findSecrets } from '../contracts/definition/index.js';
import type { Json } from '../contracts/json.js';
import { didYouMean } from '../contracts/near.js';
import { PublishRequest, type PublishResult, UnpublishRequest } from '../contracts/run/activity.js';
import { catalogueOf, readDefinitionInBounds } from '../definitions/index.js';
import type { ActivityDeps } from './boundary/deps.js';
import { isMissingAction, leaveToOthers } from './boundary/capable-workers.js';
import { storeFailure } from './boundary/failures.js';
import { parseOrRefuse } from './boundary/parse.js';
import { requireOwnSecrets } from './boundary/secrets.js';
import { refuseMissing } from './require-actions.js';
import { settleSchedules } from './settle-schedules.js';
import { triggersOf, tryOutSchedules } from './triggers.js';

/**
 * How long publishing looks for a worker that has the actions, ms: a person waits for the answer. The shorter
 * time is enough where every worker has been asked; a worker that has just started polls within it.
 */
const PUBLISH_WAIT_MS = 5_000;
const PUBLISH_WAIT_MOST_MS = 45_000;

/** Warnings that an answer has: it becomes a part of Temporal's history. */
const MOST_WARNINGS = 50;

/**
 * Publishes a version; publishing the same document again changes nothing.
 * @param request a PublishRequest
 * @throws ApplicationFailure non-retryable: DEFINITION_INVALID, DEFINITION_CONFLICT, ACTION_NOT_FOUND,
 * CHECK_LIMIT, SCHEDULE_REFUSED, SECRET_FORBIDDEN; retryable while the database or Temporal is away
 */
export async function applyPublish(
  { projections, registry, secrets, identity, missingActionMs }: ActivityDeps,
  request: unknown,
): Promise<PublishResult> {
  const parsed = parseOrRefuse(PublishRequest, request, 'The request to publish');
  const { tenant, actor, source, format } = parsed;
  try {
    const catalogue = catalogueOf(registry.actions);
    const read = await readDefinitionInBounds(source, format, { tenant, catalogue });
    refuseMissing(read.missing);
    const named = findSecrets(read.definition as unknown as Json).map(({ name }) => name);
    requireOwnSecrets(secrets, { tenant, definition: read.definition.id }, named);
    const published = await projections.findDefinition(tenant, read.definition.id, read.definition.version);
    const triggers = triggersOf(tenant, read.definition);
    // What is published already was tried out then.
    if (published === undefined && triggers.schedules.length > 0) {
      const { client, info } = Context.current();
      await tryOutSchedules(client, { taskQueue: info.taskQueue, tenant, definition: read.definition });
    }
    const pin = { id: read.definition.id, version: read.definition.version, hash: read.hash };
    const stored = await projections.putDefinition(
      tenant,
      { pin, source, format, publishedBy: actor },
      triggers,
    );
    await settleSchedules(projections, here, tenant, pin.id);
    const warnings = read.warnings.slice(0, MOST_WARNINGS).map((problem): Json => ({ ...problem }));
    return { pin, created: stored.created, ...(warnings.length > 0 && { warnings }) };
  } catch (error) {
    if (isMissingAction(error)) {
      const limit = missingActionMs ?? PUBLISH_WAIT_MOST_MS;
      throw await leaveToOthers(Context.current(), error, {
        mostMs: Math.min(PUBLISH_WAIT_MOST_MS, limit),
        askedAll: { leastMs: Math.min(PUBLISH_WAIT_MS, limit), identity },
      });
    }
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
      await settleSchedules(projections, here, tenant, id);
    } else if (!found && Context.current().info.attempt === 1) {
      const near = didYouMean(id, await projections.definitionIds(tenant));
      throw new SluiceError('DEFINITION_NOT_FOUND', `Tenant "${tenant}" has no definition "${id}"${near}`);
    }
  } catch (error) {
    throw storeFailure(error);
  }
}

/** Where the schedules of a definition are, for the activity that runs. */
function here(): ReturnType<Parameters<typeof settleSchedules>[1]> {
  const { client, info } = Context.current();
  return { client, taskQueue: info.taskQueue };
}
