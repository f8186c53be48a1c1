/**
 * What starts runs of a definition, brought in line with its latest version. The transaction that publishes
 * writes the trigger index; Temporal keeps the schedules.
 *
 * Invariants
 * - A version and its schedules change together or not at all. Temporal takes each schedule of a new version
 *   under another name first, paused: one that it refuses stops the publishing before anything has changed.
 * - After a publish or an unpublish has returned, Temporal has exactly the schedules of the latest version,
 *   also where several were under way at once: whoever sets them looks again whether that version is still
 *   the latest, and begins anew if it is not.
 * - A schedule that an operator has paused stays paused, with its note, over versions that do not have it.
 * - The row in `definition_triggers` names every schedule that may exist, from before the first is created
 *   until after the last is deleted, so a repetition after a crash deletes what the first try left.
 */
import { randomUUID } from 'node:crypto';
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  ServiceError,
} from '@temporalio/client';
import type { Definition, ScheduleTrigger } from '../contracts/definition/index.js';
import { messageOf, SluiceError } from '../contracts/errors.js';
import { scheduledId } from '../contracts/naming/workflow-id.js';
import { isGrpcInvalid } from '../contracts/temporal-history.js';
import type { JsonObject } from '../contracts/json.js';
import type { DefinitionTriggers, PausedSchedule, SeenSchedule } from '../contracts/run/projection.js';
import { withScheduleClaim } from './claims/claims.js';

/** The actor of a scheduled run. */
const ACTOR = 'schedule';
const LONGEST_CATCHUP_MS = 365 * 86_400_000;
/** A schedule that ended then never starts anything. */
const PAST = new Date('2001-01-01T00:00:00Z');

function scheduleId(tenant: string, definition: string, position: number): string {
  return `sluice/${tenant}/${definition}/${position}`;
}

/** The triggers of a definition, as the trigger index holds them. */
export function triggersOf(tenant: string, { id, triggers = [] }: Definition): DefinitionTriggers {
  return {
    events: triggers.flatMap((trigger, position) => {
      if (trigger.type !== 'event') return [];
      const { eventName, filter = true, payload } = trigger;
      const spec = { filter, ...(payload !== undefined && { payload }) } as JsonObject;
      return [{ eventName, position, spec }];
    }),
    schedules: triggers.flatMap((trigger, position) =>
      trigger.type === 'schedule' ? [scheduleId(tenant, id, position)] : [],
    ),
  };
}

interface WantedSchedules {
  readonly taskQueue: string;
  readonly tenant: string;
  /** Undefined: none of the schedules stays. */
  readonly definition: Definition | undefined;
  /** Ids of every schedule that the definition has or had. */
  readonly existing: readonly string[];
  /** What an operator has paused: stays so in a schedule that is created anew. */
  readonly pauses: readonly PausedSchedule[];
}

/** What of the wanted schedules their options are made from. */
type Wanted = Omit<WantedSchedules, 'existing' | 'pauses'>;

/**
 * Which of a definition's schedules exist, and whether an operator has paused them.
 * @throws SluiceError TEMPORAL_UNAVAILABLE
 */
export async function seenSchedules(
  client: Client,
  ids: readonly string[],
): Promise<readonly SeenSchedule[]> {
  const seen: SeenSchedule[] = [];
  for (const id of ids) {
    await asked(id, async () => {
      try {
        const { state } = await client.schedule.getHandle(id).describe();
        seen.push({ id, paused: state.paused, note: state.note ?? null });
      } catch (error) {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
      }
    });
  }
  return seen;
}

/**
 * Makes Temporal's schedules those of the definition.
 * @returns the ids of the schedules that it has now
 * @throws SluiceError SCHEDULE_REFUSED, TEMPORAL_UNAVAILABLE
 */
export async function reconcileSchedules(
  client: Client,
  { existing, pauses, ...of }: WantedSchedules,
): Promise<readonly string[]> {
  const wanted = wantedSchedules(client, of);
  const paused = new Map(pauses.map((pause) => [pause.id, pause]));
  for (const [id, options] of wanted) await asked(id, () => put(client, id, options, paused.get(id)));
  for (const id of existing) if (!wanted.has(id)) await asked(id, () => remove(client, id));
  return [...wanted.keys()];
}

/**
 * Asks Temporal whether it takes the schedules of a definition, and changes none of them. Each is created
 * under another name, paused and with nothing left to do, and deleted again; Temporal itself removes one
 * that a crash leaves.
 * @throws SluiceError SCHEDULE_REFUSED, TEMPORAL_UNAVAILABLE
 */
