/**
 * The HTTP API's answers on the wire: `api/` writes them, `client/reads/api-reads.ts` reads them.
 *
 * Names are those of the rest of Sluice: `runId`, `workflowId`, `stepPath`, `correlationKey`. Times are ISO
 * instants. No key is ever missing: an absent value is null. The metadata's `id` is the name in the OpenAPI
 * document.
 */
import { z } from 'zod';
import { ErrorCategory } from '../errors.js';
import { RunStatus, StepStatus, WaitKind, WaitStatus } from '../run/run.js';

/** A union: OpenAPI has no nullable form of a reference. */
const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);
const text = () => orNull(z.string());
const anything = (description: string) => z.unknown().meta({ description });
const iteration = z.array(z.number().int()).meta({ description: 'Loop indexes, outermost first.' });
const position = { stepPath: z.string(), iteration, attempt: z.number().int() };

export const ApiRunRef = z.object({ runId: z.string(), workflowId: z.string() }).meta({ id: 'RunRef' });

const ApiRunError = z
  .object({
    code: z.string(),
    message: z.string(),
    category: ErrorCategory,
    stepPath: text(),
    at: z.string(),
    attempt: z.number().int(),
    details: anything('Details that the error carries.'),
  })
  .meta({ id: 'RunError' });

export const ApiPause = z
  .object({
    what: z.enum(['run', 'activity']),
    activity: text().meta({ description: 'Type of the activity.' }),
    activityId: text(),
    stillRuns: z
      .boolean()
      .meta({ description: 'The attempt under way runs on, and is the last until it is unpaused.' }),
    by: text().meta({ description: 'Who paused it, as Temporal has it.' }),
    reason: text(),
    since: text(),
  })
  .meta({ id: 'Pause' });
/** A pause of a run, or of one of its activities. */
export type Pause = z.output<typeof ApiPause>;

const paused = {
  paused: orNull(z.array(ApiPause)).default(null).meta({
    description:
      'What of the run is paused in Temporal, which is asked at each read; null: it did not tell. The status stays what it was.',
  }),
};

const summary = {
  runId: z
    .string()
    .meta({ description: 'Temporal’s first execution run id, which stays over continue-as-new and reset.' }),
  workflowId: z.string(),
  tenant: z.string(),
  definition: z.string(),
  version: z.number().int(),
  status: RunStatus,
  state: text().meta({ description: 'The business state that the definition set last.' }),
  actor: text(),
  parent: orNull(ApiRunRef),
  root: orNull(ApiRunRef),
  rerunOf: orNull(ApiRunRef),
  correlationKeys: z.array(z.string()),
  errorCode: text(),
  startedAt: z.string(),
  endedAt: text(),
  cancelRequestedAt: text(),
  erasedAt: text()
    .default(null)
    .meta({ description: 'When the values of the run were erased; its other columns stay.' }),
};

export const ApiRunSummary = z.object({ ...summary, ...paused }).meta({ id: 'RunSummary' });

export const ApiRun = z
  .object({
    ...summary,
    ...paused,
    reruns: z
      .array(ApiRunRef)
      .default([])
      .meta({ description: 'Its re-runs, the newest ten, newest first.' }),
    definitionHash: text(),
    semantics: orNull(z.number().int()),
    system: orNull(z.object({ environment: z.string(), region: z.string(), release: z.string() })),
    payload: anything('The payload that the run was started with.'),
    trigger: anything('What started the run.'),
    result: anything('The result; null until the run has succeeded.'),
    error: orNull(ApiRunError),
    cancelReason: text(),
  })
  .meta({ id: 'Run' });

const ApiSaid = z.object({ code: z.string(), message: z.string() });

