/**
 * Sluice from an application: a thin, typed layer over Temporal's client.
 *
 * Invariants
 * - Temporal is asked first and only: nothing here writes the database. What is shown comes from `reads`.
 * - A run started here is what `temporal workflow start` would have made: workflow type = definition id,
 *   first argument = payload, everything else in the memo.
 * - Everything that is thrown is a SluiceError with a code of `contracts/errors.ts` or of the run itself.
 */
import {
  Client,
  Connection,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  type WorkflowHandle,
} from '@temporalio/client';
import { v7 as uuid } from 'uuid';
import type { z } from 'zod';
import { PublishRequest, PublishResult, UnpublishRequest } from '../contracts/run/activity.js';
import { SluiceError } from '../contracts/errors.js';
import { jsonSize, utf8Length, type Json } from '../contracts/json.js';
import { LIMITS } from '../contracts/limits.js';
import {
  EventSignal,
  QUERIES,
  RESERVED_PREFIX,
  RunProgress,
  RunStateView,
  SIGNALS,
  StartMemo,
  WORKFLOW_TYPES,
  type ProgressLine,
} from '../contracts/run/messages.js';
import { DeadLetterClient } from './dead-letters.js';
import { calling, type CallContext } from './connection/errors.js';
import type { EventBus } from './events/event-bus.js';
import { envelopeOf, type EventToPublish } from './events/event-to-publish.js';
import { followRun, type FollowOptions } from './follow.js';
import { DefinitionControl } from './definition-control.js';
import type {
  AnyPayloads,
  PublishOptions,
  SluiceClientOptions,
  StartedRun,
  StartOptions,
} from './connection/options.js';
import { RunControl } from './run-control.js';
import type { RunContext } from './runs/context.js';
import { stopWorkflow } from './runs/stop-run.js';

const CONNECT_LIMIT_MS = 5_000;
/** A signal is tried again for this long while the server is away. */
const SIGNAL_LIMIT_MS = 5_000;
/** A query waits this long for a worker to answer. */
const QUERY_LIMIT_MS = 10_000;
/** Publishing is one activity: past this no worker polls the task queue. */
const PUBLISH_LIMIT_MS = 60_000;

/** Events of a history up to and with the completion of the first workflow task. */
const FIRST_TASK_COMPLETED = 4;
const OPEN: ReadonlySet<string> = new Set(['RUNNING', 'CONTINUED_AS_NEW', 'PAUSED']);

/**
 * Connects a client.
 * @typeParam P payloads by definition id, as `sluice types` makes them; default: any id takes any JSON
 * @throws SluiceError TEMPORAL_UNAVAILABLE where nothing answers at `address` within 5 s
 */
export async function createSluiceClient<P extends object = AnyPayloads>(
  options: SluiceClientOptions,
): Promise<SluiceClient<P>> {
  const {
    connection,
    address = connection?.options.address ?? 'localhost:7233',
    namespace,
    taskQueue,
  } = options;
  if (connection !== undefined) return new SluiceClient(connection, options, undefined);
  const own = { connectTimeout: CONNECT_LIMIT_MS, ...options.connectionOptions, address };
  const opened =
    options.lazy === true
      ? Connection.lazy(own)
      : await calling({ address, namespace, taskQueue }, () => Connection.connect(own));
  return new SluiceClient(opened, options, () => opened.close());
}

/** Made by {@link createSluiceClient}. */
export class SluiceClient<P extends object = AnyPayloads> {
  /** Temporal's own client, for what Sluice adds nothing to. */
  readonly temporal: Client;
  private readonly bus: EventBus | undefined;
  /** What could not be done: look at it, retry it, dismiss it. */
  readonly deadLetters: DeadLetterClient;
  /** Runs: shown, stopped, re-run, rewound, exported. */
  readonly runs: RunControl;
  /** Definitions: shown. */
  readonly definitions: DefinitionControl;
  readonly #context: CallContext;
  readonly #runContext: RunContext;
  readonly #defaults: { readonly tenant: string; readonly actor: string };

