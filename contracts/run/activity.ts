/**
 * What a workflow passes to its activities and gets back. It becomes a part of Temporal's history, so it is
 * small: the action's input, who asks, and the pending run events; never the variables of the run.
 */
import { z } from 'zod';
import { JsonValue } from '../json.js';
import { SecretRef } from './activity-refs.js';
import { CompensationPayload } from './compensation.js';
import { DefinitionPin, SystemContext } from './run.js';
import { StartMemo } from './messages.js';
import { RunEvent } from './run-events.js';

/** Which run it is. The activity itself knows the Temporal run id of the current execution. */
export const RunHeader = z.object({
  /** Temporal's first execution run id: the key of the run's rows. */
  runId: z.string(),
  tenant: z.string(),
  definition: z.string(),
  version: z.number().int(),
});
export type RunHeader = z.infer<typeof RunHeader>;

/** Which step execution it is. */
export const StepRef = z.object({
  path: z.string(),
  id: z.string(),
  /** Loop indexes, outermost first. */
  iteration: z.array(z.number().int()),
  /** The attempt of the step's retry policy, from 1; Temporal's retries do not change it. */
  attempt: z.number().int().positive(),
});
export type StepRef = z.infer<typeof StepRef>;

/** Second argument of an action's activity. The first is the action's input, with `{$secret}` unresolved. */
export const ActionEnvelope = z.object({
  run: RunHeader,
  actor: z.string(),
  step: StepRef,
  /** Version of the action, pinned when the run started. */
  actionVersion: z.number().int().positive(),
  /** Key of the ledger row, unique in the tenant. */
  idempotencyKey: z.string(),
  /** Limit of one execution of the action, ms: the activity ends it with ACTION_TIMEOUT. */
  timeoutMs: z.number().int().positive(),
  system: SystemContext,
  /** `findSecrets` of the author's input; absent: the input names no secrets. */
  secrets: z.array(SecretRef).optional(),
  /** Labels of the step, for policies. */
  tags: z.array(z.string()).optional(),
  /** Present if the action compensates a step. */
  compensation: CompensationPayload.optional(),
  events: z.array(RunEvent),
  /** True if the action runs as a local activity, which commits no run events. */
  local: z.boolean().optional(),
});
export type ActionEnvelope = z.infer<typeof ActionEnvelope>;

/** Result of an action's activity. */
export const ActionResult = z.object({
  output: JsonValue,
  /** Ids of what the action made, for a compensation. */
  artifacts: z.array(z.string()).optional(),
  /** True: the outcome is from the ledger, and the action did not run. */
  recorded: z.boolean().optional(),
  /** `signalPrints` of the events that it committed; absent: an older worker, or completed by hand. */
  signals: z.string().optional(),
  /** `sealOf` the attempt; absent: a worker of release 0.1.0, or completed by hand. */
  seal: z.string().optional(),
});
export type ActionResult = z.infer<typeof ActionResult>;

/** Argument of `sluice.completeAction`: the outcome of an action that a person completed. */
export const CompletionRequest = z.object({
  action: z.string(),
  input: JsonValue,
  /** Of the attempt; its events commit with the outcome. */
  envelope: ActionEnvelope,
  /** The action's output; null where none was given. */
  value: JsonValue.optional(),
  /** True: the value has the form of an ActionResult. What it holds as `output` may be the output. */
  asResult: z.boolean().optional(),
  /** Why the run does not take the value: it cannot be decoded, or would be rounded. */
  refused: z.string().optional(),
});
export type CompletionRequest = z.infer<typeof CompletionRequest>;

/** Details of the ApplicationFailure that carries an action's business error (`type` is its code). */
export const ActionFailureDetails = z.object({
  category: z.string(),
  retryable: z.boolean(),
  details: JsonValue.nullable(),
  /** True if the events of the envelope committed before the failure. */
  committed: z.boolean(),
  /** `signalPrints` of those events, where they committed. */
  signals: z.string().optional(),
  /** Ids of what the action made before it failed. */
  artifacts: z.array(z.string()).optional(),
  /** Of a start that was refused: the version of the definition that it found. */
  version: z.number().int().optional(),
});
export type ActionFailureDetails = z.infer<typeof ActionFailureDetails>;

/**
 * Type of the failure with which a local action is handed back, to run as a regular activity. It is persisted
 * in histories. No code of an action has lower-case letters, so no action fails so.
 */
export const LOCAL_ACTION_UNENDED = 'sluice.localActionUnended';

/** Argument of `sluice.flushEvents`. */
export const FlushRequest = z.object({ run: RunHeader, events: z.array(RunEvent) });
export type FlushRequest = z.infer<typeof FlushRequest>;

/** Result of `sluice.flushEvents`; workers of older releases answer nothing. */
export const FlushResult = z.object({
  /** `signalPrints` of the events that it committed. */
  signals: z.string(),
});
export type FlushResult = z.infer<typeof FlushResult>;