export async function tryOutSchedules(client: Client, of: Wanted): Promise<void> {
  for (const [id, options] of wantedSchedules(client, of)) {
    const trial = `sluice-trial/${randomUUID()}`;
    const state = { paused: true, remainingActions: 1, note: `Sluice tries out ${id}` };
    await asked(id, async () => {
      const spec = { ...options.spec, endAt: PAST };
      try {
        await client.schedule.create({ ...options, scheduleId: trial, spec, state });
      } catch (error) {
        // Its answer may be lost. If it can't be removed either, Temporal removes it later.
        if (!isRefusal(error)) await remove(client, trial).catch(() => undefined);
        throw error;
      }
      await remove(client, trial);
    });
  }
}

function wantedSchedules(
  client: Client,
  { taskQueue, tenant, definition }: Wanted,
): Map<string, ScheduleOptions> {
  const wanted = new Map<string, ScheduleOptions>();
  for (const [position, trigger] of (definition?.triggers ?? []).entries()) {
    if (definition === undefined || trigger.type !== 'schedule') continue;
    const name = scheduleId(tenant, definition.id, position);
    const scheduled = { tenant, definition: definition.id, taskQueue, trigger, position };
    wanted.set(name, optionsOf(client, name, scheduled));
  }
  return wanted;
}

/** Tells a refusal, which no repetition changes, from a server that is away. */
async function asked(id: string, call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    const reason = messageOf(error instanceof ServiceError ? (error.cause ?? error) : error);
    if (isRefusal(error)) {
      throw new SluiceError('SCHEDULE_REFUSED', `Temporal refused the schedule ${id}: ${reason}`, {
        cause: error,
      });
    }
    throw new SluiceError('TEMPORAL_UNAVAILABLE', `The schedule ${id} could not be set: ${reason}`, {
      cause: error,
    });
  }
}

/** The SDK makes a TypeError of the server's answer about a spec, and of options that it cannot encode. */
function isRefusal(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof ServiceError && isGrpcInvalid(error.cause));
}

/** @param pause of an operator, for a schedule that does not exist */
async function put(
  client: Client,
  id: string,
  options: ScheduleOptions,
  pause: PausedSchedule | undefined,
): Promise<void> {
  const paused = pause && { paused: true, ...(pause.note !== null && { note: pause.note }) };
  try {
    await client.schedule.create({ ...options, ...(paused && { state: { ...options.state, ...paused } }) });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(id).update(({ state }) => ({
      ...options,
      // What an operator did meanwhile stays: it is not a part of the definition.
      state: {
        ...options.state,
        paused: state.paused,
        ...(state.note !== undefined && { note: state.note }),
      },
    }));
  }
}

async function remove(client: Client, id: string): Promise<void> {
  try {
    await client.schedule.getHandle(id).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

const OVERLAP = {
  skip: ScheduleOverlapPolicy.SKIP,
  bufferOne: ScheduleOverlapPolicy.BUFFER_ONE,
  bufferAll: ScheduleOverlapPolicy.BUFFER_ALL,
  cancelOther: ScheduleOverlapPolicy.CANCEL_OTHER,
  terminateOther: ScheduleOverlapPolicy.TERMINATE_OTHER,
  allowAll: ScheduleOverlapPolicy.ALLOW_ALL,
} as const;

interface Scheduled {
  readonly tenant: string;
  readonly definition: string;
  readonly taskQueue: string;
  readonly position: number;
  readonly trigger: ScheduleTrigger;
}

function optionsOf(
  client: Client,
  id: string,
  { tenant, definition, taskQueue, position, trigger }: Scheduled,
): ScheduleOptions {
  const { overlap = 'skip', catchupMs = LONGEST_CATCHUP_MS, payload = {} } = trigger;
  const memo = { tenant, actor: ACTOR, trigger: { type: 'schedule', schedule: id, position } };
  return {
    scheduleId: id,
    spec: specOf(trigger),
    policies: { overlap: OVERLAP[overlap], catchupWindow: catchupMs },
    ...(trigger.at !== undefined && { state: { remainingActions: 1 } }),
    action: {
      type: 'startWorkflow',
      workflowType: definition,
      // Temporal appends the time of the start.
      workflowId: scheduledId(definition, tenant, position),
      taskQueue,
      args: [payload],
      // The SDK passes it on; only its type lacks it.
      ...{ priority: { fairnessKey: tenant } },
      memo: withScheduleClaim(client, definition, memo, payload),
    },
  };
}

function specOf({ cron, everyMs, at, timezone = 'UTC' }: ScheduleTrigger): ScheduleOptions['spec'] {
  if (cron !== undefined) return { cronExpressions: [cron], timezone };
  if (everyMs !== undefined) return { intervals: [{ every: everyMs }] };
  const date = new Date(at ?? 0);
  return {
    timezone: 'UTC',
    calendars: [
      {
        year: date.getUTCFullYear(),
        month: MONTHS[date.getUTCMonth()] ?? 'JANUARY',
        dayOfMonth: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
      },
    ],
  };
}

const MONTHS = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;
