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
} from '../contracts/activity.js';
import { SluiceError } from '../contracts/errors.js';
import { ACTIVITY_TYPES, RESERVED_PREFIX } from '../contracts/messages.js';
import { readDefinition } from '../definitions/index.js';
import { createDefinitionCache } from './definition-cache.js';
import type { ActivityDeps } from './deps.js';
import { refusal, storeFailure } from './failures.js';
import { parseOrRefuse } from './parse.js';
import { prepareRun } from './prepare-run.js';
import { requireActions } from './require-actions.js';
import { runAction } from './run-action.js';

export type { ActivityDeps, SecretProvider, StopLimits } from './deps.js';

/** The activities of a worker, by activity type. */
export interface Activities {
  /** Reads what a run is pinned to. */
  readonly [ACTIVITY_TYPES.prepareRun]: (request: unknown) => Promise<PreparedRun>;
  /** Commits run events. */
  readonly [ACTIVITY_TYPES.flushEvents]: (request: unknown) => Promise<void>;
  /** Publishes a definition; the same document again changes nothing. */
  readonly [ACTIVITY_TYPES.publishDefinition]: (request: unknown) => Promise<PublishResult>;
  /** Runs the action whose id is the activity's type. */
  readonly default: (input: unknown, envelope: unknown) => Promise<ActionResult>;
}

/** Makes the activities. Every error that leaves them is an ApplicationFailure whose type is a code. */
export function createActivities(deps: ActivityDeps): Activities {
  const cache = createDefinitionCache();
  return {
    [ACTIVITY_TYPES.prepareRun]: (request) => prepareRun(deps, cache, request),
    [ACTIVITY_TYPES.flushEvents]: (request) => flushEvents(deps, request),
    [ACTIVITY_TYPES.publishDefinition]: (request) => publishDefinition(deps, request),
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
    await projections.commitEvents({ run, workflowId, executionId }, events);
  } catch (error) {
    throw storeFailure(error);
  }
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
    const { created } = await projections.putDefinition(tenant, { pin, source, format, publishedBy: actor });
    return { pin, created };
  } catch (error) {
    throw storeFailure(error);
  }
}