  /** @internal */
  constructor(
    connection: Connection,
    options: SluiceClientOptions,
    private readonly closeConnection: (() => Promise<void>) | undefined,
  ) {
    this.bus = options.bus;
    const { namespace, taskQueue, tenant = 'default', actor = 'sluice-client' } = options;
    this.temporal = new Client({ connection, namespace });
    this.#context = { address: connection.options.address, namespace, taskQueue };
    this.#defaults = { tenant, actor };
    this.#runContext = {
      temporal: this.temporal,
      call: this.#context,
      ...this.#defaults,
      reads: options.reads,
      start: (...args) => this.#start(...args),
    };
    this.runs = new RunControl(this.#runContext, (...args) => this.signalEvent(...args));
    this.definitions = new DefinitionControl(this.#runContext);
    this.deadLetters = new DeadLetterClient(
      (request, exclusive) => this.#once(WORKFLOW_TYPES.deadLetters, request as Json, exclusive),
      this.#defaults,
      () => this.bus,
    );
  }

  /**
   * Publishes a definition; the same document again changes nothing.
   * @param source the document as written
   * @throws SluiceError DEFINITION_INVALID with every problem in its details, DEFINITION_CONFLICT,
   *   DEFINITION_TOO_LARGE, WORKER_NOT_FOUND
   */
  publish(source: string, options?: PublishOptions): Promise<PublishResult>;
  /**
   * Puts an event on the bus, where the bridge finds it.
   * @returns the id of the event, by which a repetition is known
   * @throws SluiceError CONFIG_INVALID where the client has no `bus`; EVENT_INVALID, EVENT_TOO_LARGE,
   *   REDIS_UNAVAILABLE, BRIDGE_UNAVAILABLE
   */
  publish(event: EventToPublish): Promise<{ readonly eventId: string }>;
  async publish(
    what: string | EventToPublish,
    options: PublishOptions = {},
  ): Promise<PublishResult | { readonly eventId: string }> {
    return typeof what === 'string' ? this.#publishDefinition(what, options) : this.#publishEvent(what);
  }

  async #publishEvent(event: EventToPublish): Promise<{ readonly eventId: string }> {
    if (this.bus === undefined) {
      throw new SluiceError('CONFIG_INVALID', 'This client has no bus: give it httpBus(…) or redisBus(…).');
    }
    const { eventId, envelope } = envelopeOf(event, this.#defaults.tenant);
    await this.bus.publish(envelope);
    return { eventId };
  }

  async #publishDefinition(source: string, options: PublishOptions): Promise<PublishResult> {
    const bytes = utf8Length(source);
    if (bytes > LIMITS.definitionBytes) {
      throw new SluiceError('DEFINITION_TOO_LARGE', `The document has ${bytes} bytes.`);
    }
    const request = checked(PublishRequest, {
      ...this.#defaults,
      format: 'yaml',
      source,
      ...defined(options),
    });
    const result = await this.#once(WORKFLOW_TYPES.publish, request);
    return PublishResult.parse(result);
  }

  /**
   * Takes a definition back: nothing starts runs of it any more (no trigger, no schedule, no start without a
   * version). Running runs go on, its versions stay, and publishing it again brings all of it back.
   * @throws SluiceError DEFINITION_NOT_FOUND, WORKER_NOT_FOUND
   */
  async unpublish(definition: string, options: Pick<PublishOptions, 'tenant' | 'actor'> = {}): Promise<void> {
    const request = checked(UnpublishRequest, { ...this.#defaults, definition, ...defined(options) });
    await this.#once(WORKFLOW_TYPES.unpublish, request);
  }

  /**
   * Runs one of Sluice's own workflows.
   * @param exclusive ends the workflow id, where no two may run at once
   */
  async #once(type: string, request: Json, exclusive?: string): Promise<unknown> {
    const workflowId = `${type}/${exclusive ?? uuid()}`;
    return this.#call(workflowId, () =>
      this.temporal.workflow.execute(type, {
        args: [request],
        workflowId,
        taskQueue: this.#context.taskQueue,
        // What is retried takes the time that it takes.
        ...(exclusive === undefined && { workflowExecutionTimeout: PUBLISH_LIMIT_MS }),
      }),
    ).catch((error: SluiceError) => {
      if (error.code !== 'RUN_TIMED_OUT') throw error;
      throw new SluiceError(
        'WORKER_NOT_FOUND',
        `No worker on task queue ${this.#context.taskQueue} took it within ${PUBLISH_LIMIT_MS / 1000} s.`,
        { cause: error },
      );
    });
  }

