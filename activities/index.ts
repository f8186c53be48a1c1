/**
 * Everything that a workflow does to the world.
 *
 * Invariant: one activity type is one action id, except Sluice's own names; the `default` activity of the SDK
 * runs every type that has no function of its own here, so an action is called by its own name in Temporal's
 * history and Web UI.
 */
import { Context } from '@temporalio/activity';
import {
  type ActionResult,
  FlushRequest,
  type PreparedRun,
  PublishRequest,
  type PublishResult,
  UnpublishRequest,
} from '../contracts/run/activity.js';
import type { Definition } from '../contracts/definition/index.js';
import { SluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import { ACTIVITY_TYPES, RESERVED_PREFIX } from '../contracts/run/messages.js';
import { didYouMean } from '../contracts/near.js';
import type { ProjectionStore } from '../contracts/run/projection.js';
import type { AfterReset } from '../contracts/run/rewind.js';
import { readDefinition } from '../definitions/index.js';
import { afterReset } from './after-reset.js';
import { deadLetters } from './dead-letters.js';
import { createDefinitionCache } from './definition-cache.js';
import { deliverMissed } from './events/deliver-missed.js';
import type { ActivityDeps } from './boundary/deps.js';
import { refusal, storeFailure } from './boundary/failures.js';
import { parseOrRefuse } from './boundary/parse.js';
import { prepareRun } from './prepare-run.js';
import { requireActions } from './require-actions.js';
import { runAction } from './action/run-action.js';
import { reconcileSchedules, triggersOf } from './triggers.js';

export type { ActivityDeps, SecretProvider, StopLimits } from './boundary/deps.js';

/** The activities of a worker, by activity type. */
export interface Activities {
  /** Reads what a run is pinned to. */
  readonly [ACTIVITY_TYPES.prepareRun]: (request: unknown) => Promise<PreparedRun>;
  /** Reads what an execution that was made by a reset is to do again. */
  readonly [ACTIVITY_TYPES.afterReset]: () => Promise<AfterReset>;
  /** Commits run events. */
  readonly [ACTIVITY_TYPES.flushEvents]: (request: unknown) => Promise<void>;
  /** Publishes a definition; the same document again changes nothing. */
  readonly [ACTIVITY_TYPES.publishDefinition]: (request: unknown) => Promise<PublishResult>;
  /** Takes a definition back, with what starts its runs. */
  readonly [ACTIVITY_TYPES.unpublishDefinition]: (request: unknown) => Promise<void>;
  /** One act about dead letters. */
  readonly [ACTIVITY_TYPES.deadLetters]: (request: unknown) => Promise<Json>;
  /** Runs the action whose id is the activity's type. */
  readonly default: (input: unknown, envelope: unknown) => Promise<ActionResult>;
}

/** Makes the activities. Every error that leaves them is an ApplicationFailure whose type is a code. */
export function createActivities(deps: ActivityDeps): Activities {
  const cache = createDefinitionCache();
  return {
    [ACTIVITY_TYPES.prepareRun]: (request) => prepareRun(deps, cache, request),
    [ACTIVITY_TYPES.afterReset]: () => afterReset(),
    [ACTIVITY_TYPES.flushEvents]: (request) => flushEvents(deps, request),
    [ACTIVITY_TYPES.publishDefinition]: (request) => publishDefinition(deps, request),
    [ACTIVITY_TYPES.unpublishDefinition]: (request) => unpublishDefinition(deps, request),
    [ACTIVITY_TYPES.deadLetters]: (request) => deadLetters(deps, request),
    default: async (input, envelope) => {
      const { activityType } = Context.current().info;
      if (activityType.startsWith(RESERVED_PREFIX)) {
        throw refusal(new SluiceError('NAME_RESERVED', `${activityType} is no activity of this worker`));
      }
      return await runAction(deps, input, envelope);
    },
  };
}

async function flushEvents({ projections }: ActivityDeps, request: unknown): Promise<void> {
  const { run, events } = parseOrRefuse(FlushRequest, request, 'The request to flush events');
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) {
    throw refusal(new SluiceError('INPUT_INVALID', 'Only a workflow has run events to flush'));
  }
  const { workflowId, runId: executionId } = workflowExecution;
  try {
    const execution = { run, workflowId, executionId };
    await projections.commitEvents(execution, events);
    await deliverMissed(projections, execution, events);
  } catch (error) {
    throw storeFailure(error);
  }
}

async function unpublishDefinition({ projections }: ActivityDeps, request: unknown): Promise<void> {
  const { tenant, definition: id } = parseOrRefuse(UnpublishRequest, request, 'The request to unpublish');
  try {
    const { found, schedules } = await projections.retireDefinition(tenant, id);
    // Asked again after a crash it is gone already, and its schedules may not be: only a first attempt can tell.
    if (schedules.length > 0) {
      await setSchedules(projections, tenant, id, undefined, schedules);
    } else if (!found && Context.current().info.attempt === 1) {
      const near = didYouMean(id, await projections.definitionIds(tenant));
      throw new SluiceError('DEFINITION_NOT_FOUND', `Tenant "${tenant}" has no definition "${id}"${near}`);
    }
  } catch (error) {
    throw storeFailure(error);
  }
}

async function setSchedules(
  projections: ProjectionStore,
  tenant: string,
  id: string,
  definition: Definition | undefined,
  known: readonly string[],
): Promise<void> {
  const { client, info } = Context.current();
  const left = await reconcileSchedules(client, info.taskQueue, tenant, definition, known);
  await projections.putSchedules(tenant, id, left);
}

async function publishDefinition(
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
      await setSchedules(projections, tenant, pin.id, read.definition, stored.schedules);
    }
    return { pin, created: stored.created };
  } catch (error) {
    throw storeFailure(error);
  }
}
