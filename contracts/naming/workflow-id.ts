/**
 * Workflow ids: the ids that Sluice makes, and where an id that a caller chooses is put.
 *
 * Temporal has one space of workflow ids for all tenants of a namespace, and one id starts one run.
 *
 * Invariant (ids-of-tenants-never-meet): an id that a caller chooses begins with `~<tenant>/`. Every id that
 * Sluice makes begins with a definition's id, or with `sluice.`. Neither a tenant nor a definition's id holds
 * `~` or `/`. So no two tenants can name the same id, and no caller can name one that Sluice makes. The one
 * exception keeps ids short where there is one tenant: those of the tenant `default` stay as chosen if Sluice
 * makes none like them. Where a run of another tenant has such an id, started by an older Sluice or past
 * Sluice, the prefix is added.
 *
 * The spelling of each id is persisted in Temporal and the database, and never changes.
 */
import { RESERVED_PREFIX } from '../run/messages.js';

const DEFAULT_TENANT = 'default';
const MARK = '~';

const DEFINITION = '[a-z][a-z0-9-]*';
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const TRIGGERED = new RegExp(`^${DEFINITION}/event-[0-9a-f]{32}(?:-\\d+)?$`);
const SCHEDULED = new RegExp(`^${DEFINITION}/([A-Za-z0-9][A-Za-z0-9_.-]*)/schedule-\\d+(?:-.*)?$`);
const CHILD = new RegExp(`^${DEFINITION}/${UUID}/(?:steps\\[.*/\\d+|[0-9a-f]{32})$`);
const MADE: readonly RegExp[] = [
  TRIGGERED,
  SCHEDULED,
  new RegExp(`^${DEFINITION}/${UUID}/.`),
  new RegExp(`^${DEFINITION}/rerun/`),
  // An idempotency key of the API gives such an id.
  new RegExp(`^${DEFINITION}/[0-9a-f]{32}$`),
];

/** The run that an event starts. @param nth how many ids before it were taken by runs of others */
export function triggeredId(definition: string, eventHash: string, nth = 0): string {
  return `${definition}/event-${eventHash}${nth === 0 ? '' : `-${nth}`}`;
}

/** The runs that a schedule starts; Temporal appends the time of the start. */
export function scheduledId(definition: string, tenant: string, position: number): string {
  return `${definition}/${tenant}/schedule-${position}`;
}

/** The run that a step starts. @param executionId of its parent @param place and attempt, or their hash */
export function childId(definition: string, executionId: string, place: string): string {
  return `${definition}/${executionId}/${place}`;
}

/** The run that repeats another one, once for each operation. */
export function rerunId(definition: string, runId: string, operationId: string): string {
  return `${definition}/rerun/${runId}/${operationId}`;
}

/** The run that a request with an idempotency key starts. */
export function operationRunId(definition: string, operationId: string): string {
  return `${definition}/${operationId}`;
}

/**
 * The workflow of a task. It begins with the reserved prefix, so no caller can choose it for a run.
 * @param item the task's name in its tenant
 */
export function taskId(tenant: string, item: string): string {
  return `${RESERVED_PREFIX}task/${tenant}/${item}`;
}

/**
 * Where a run is that a tenant started under an id of its choice.
 * @returns the place of a new run; then, if there is one, the other place where a run of that id may be
 */
export function placesOf(tenant: string, chosen: string): readonly [string, string?] {
  const own = `${MARK}${tenant}/${chosen}`;
  if (chosen.startsWith(MARK)) return chosen.startsWith(`${MARK}${tenant}/`) ? [chosen] : [own];
  if (isMade(chosen)) return [own];
  return tenant === DEFAULT_TENANT ? [chosen, own] : [own, chosen];
}

/** Whether no other tenant can choose the id. */
export function isOwn(tenant: string, workflowId: string): boolean {
  return workflowId.startsWith(`${MARK}${tenant}/`);
}

function isMade(id: string): boolean {
  return id.startsWith(RESERVED_PREFIX) || MADE.some((shape) => shape.test(id));
}

/** What a started workflow says about itself, where any Temporal client may have started it. */
export interface Claims {
  readonly workflowId: string;
  readonly tenant: string;
  /** `type` of its trigger. */
  readonly trigger?: string | undefined;
  /** Run id of its parent. */
  readonly parent?: string | undefined;
}

/**
 * Whether a run may have its workflow id: one of another tenant, or one that Sluice makes for something else,
 * would take the place of the run that it is for.
 * @returns why it may not; undefined: it may
 */
export function foreignId({ workflowId, tenant, trigger, parent }: Claims): string | undefined {
  const whose = new RegExp(`^${MARK}([^/]*)/`).exec(workflowId)?.[1] ?? SCHEDULED.exec(workflowId)?.[1];
  if (whose !== undefined && whose !== tenant) {
    return `The workflow id ${workflowId} belongs to tenant "${whose}", and the run to "${tenant}"`;
  }
  if (TRIGGERED.test(workflowId) && trigger !== 'event') {
    return `The workflow id ${workflowId} is that of a run that an event starts`;
  }
  if (CHILD.test(workflowId) && parent === undefined) {
    return `The workflow id ${workflowId} is that of a run that a step starts`;
  }
  return undefined;
}