  /**
   * Starts a run of a published definition.
   * @param payload fits the definition's payloadSchema; a run whose payload does not fit fails with
   *   PAYLOAD_INVALID before its first step
   * @throws SluiceError WORKFLOW_ALREADY_STARTED, START_OPTIONS_INVALID, NAME_RESERVED, INPUT_TOO_LARGE
   */
  start<Id extends keyof P & string>(
    definitionId: Id,
    payload: P[Id],
    options: StartOptions = {},
  ): Promise<StartedRun> {
    // What is no JSON is refused by the payload converter.
    return this.#start(definitionId, payload as Json, options);
  }

  async #start(definitionId: string, payload: Json, options: StartOptions): Promise<StartedRun> {
    if (definitionId.startsWith(RESERVED_PREFIX)) {
      throw new SluiceError('NAME_RESERVED', `${definitionId} is no definition.`);
    }
    if (jsonSize(payload) > LIMITS.stateBytes) {
      throw new SluiceError('INPUT_TOO_LARGE', `The payload has ${jsonSize(payload)} bytes.`);
    }
    const {
      workflowId = `${definitionId}/${uuid()}`,
      onConflict = 'fail',
      reuse = 'always',
      ...memo
    } = options;
    const checkedMemo = checked(StartMemo, { ...this.#defaults, ...defined(memo) });
    const handle = await this.#call(workflowId, () =>
      this.temporal.workflow.start(definitionId, {
        args: [payload],
        workflowId,
        taskQueue: this.#context.taskQueue,
        memo: defined(checkedMemo),
        workflowIdConflictPolicy: CONFLICT[onConflict],
        workflowIdReusePolicy: REUSE[reuse],
      }),
    );
    if (onConflict !== 'use-existing') return { workflowId, runId: handle.firstExecutionRunId };
    // The one that was there may have continued as new: what Temporal gave back is then not its first run id.
    const { raw } = await this.#call(workflowId, () => this.#handle(workflowId).describe());
    return { workflowId, runId: raw.workflowExecutionInfo?.firstRunId || handle.firstExecutionRunId };
  }

