/**
 * The registry of activities: everything that a workflow does to the world.
 *
 * Invariant: one activity type is one action id, except Sluice's own names. The SDK's `default` activity runs
 * every type that has no function here, so Temporal's history and Web UI show an action under its name.
 */
import { Context } from '@temporalio/activity';
import { SluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import type {
  ActionResult,
  AuthorizeResult,
  FlushResult,
  PreparedRun,
  PromoteResult,
  PublishResult,
} from '../contracts/run/activity.js';
import { ACTIVITY_TYPES, RESERVED_PREFIX } from '../contracts/run/messages.js';
import type { Actor } from '../contracts/tasks/act.js';
import type { PinnedCalendar, PutCalendarResult } from '../contracts/calendar/pinned.js';
import type { ActedOnTask, OpenedTask } from '../contracts/tasks/of-run.js';
import type { AfterReset } from '../contracts/run/rewind.js';
import { authorizeStage } from './authorize-stage.js';
import { completeByHand } from './action/complete-by-hand.js';
import { runAction } from './action/run-action.js';
import { afterReset } from './after-reset.js';
import type { ActivityDeps } from './boundary/deps.js';
import { refusal } from './boundary/failures.js';
import { sayingSignals } from './boundary/say-signals.js';
import { TenantSlots, tenantOf } from './boundary/tenant-slots.js';
import { actOnDeadLetters } from './dead-letters.js';
import { createDefinitionCache } from './definition-cache.js';
import { flushEvents } from './flush-events.js';
import { prepareRun } from './prepare-run.js';
import { applyPromote, applyPublish, applyUnpublish } from './publish-definition.js';
import { actOnTask } from './tasks/act-on-task.js';
import { putCalendar, readCalendar } from './tasks/calendars.js';
import { checkTaskAct } from './tasks/check-task-act.js';
import { endTask } from './tasks/end-task.js';
import { openTask } from './tasks/open-task.js';
import { recordTask } from './tasks/record-task.js';

export { resignSchedules } from './resign-schedules.js';
export type { ActivityDeps, SecretOwner, SecretProvider, StopLimits } from './boundary/deps.js';

/** The activities of a worker, by activity type. */
export interface Activities {
  /** Reads what a run is pinned to: its definition, its actions, its payload. */
  readonly [ACTIVITY_TYPES.prepareRun]: (request: unknown) => Promise<PreparedRun>;
  /** Reads what an execution that a reset made has to do again. */
  readonly [ACTIVITY_TYPES.afterReset]: () => Promise<AfterReset>;
  /** Commits run events. */
  readonly [ACTIVITY_TYPES.flushEvents]: (request: unknown) => Promise<FlushResult>;
  /** Asks the policies before an event is published, a child starts or people are asked. */
  readonly [ACTIVITY_TYPES.authorizeStage]: (request: unknown) => Promise<AuthorizeResult>;
  /** Publishes a definition; the same document again changes nothing. */
  readonly [ACTIVITY_TYPES.publishDefinition]: (request: unknown) => Promise<PublishResult>;
  /** Makes a published version the one that a start takes. */
  readonly [ACTIVITY_TYPES.promoteDefinition]: (request: unknown) => Promise<PromoteResult>;
  /** Unpublishes a definition, with what starts its runs. */
  readonly [ACTIVITY_TYPES.unpublishDefinition]: (request: unknown) => Promise<void>;
  /** Does one act about dead letters. */
  readonly [ACTIVITY_TYPES.deadLetters]: (request: unknown) => Promise<Json>;
  /** Records the outcome of an action that a person completed. */
  readonly [ACTIVITY_TYPES.completeAction]: (request: unknown) => Promise<ActionResult>;
  /** Stores a business calendar. */
  readonly [ACTIVITY_TYPES.putCalendar]: (request: unknown) => Promise<PutCalendarResult>;
  /** Reads a business calendar for a task to keep. */
  readonly [ACTIVITY_TYPES.readCalendar]: (request: unknown) => Promise<PinnedCalendar>;
  /** Finds out who acts on a task, and whether the answer fits its form. */
  readonly [ACTIVITY_TYPES.checkTaskAct]: (request: unknown) => Promise<Actor>;
  /** Writes what the workflow of a task did. */
  readonly [ACTIVITY_TYPES.recordTask]: (request: unknown, first: unknown) => Promise<void>;
  /** Starts the task of a step, or finds the one that was started before. */
  readonly [ACTIVITY_TYPES.openTask]: (request: unknown) => Promise<OpenedTask>;
  /** Ends a task of a run without a decision. */
  readonly [ACTIVITY_TYPES.endTask]: (request: unknown) => Promise<void>;
  /** Passes an act on that someone signalled to the run. */
  readonly [ACTIVITY_TYPES.actOnTask]: (request: unknown) => Promise<ActedOnTask>;
  /** Runs the action whose id is the activity's type. */
  readonly default: (input: unknown, envelope: unknown) => Promise<ActionResult>;
}

/** Makes the activities. Every error that leaves them is an ApplicationFailure whose type is a code. */
export function createActivities(deps: ActivityDeps): Activities {
  const cache = createDefinitionCache();
  const slots = new TenantSlots(deps.tenantActions ?? Number.POSITIVE_INFINITY);
  return {
    [ACTIVITY_TYPES.prepareRun]: (request) => prepareRun(deps, cache, request),
    [ACTIVITY_TYPES.afterReset]: () => afterReset(),
    [ACTIVITY_TYPES.flushEvents]: (request) => flushEvents(deps, request),
    [ACTIVITY_TYPES.authorizeStage]: (request) => authorizeStage(deps, request),
    [ACTIVITY_TYPES.publishDefinition]: (request) => applyPublish(deps, request),
    [ACTIVITY_TYPES.promoteDefinition]: (request) => applyPromote(deps, request),
    [ACTIVITY_TYPES.unpublishDefinition]: (request) => applyUnpublish(deps, request),
    [ACTIVITY_TYPES.deadLetters]: (request) => actOnDeadLetters(deps, request),
    [ACTIVITY_TYPES.completeAction]: (request) => completeByHand(deps, request),
    [ACTIVITY_TYPES.putCalendar]: (request) => putCalendar(deps, request),
    [ACTIVITY_TYPES.readCalendar]: (request) => readCalendar(deps, request),
    [ACTIVITY_TYPES.checkTaskAct]: (request) => checkTaskAct(request),
    [ACTIVITY_TYPES.recordTask]: (...args) => recordTask(deps, ...args),
    [ACTIVITY_TYPES.openTask]: (request) => openTask(deps, request),
    [ACTIVITY_TYPES.endTask]: (request) => endTask(deps, request),
    [ACTIVITY_TYPES.actOnTask]: (request) => actOnTask(request),
    default: async (input, envelope) => {
      const context = Context.current();
      const { activityType } = context.info;
      if (activityType.startsWith(RESERVED_PREFIX)) {
        throw refusal(new SluiceError('NAME_RESERVED', `${activityType} is no activity of this worker`));
      }
      const run = () => sayingSignals(envelope, () => runAction(deps, input, envelope));
      const tenant = tenantOf(envelope);
      // A local activity has slots of another kind, and can't go to another worker.
      return await (tenant === undefined || context.info.isLocal ? run() : slots.run(context, tenant, run));
    },
  };
}
