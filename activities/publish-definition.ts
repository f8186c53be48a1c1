/**
 * `sluice.publishDefinition`, `sluice.promoteDefinition` and `sluice.unpublishDefinition`: a definition and
 * what starts its runs.
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
import {
  PromoteRequest,
  type PromoteResult,
  PublishRequest,
  type PublishResult,
  UnpublishRequest,
} from '../contracts/run/activity.js';
import type { DefinitionTriggers } from '../contracts/run/projection.js';
import { catalogueOf, readDefinitionInBounds, readStoredInBounds } from '../definitions/index.js';
import type { ActivityDeps } from './boundary/deps.js';
import { isMissingAction, leaveToOthers } from './boundary/capable-workers.js';
import { storeFailure } from './boundary/failures.js';
import { parseOrRefuse } from './boundary/parse.js';
import { requireOwnSecrets } from './boundary/secrets.js';
import { refuseMissing, requireActions } from './require-actions.js';
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
      { pin, source, format, publishedBy: actor, operation: operation() },
      triggers,
    );
    await settleSchedules(projections, here, tenant, pin.id);
    const warnings = read.warnings.slice(0, MOST_WARNINGS).map((problem): Json => ({ ...problem }));
    return {
      pin,
      created: stored.created,
      ...(stored.taken !== pin.version && { latest: stored.taken }),
      ...(warnings.length > 0 && { warnings }),
    };
  } catch (error) {
    throw isMissingAction(error) ? await leaveTo(missingActionMs, identity, error) : storeFailure(error);
  }
}

/**
 * Makes a published version the one that a start takes, with what starts its runs.
 *
 * Invariant: it is held to what publishing is held to, for what may have changed since: a worker has its
 * actions, its secrets are still the definition's, Temporal takes its schedules. A later attempt answers as
 * the first would have.
 * @param request a PromoteRequest
 * @throws ApplicationFailure non-retryable: DEFINITION_NOT_FOUND, DEFINITION_VERSION_NOT_FOUND,
 * ACTION_NOT_FOUND, SCHEDULE_REFUSED, SECRET_FORBIDDEN; retryable while the database or Temporal is away
 */
export async function applyPromote(
  { projections, registry, secrets, identity, missingActionMs }: ActivityDeps,
  request: unknown,
): Promise<PromoteResult> {
  const parsed = parseOrRefuse(PromoteRequest, request, 'The request to promote');
  const { tenant, actor, definition: id, version } = parsed;
  try {
    const { pin, definition } = await publishedVersion(projections, tenant, id, version);
    requireActions(registry, definition);
    const named = findSecrets(definition as unknown as Json).map(({ name }) => name);
    requireOwnSecrets(secrets, { tenant, definition: id }, named);
    const triggers = triggersOf(tenant, definition);
    if (triggers.schedules.length > 0) {
      const { client, info } = Context.current();
      await tryOutSchedules(client, { taskQueue: info.taskQueue, tenant, definition });
    }
    const change = { ...operation(), by: actor };
    const { was } = await projections.promoteDefinition([tenant, id], { version, triggers }, change);
    await settleSchedules(projections, here, tenant, id);
    const before = was === null ? undefined : await publishedVersion(projections, tenant, id, was);
    return {
      ...{ pin, was, starts: startsOf(triggers) },
      started: startsOf(before && triggersOf(tenant, before.definition)),
    };
  } catch (error) {
    throw isMissingAction(error) ? await leaveTo(missingActionMs, identity, error) : storeFailure(error);
  }
}

async function publishedVersion(
  projections: ActivityDeps['projections'],
  tenant: string,
  id: string,
  version: number,
) {
  const stored = await projections.findDefinition(tenant, id, version);
  if (stored === undefined) {
    const versions = await projections.definitionVersions(tenant, id);
    if (versions.length === 0) throw await unknownDefinition(projections, tenant, id);
    throw new SluiceError(
      'DEFINITION_VERSION_NOT_FOUND',
      `Tenant "${tenant}" has no version ${version} of "${id}"; it has ${versions.join(', ')}`,
    );
  }
  const { definition } = await readStoredInBounds(stored.source, stored.format, tenant);
  return { pin: stored.pin, definition };
}

async function unknownDefinition(
  projections: ActivityDeps['projections'],
  tenant: string,
  id: string,
): Promise<SluiceError> {
  const near = didYouMean(id, await projections.definitionIds(tenant));
  return new SluiceError('DEFINITION_NOT_FOUND', `Tenant "${tenant}" has no definition "${id}"${near}`);
}

function startsOf(triggers: DefinitionTriggers = { events: [], schedules: [] }): PromoteResult['starts'] {
  return {
    events: [...new Set(triggers.events.map(({ eventName }) => eventName))].sort(),
    schedules: [...triggers.schedules],
  };
}

/** The operation that this activity is part of: the same for each of its attempts. */
function operation(): { readonly at: Date; readonly operation: string } {
  const { scheduledTimestampMs, workflowExecution } = Context.current().info;
  return { at: new Date(scheduledTimestampMs), operation: workflowExecution?.runId ?? '' };
}

/** Leaves the activity to a worker that has the actions, as far as there may be one. */
async function leaveTo(
  missingActionMs: number | undefined,
  identity: ActivityDeps['identity'],
  error: SluiceError,
): Promise<unknown> {
  const limit = missingActionMs ?? PUBLISH_WAIT_MOST_MS;
  return await leaveToOthers(Context.current(), error, {
    mostMs: Math.min(PUBLISH_WAIT_MOST_MS, limit),
    askedAll: { leastMs: Math.min(PUBLISH_WAIT_MS, limit), identity },
  });
}

/**
 * Unpublishes a definition with what starts its runs. Its versions stay.
 * @param request an UnpublishRequest
 * @throws ApplicationFailure non-retryable: DEFINITION_NOT_FOUND; retryable while the database or Temporal is
 * away
 */
export async function applyUnpublish({ projections }: ActivityDeps, request: unknown): Promise<void> {
  const {
    tenant,
    actor,
    definition: id,
  } = parseOrRefuse(UnpublishRequest, request, 'The request to unpublish');
  try {
    const { found, schedules } = await projections.unpublishDefinition(tenant, id, {
      ...operation(),
      by: actor,
    });
    // A repetition after a crash may find the definition gone and its schedules not. So only a first attempt
    // can tell that there was no such definition.
    if (schedules.length > 0) {
      await settleSchedules(projections, here, tenant, id);
    } else if (!found && Context.current().info.attempt === 1) {
      throw await unknownDefinition(projections, tenant, id);
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