  /**
   * Sends an event to one run. Whether a wait takes it is for the run to decide.
   * @param event `eventId` makes a repetition harmless; default: a new one
   * @param signalName by which signal: an event wait takes `event`, a human task `humanTask`
   */
  async signalEvent(
    workflowId: string,
    event: Omit<z.input<typeof EventSignal>, 'eventId'> & { readonly eventId?: string },
    signalName: 'event' | 'humanTask' = 'event',
  ): Promise<void> {
    const signal = checked(EventSignal, { eventId: uuid(), source: 'sluice-client', ...defined(event) });
    await calling({ ...this.#context, workflowId, needsWorker: false }, () =>
      this.temporal.withDeadline(Date.now() + SIGNAL_LIMIT_MS, () =>
        this.#handle(workflowId).signal(SIGNALS[signalName], defined(signal)),
      ),
    );
  }

  /** What the run is doing: status, business state, variables, open waits. */
  async state(workflowId: string): Promise<RunStateView> {
    return RunStateView.parse(await this.#query(workflowId, QUERIES.state));
  }

  /** The run's newest events, from after `since` (a `seq`; default: all that it still holds). */
  async progress(workflowId: string, since = 0): Promise<RunProgress> {
    return RunProgress.parse(await this.#query(workflowId, QUERIES.progress, { since }));
  }

  /**
   * The run's events as they happen, until it ends; then returns. How it ended is for `result` to say.
   * A worker that is away, or a run that continues as new, only delays the lines.
   */
  follow(workflowId: string, options: FollowOptions = {}): AsyncGenerator<ProgressLine, void> {
    return followRun(
      {
        progress: (since) => this.progress(workflowId, since),
        look: async () => {
          const { status, historyLength } = await this.#call(workflowId, () =>
            this.#handle(workflowId).describe(),
          );
          return { open: OPEN.has(status.name), begun: historyLength >= FIRST_TASK_COMPLETED };
        },
      },
      options,
    );
  }

  /**
   * Waits for the run to end, over continue-as-new.
   * @param runId which run of that workflow id; default: the latest
   * @throws SluiceError the run's own code, message and details; RUN_CANCELED, RUN_TERMINATED, RUN_TIMED_OUT
   */
  async result(workflowId: string, runId?: string): Promise<Json> {
    const handle = this.temporal.workflow.getHandle(workflowId, runId);
    return this.#call(workflowId, () => handle.result() as Promise<Json>);
  }

  /**
   * Asks whichever run has the workflow id to stop: it cleans up and ends CANCELED. Resolves when Temporal has
   * accepted the request.
   * @throws SluiceError WORKFLOW_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_CANCEL_FAILED; then nothing has changed
   */
  async cancel(workflowId: string, reason?: string): Promise<void> {
    await stopWorkflow(this.#runContext, 'cancel', workflowId, { reason });
  }

  /**
   * Ends whichever run has the workflow id at once, without clean-up or compensation.
   * @throws SluiceError WORKFLOW_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_TERMINATE_FAILED; then nothing has changed
   */
  async terminate(workflowId: string, reason?: string): Promise<void> {
    await stopWorkflow(this.#runContext, 'terminate', workflowId, { reason });
  }

  /** Asks whether Temporal answers. @throws SluiceError TEMPORAL_UNAVAILABLE, TEMPORAL_NAMESPACE_NOT_FOUND */
  async check(): Promise<void> {
    const { namespace } = this.#context;
    await calling(this.#context, () =>
      this.temporal.withDeadline(Date.now() + CONNECT_LIMIT_MS, () =>
        this.temporal.workflowService.describeNamespace({ namespace }),
      ),
    );
  }

  /** Closes the connection, if this client opened it. */
  async close(): Promise<void> {
    await this.closeConnection?.();
  }

  #handle(workflowId: string): WorkflowHandle {
    return this.temporal.workflow.getHandle(workflowId);
  }

  #query(workflowId: string, query: string, ...args: Json[]): Promise<unknown> {
    return this.#call(workflowId, () =>
      this.temporal.withDeadline(Date.now() + QUERY_LIMIT_MS, () =>
        this.#handle(workflowId).query(query, ...args),
      ),
    );
  }

  #call<T>(workflowId: string, call: () => Promise<T>): Promise<T> {
    return calling({ ...this.#context, workflowId }, call);
  }
}

const CONFLICT = {
  fail: WorkflowIdConflictPolicy.FAIL,
  'use-existing': WorkflowIdConflictPolicy.USE_EXISTING,
  'terminate-existing': WorkflowIdConflictPolicy.TERMINATE_EXISTING,
} as const;

const REUSE = {
  always: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
  never: WorkflowIdReusePolicy.REJECT_DUPLICATE,
  'after-failure': WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
} as const;

/** Parses what the caller gave; a refusal names every field. */
function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new SluiceError('INPUT_INVALID', problems.join('; '), { details: problems });
}

/** Without the keys that are undefined: they would become null in JSON or override a default. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