/** What a step does that acts, and calls no action. */
const AskedStage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('event.publish'), eventName: z.string() }),
  z.object({ kind: z.literal('control.callWorkflow'), child: z.string() }),
  z.object({ kind: z.literal('human.task') }),
]);
export type AskedStage = z.infer<typeof AskedStage>;

/** Argument of `sluice.authorizeStage`. */
export const AuthorizeRequest = z.object({
  run: RunHeader,
  actor: z.string(),
  step: StepRef,
  system: SystemContext,
  stage: AskedStage,
});
export type AuthorizeRequest = z.infer<typeof AuthorizeRequest>;

/** Result of `sluice.authorizeStage`; a denial is the activity's failure. */
export const AuthorizeResult = z.object({ permitted: z.literal(true) });
export type AuthorizeResult = z.infer<typeof AuthorizeResult>;

/** Argument of the local activity `sluice.prepareRun`, which only reads. */
export const PrepareRunRequest = z.object({
  tenant: z.string(),
  definition: z.string(),
  version: z.number().int().positive().optional(),
  payload: JsonValue,
  /** What the start claims about its cause: the type of its trigger, the run id of its parent. */
  cause: z.object({ trigger: z.string().optional(), parent: z.string().optional() }).optional(),
  /** All that the start says about itself; absent: it names no one, or an older worker made the request. */
  start: StartMemo.optional(),
  /** The claim of the start, if a key has signed it for this workflow. */
  claim: z.object({ type: z.string(), digest: z.string() }).optional(),
});
export type PrepareRunRequest = z.infer<typeof PrepareRunRequest>;

/** In the details of DEFINITION_NOT_FOUND: the database has no definition of any tenant. */
export const DATABASE_IS_EMPTY = 'databaseIsEmpty';

/** What a run is pinned to. From here on all of it is in the run's history. */
export const PreparedRun = z.object({
  pin: DefinitionPin,
  /** The parsed document, keys in the author's order; parse it with the definition schema. */
  document: JsonValue,
  /** The payload with the defaults of payloadSchema applied. */
  payload: JsonValue,
  system: SystemContext,
  /** Action id → pinned version, for calls that name no version. */
  actions: z.record(z.string(), z.number().int()),
  /** Definition id of a child → pinned version, for calls that name no version. */
  children: z.record(z.string(), z.number().int()),
  /** True: the worker has a ring of claim keys, so the run asks for a claim for each child. */
  claims: z.boolean().optional(),
  /** True: the worker has policies: the run asks them before it publishes, starts a child or asks people. */
  policies: z.boolean().optional(),
  /** The worker has a key ring: with this key correlation keys become search attributes. Hexadecimal. */
  searchKey: z.string().optional(),
  /** Of its actions among others that wait, 1 first; absent: as the server has it. */
  priority: z.number().int().positive().optional(),
  /**
   * If the worker's config sets them: history events at which the run continues as new, and at which it must;
   * ids of events that it remembers.
   */
  limits: z
    .object({
      historyEvents: z.number().int().positive(),
      historyEventsMost: z.number().int().positive(),
      rememberedEventIds: z.number().int().positive().optional(),
    })
    .optional(),
});
export type PreparedRun = z.infer<typeof PreparedRun>;

/** Argument of the workflow `sluice.publish` and of its activity. */
export const PublishRequest = z.object({
  tenant: z.string(),
  actor: z.string(),
  /** The document as written; kept as text, because the order of its keys has meaning. */
  source: z.string(),
  format: z.enum(['yaml', 'json']),
});
export type PublishRequest = z.infer<typeof PublishRequest>;

/** Argument of the workflow `sluice.unpublish` and of its activity. */
export const UnpublishRequest = z.object({ tenant: z.string(), actor: z.string(), definition: z.string() });
export type UnpublishRequest = z.infer<typeof UnpublishRequest>;

/** Argument of the workflow `sluice.promote` and of its activity. */
export const PromoteRequest = UnpublishRequest.extend({ version: z.number().int().positive() });
export type PromoteRequest = z.infer<typeof PromoteRequest>;

/** What starts runs of a version. */
const Starts = z.object({
  /** Names of events, sorted. */
  events: z.array(z.string()),
  /** Ids of Temporal's schedules. */
  schedules: z.array(z.string()),
});

export const PromoteResult = z.object({
  pin: DefinitionPin,
  /** The version that a start took before; null: the definition was unpublished. */
  was: z.number().nullable(),
  /** What starts runs from now on. */
  starts: Starts,
  /** What started runs before. */
  started: Starts,
});
export type PromoteResult = z.infer<typeof PromoteResult>;

export const PublishResult = z.object({
  pin: DefinitionPin,
  /** False: the same version with the same hash was published already. */
  created: z.boolean(),
  /** The version that a start takes, where it is another one; absent where it is this one. */
  latest: z.number().nullable().optional(),
  /** What the document probably does not mean: the first problems of the level warning; absent if none. */
  warnings: z.array(JsonValue).optional(),
});
export type PublishResult = z.infer<typeof PublishResult>;