export const ApiRunExplanation = z
  .object({
    runId: z.string(),
    workflowId: z.string(),
    definition: z.string(),
    version: orNull(z.number().int()).meta({ description: 'Null: it was refused before it had one.' }),
    status: RunStatus,
    text: z.string().meta({ description: 'What happened, as a paragraph.' }),
    step: orNull(
      z.object({
        path: z.string(),
        iteration: z.array(z.number().int()),
        id: text(),
        action: text(),
        attempts: z.array(
          z.object({
            attempt: z.number().int(),
            status: StepStatus,
            startedAt: text(),
            endedAt: text(),
            error: orNull(ApiSaid),
          }),
        ),
      }),
    ).meta({ description: 'Where it failed, or is.' }),
    error: orNull(ApiSaid),
    answer: anything('What the called service answered: status, url, beginning of the body.'),
    secrets: z.array(z.string()).meta({ description: 'Names of the secrets that the step used.' }),
    waits: z.array(
      z.object({
        path: z.string(),
        eventNames: z.array(z.string()),
        correlationKey: text(),
        openedAt: text(),
        deadline: text(),
      }),
    ),
    acts: z.array(z.object({ at: z.string(), who: text(), act: z.string(), reason: text() })),
    help: z.array(z.string()).meta({ description: 'What would help, with commands to copy.' }),
    cut: z.array(z.string()).meta({ description: 'Lists that are longer than what was read.' }),
  })
  .meta({ id: 'RunExplanation' });

export const ApiStep = z
  .object({
    ...position,
    undoes: text().meta({ description: 'For a compensation: the path of the step that it undoes.' }),
    stepId: text(),
    kind: text(),
    name: text(),
    action: text(),
    actionVersion: orNull(z.number().int()),
    idempotencyKey: text(),
    status: StepStatus,
    input: anything('Summary of the input, redacted and cut.'),
    output: anything('Summary of the output, redacted and cut.'),
    error: orNull(ApiRunError),
    continued: z.boolean().meta({ description: 'The step failed, and its onError let the run go on.' }),
    nextAt: text(),
    startedAt: text(),
    endedAt: text(),
  })
  .meta({ id: 'Step' });

export const ApiRunEvent = z
  .object({
    seq: z.number().int(),
    at: z.string(),
    type: z.string(),
    wave: z.number().int(),
    stepPath: text(),
    iteration,
    attempt: orNull(z.number().int()).meta({ description: 'From 1; null means 1.' }),
    data: z
      .record(z.string(), z.unknown())
      .meta({ description: 'Data of the type; see docs/run-events.md.' }),
    executionId: z
      .string()
      .meta({ description: 'Temporal run id of the execution that committed the event.' }),
    superseded: z.boolean().meta({ description: 'A reset has undone the event.' }),
  })
  .meta({ id: 'RunEvent' });

export const ApiWait = z
  .object({
    ...position,
    kind: orNull(WaitKind),
    eventNames: z.array(z.string()),
    correlationKey: text(),
    filters: anything('The filters, with their values from when the wait opened.'),
    deadline: text(),
    child: orNull(z.object({ workflowId: z.string(), runId: text() })),
    status: WaitStatus,
    openedAt: text(),
    closedAt: text(),
    event: orNull(z.object({ id: z.string(), source: text(), name: text() })),
    reason: text(),
  })
  .meta({ id: 'Wait' });

export const ApiInvocation = z
  .object({
    idempotencyKey: z.string(),
    action: z.string(),
    actionVersion: z.number().int(),
    ...position,
    stepId: z.string(),
    status: z.enum(['STARTED', 'SUCCEEDED', 'FAILED']),
    input: anything('The input; secrets by name.'),
    output: anything('The output.'),
    artifacts: z.array(z.string()),
    error: orNull(ApiRunError),
    attempts: z.number().int(),
    local: z.boolean(),
    lease: orNull(z.object({ holder: z.string(), until: z.string() })),
    startedAt: z.string(),
    finishedAt: text(),
  })
  .meta({ id: 'Invocation' });

export const ApiEvidence = z
  .object({
    ...position,
    kind: z.string(),
    actor: z.string(),
    decision: z.string(),
    body: anything('The decision and what it rests on.'),
    at: z.string(),
  })
  .meta({ id: 'Evidence' });

