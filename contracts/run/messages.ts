/**
 * What any Temporal client may send to a run and ask of it: memo keys at the start, signals, queries; and the
 * names that Sluice reserves. docs/temporal.md shows each with the `temporal` CLI.
 */
import { z } from 'zod';
import { RunError } from '../errors.js';
import { JsonValue } from '../json.js';
import { LIMITS } from '../limits.js';
import { RunRef, RunStatus, WaitKind } from './run.js';

/** Prefix of Sluice's workflows and activities; no action or definition may use it. */
export const RESERVED_PREFIX = 'sluice.';

/** Sluice's workflow types, besides the definitions. */
export const WORKFLOW_TYPES = {
  publish: 'sluice.publish',
  promote: 'sluice.promote',
  unpublish: 'sluice.unpublish',
  putCalendar: 'sluice.putCalendar',
  deadLetters: 'sluice.deadLetters',
  task: 'sluice.task',
} as const;

/** Sluice's activity types, besides the actions. `prepareRun` and `afterReset` are local and only read. */
export const ACTIVITY_TYPES = {
  prepareRun: 'sluice.prepareRun',
  flushEvents: 'sluice.flushEvents',
  authorizeStage: 'sluice.authorizeStage',
  publishDefinition: 'sluice.publishDefinition',
  promoteDefinition: 'sluice.promoteDefinition',
  unpublishDefinition: 'sluice.unpublishDefinition',
  deadLetters: 'sluice.deadLetters',
  afterReset: 'sluice.afterReset',
  completeAction: 'sluice.completeAction',
  putCalendar: 'sluice.putCalendar',
  readCalendar: 'sluice.readCalendar',
  checkTaskAct: 'sluice.checkTaskAct',
  recordTask: 'sluice.recordTask',
  openTask: 'sluice.openTask',
  endTask: 'sluice.endTask',
  actOnTask: 'sluice.actOnTask',
} as const;

export const SIGNALS = { event: 'event', humanTask: 'humanTask', resync: 'resync' } as const;
export const QUERIES = { state: 'state', progress: 'progress' } as const;

/** Search attributes with their Temporal types; a worker refuses to start without one of them. */
export const SEARCH_ATTRIBUTES = {
  SluiceTenant: 'Keyword',
  SluiceDefinition: 'Keyword',
  SluiceDefinitionVersion: 'Int',
  SluiceCorrelationKeys: 'KeywordList',
} as const;

/** Name of a tenant: letters, digits, `_`, `-`, `.`; at most 64. */
export const TenantId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must be 1 to 64 letters, digits, _, - or .');

/**
 * Start options that are not payload. Each is a separate memo key, so that
 * `temporal workflow start … --memo 'tenant="acme"'` works. Sluice ignores other memo keys.
 */
export const StartMemo = z.object({
  tenant: TenantId.default('default'),
  actor: z.string().min(1).max(256).default('temporal-client'),
  /** Pinned definition version; absent: the latest published one. */
  version: z.number().int().positive().optional(),
  trigger: JsonValue.optional(),
  parent: RunRef.optional(),
  root: RunRef.optional(),
  /**
   * How many runs, this one included, events of the run before have started in a chain. Other clients may use
   * the key for something else.
   */
  sluiceChain: z.number().int().positive().optional().catch(undefined),
  /** Parents above this run; absent where the run has none, or one. */
  sluiceDepth: z.number().int().positive().optional().catch(undefined),
  /** The run that this one is a re-run of. */
  rerunOf: RunRef.optional(),
  correlationKeys: z.array(z.string().min(1).max(LIMITS.correlationKeyCharacters)).max(1_000).default([]),
});
export type StartMemo = z.infer<typeof StartMemo>;

/** Payload of the signal `event`, from the bridge or from any Temporal client. */
export const EventSignal = z.object({
  eventId: z.string().min(1).max(LIMITS.eventIdCharacters),
  source: z.string().min(1).max(LIMITS.eventIdCharacters).default('temporal-client'),
  eventName: z.string().min(1).max(LIMITS.eventNameCharacters),
  /** A number becomes a string. An absent key matches only waits without a key. */
  correlationKey: z
    .union([z.string().max(LIMITS.correlationKeyCharacters), z.number()])
    .nullable()
    .default(null)
    .transform((key) => (typeof key === 'number' ? String(key) : key)),
  payload: JsonValue.default(null),
  /** Who sends it, as the sender says; absent: a Temporal client that does not say. */
  actor: z.string().min(1).max(256).optional().catch(undefined),
  /** ISO instant; absent: the time at which the run gets the signal. */
  receivedAt: z.iso.datetime({ offset: true }).optional(),
  /**
   * The run that the sender means, by its first execution run id: another run with the same workflow id
   * ignores the signal. Absent: the run that is open.
   */
  runId: z.string().max(256).optional(),
  /** True: the payload was omitted, because it exceeds what a run buffers. Its audit row has it. */
  omitted: z.boolean().optional(),
  /** True: the event has an audit row, from which a later wait gets it again. */
  recorded: z.boolean().optional(),
  /** Only in a look-back: whether it leaves events for another look-back. */
  left: z.boolean().optional(),
});
export type EventSignal = z.infer<typeof EventSignal>;

/** Answer of the query `state`. */
export const RunStateView = z.object({
  runId: z.string(),
  workflowId: z.string(),
  definition: z.string(),
  /** Null: the run is still being prepared, or it failed before it was pinned to a version. */
  version: z.number().int().nullable(),
  status: RunStatus,
  state: z.string().nullable(),
  vars: JsonValue,
  waits: z.array(
    z.object({
      stepPath: z.string(),
      stepId: z.string(),
      kind: WaitKind,
      eventNames: z.array(z.string()),
      correlationKey: z.string().nullable(),
      /** ISO instant; null: no limit. */
      deadline: z.string().nullable(),
    }),
  ),
  lastSeq: z.number().int(),
  /** The error of a FAILED run. */
  error: RunError.nullable().default(null),
});
export type RunStateView = z.infer<typeof RunStateView>;

/** One line of progress: a run event, shortened. */
export const ProgressLine = z.object({
  seq: z.number().int(),
  /** ISO instant. */
  at: z.string(),
  type: z.string(),
  stepPath: z.string().nullable(),
  stepId: z.string().nullable(),
  name: z.string().nullable(),
  iteration: z.array(z.number().int()),
  attempt: z.number().int(),
  /** What a reader wants besides the type: an action id, an event name, an error's code and message. */
  detail: z.string().nullable(),
});
export type ProgressLine = z.infer<typeof ProgressLine>;

/**
 * Argument of the query `progress`: only lines with a greater `seq`. Absent: all lines that the run holds.
 */
export const ProgressQuery = z
  .object({ since: z.number().int().nonnegative().default(0) })
  .default({ since: 0 });

/** Answer of the query `progress`: the newest lines (the run keeps the last 500), oldest first. */
export const RunProgress = z.object({
  status: RunStatus,
  state: z.string().nullable(),
  lastSeq: z.number().int(),
  steps: z.object({
    running: z.number().int(),
    succeeded: z.number().int(),
    failed: z.number().int(),
    waiting: z.number().int(),
  }),
  lines: z.array(ProgressLine),
  /** The error of a FAILED run. */
  error: RunError.nullable().default(null),
});
export type RunProgress = z.infer<typeof RunProgress>;