export const ApiAct = z
  .object({
    at: z.string(),
    kind: z.string().meta({ description: 'Who vouches for the name: `key`, `jwt`, or `off`.' }),
    issuer: text(),
    subject: z.string(),
    act: z.string().meta({ description: 'The operation.' }),
    on: z.array(z.string()).meta({ description: 'What it was on, such as `run:ID`.' }),
    requestId: z.string(),
    outcome: z.enum(['done', 'refused', 'failed', 'unknown']),
    code: text(),
    endedAt: text(),
  })
  .meta({ id: 'Act' });

const inbound = {
  source: z.string(),
  eventId: z.string(),
  eventName: z.string(),
  correlationKey: text(),
  resolvedBy: z.string(),
  via: z.string(),
  outcome: text().meta({ description: 'Null while the event is being routed.' }),
  receivedAt: z.string(),
};

export const ApiInboundSummary = z.object(inbound).meta({ id: 'InboundEventSummary' });

const audited = {
  ...inbound,
  tried: z.array(z.string()),
  error: anything('Why the event could not be routed.'),
  envelope: anything('The envelope as it was received.'),
  routedAt: text(),
};

export const ApiRunInbound = z
  .object({
    ...audited,
    seq: z.number().int().meta({ description: 'Number of the log line that holds the event.' }),
  })
  .meta({ id: 'RunInboundEvent' });

export const ApiInboundEvent = z
  .object({
    ...audited,
    sender: text().meta({ description: 'Whose token it came to the bridge with.' }),
    erasedAt: text().meta({ description: 'When its values were erased.' }),
    runs: z.array(
      z.object({
        runId: z.string(),
        workflowId: z.string(),
        foundBy: z.string(),
        status: z.string(),
        error: text(),
        ...paused,
        waits: z.array(z.object({ place: z.string(), status: text(), failedFilters: z.array(z.string()) })),
        answers: z.array(z.string()),
      }),
    ),
    triggers: anything('The outcome of each trigger that names the event.'),
    conflicts: z
      .object({
        count: z.number().int(),
        last: z.array(
          z.object({
            at: z.string(),
            via: z.string(),
            differs: z.array(z.string()),
            digest: z.string().meta({ description: 'SHA-256 of the refused envelope.' }),
          }),
        ),
      })
      .meta({ description: 'Other events that came under the same source and id, and were refused.' }),
  })
  .meta({ id: 'InboundEvent' });

const version = {
  version: z.number().int(),
  hash: z.string(),
  publishedAt: z.string(),
  publishedBy: z.string(),
};

export const ApiDefinitionSummary = z
  .object({
    id: z.string(),
    ...version,
    published: z.boolean(),
    versions: z.number().int().meta({ description: 'Number of published versions.' }),
  })
  .meta({ id: 'DefinitionSummary' });

export const ApiDefinition = z
  .object({
    id: z.string(),
    ...version,
    format: z.enum(['yaml', 'json']),
    source: z.string().meta({ description: 'The document as it was published.' }),
    published: z.boolean(),
    latest: orNull(z.number().int()).meta({ description: 'The version of a start that names none.' }),
    promoted: z.boolean().meta({ description: 'True: a person has chosen `latest`.' }),
    versions: z.array(z.object(version)).meta({ description: 'All versions, the highest first.' }),
    acts: z
      .array(
        z.object({
          act: z.enum(['publish', 'promote', 'unpublish']),
          version: orNull(z.number().int()),
          was: orNull(z.number().int()).meta({ description: 'The version before.' }),
          by: z.string(),
          at: z.iso.datetime(),
        }),
      )
      .meta({ description: 'What changed the version of a start, the newest first; at most 50.' }),
  })
  .meta({ id: 'Definition' });

const ApiUnreadable = z
  .object({ id: z.string().meta({ description: 'In the database.' }), reason: z.string() })
  .meta({ id: 'UnreadableRow' });

/** A page of a list. */
export const apiPage = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: text().meta({ description: '`after` of the next page; null on the last page.' }),
    unreadable: z
      .array(ApiUnreadable)
      .optional()
      .meta({ description: 'Rows of this page that cannot be read; absent where all can.' }),
  });
