/**
 * The client that an application uses: a thin, typed layer over Temporal's client.
 *
 * Invariants
 * - Every act goes to Temporal, and to Temporal only: nothing here writes the database. Reads come from
 *   `reads`.
 * - A run started here is what `temporal workflow start` would have made: workflow type = definition id,
 *   first argument = payload, everything else in the memo.
 * - Every error is a SluiceError with a code of `contracts/errors.ts` or of the run itself.
 */
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { v7 as uuid } from 'uuid';
import type { z } from 'zod';
import {
  PromoteRequest,
  PromoteResult,
  PublishRequest,
  PublishResult,
  UnpublishRequest,
} from '../contracts/run/activity.js';
import { SluiceError } from '../contracts/errors.js';
import { utf8Length, type Json } from '../contracts/json.js';
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
import { checkPayload } from './connection/check-payload.js';
import { withCallLimits } from './connection/call-limits.js';
import { callTemporal, type CallContext } from './connection/errors.js';
import { checkedSize, parseOrRefuse, withoutUndefined } from './connection/input.js';
import { addressOf } from './connection/present.js';
import { sendSignal } from './connection/signal.js';
import { startRunAt } from './connection/start-run.js';
import { runSystemWorkflow } from './connection/system-workflow.js';
import type { EventBus } from './events/event-bus.js';
import { envelopeOf, type EventToPublish } from './events/event-to-publish.js';
import { followRun, type FollowOptions } from './follow.js';
import { DefinitionControl } from './definition-control.js';
import type {
  AnyPayloads,
  AnyStart,
  MadeStart,
  PublishOptions,
  SluiceClientOptions,
  StartedRun,
  StartOptions,
} from './connection/options.js';
import { RunControl } from './run-control.js';
import type { RunContext } from './runs/context.js';
import { stopWorkflow } from './runs/stop-run.js';
import { CalendarClient } from './tasks/calendar-client.js';
import { TaskClient } from './tasks/task-client.js';

const CONNECT_LIMIT_MS = 5_000;
/** A query waits this long for a worker to answer. */
const QUERY_LIMIT_MS = 10_000;

/** Length of a history that ends with the completion of its first workflow task. */
const FIRST_TASK_COMPLETED = 4;
const OPEN: ReadonlySet<string> = new Set(['RUNNING', 'CONTINUED_AS_NEW', 'PAUSED']);

/**
 * Connects a client.
 * @typeParam P payloads by definition id, as `sluice types` generates them; default: any id takes any JSON
 * @returns the client; the caller closes it with `close`
 * @throws SluiceError TEMPORAL_UNAVAILABLE if nothing answers at `address` within 5 s
 * @example
 * const sluice = await createSluiceClient({
 *   address: 'localhost:7233',
 *   namespace: 'default',
 *   taskQueue: 'sluice',
 * });
 * const { workflowId } = await sluice.start('order-fulfilment', { orderId: 'o-1' });
 * const result = await sluice.result(workflowId);
 * await sluice.close();
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
  const connect = withCallLimits({ connectTimeout: CONNECT_LIMIT_MS, ...options.connectionOptions, address });
  const opened =
    options.lazy === true
      ? Connection.lazy(connect)
      : await callTemporal({ address, namespace, taskQueue }, () => Connection.connect(connect));
  return new SluiceClient(opened, options, () => opened.close());
}

/** A client of Sluice; {@link createSluiceClient} makes one. */
export class SluiceClient<P extends object = AnyPayloads> {
  /** Temporal's own client, for calls to which Sluice adds nothing. */
  readonly temporal: Client;
  private readonly bus: EventBus | undefined;
  /** Dead letters: list, show, retry, dismiss. */
  readonly deadLetters: DeadLetterClient;
  /** Tasks of people: list, show, ask, act. */
  readonly tasks: TaskClient;
  /** Runs: list, show, stop, re-run, rewind, export. */
  readonly runs: RunControl;
  /** Business calendars: put, list, show. */
  readonly calendars: CalendarClient;
  /** Published definitions: list, show. */
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
    const { namespace, taskQueue, dataConverter, tenant = 'default', actor = 'sluice-client' } = options;
    this.temporal = new Client({
      connection,
      namespace,
      ...(dataConverter !== undefined && { dataConverter }),
    });
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
    this.tasks = new TaskClient(this.#runContext);
    this.calendars = new CalendarClient(this.#runContext);
    this.definitions = new DefinitionControl(this.#runContext);
    this.deadLetters = new DeadLetterClient(
      (request, exclusive) => this.#execute(WORKFLOW_TYPES.deadLetters, request, exclusive),
      this.#defaults,
      () => this.bus,
    );
  }

  /**
   * Publishes an event: puts it on the bus, from which the bridge reads it.
   * @returns the id of the event; a second event with that id and source changes nothing
   * @throws SluiceError CONFIG_INVALID if the client has no `bus`; EVENT_INVALID, EVENT_TOO_LARGE,
   *   REDIS_UNAVAILABLE, BRIDGE_UNAVAILABLE
   */
  async publishEvent(event: EventToPublish): Promise<{ readonly eventId: string }> {
    if (this.bus === undefined) {
      throw new SluiceError('CONFIG_INVALID', 'This client has no bus: give it httpBus(…) or redisBus(…).');
    }
    const { eventId, envelope } = envelopeOf(event, this.#defaults.tenant);
    await this.bus.publish(envelope, event.principal);
    return { eventId };
  }

  /**
   * Publishes a definition. Publishing the same document again changes nothing.
   * @param source the document as written
   * @returns the pinned version, whether it is a new one, and what the document probably does not mean
   * @throws SluiceError DEFINITION_INVALID with every problem in its details, DEFINITION_CONFLICT,
   *   DEFINITION_TOO_LARGE, SCHEDULE_REFUSED, WORKER_NOT_FOUND, PUBLISH_UNFINISHED
   */
  async publishDefinition(source: string, options: PublishOptions = {}): Promise<PublishResult> {
    const bytes = utf8Length(source);
    if (bytes > LIMITS.definitionBytes) {
      throw new SluiceError('DEFINITION_TOO_LARGE', `The document has ${bytes} bytes.`);
    }
    const request = parseOrRefuse(PublishRequest, {
      ...this.#defaults,
      format: 'yaml',
      source,
      ...withoutUndefined(options),
    });
    return PublishResult.parse(await this.#execute(WORKFLOW_TYPES.publish, request));
  }

  /**
   * Makes a published version the one that a start takes, with its triggers and schedules, also where higher
   * ones exist. Runs that are open go on with the version that they began with. Schedules keep the pauses and
   * notes of operators. Publishing other documents again does not undo it; a new version does.
   * @param version must be published
   * @returns what it changed
   * @throws SluiceError DEFINITION_NOT_FOUND, DEFINITION_VERSION_NOT_FOUND, ACTION_NOT_FOUND,
   *   SECRET_FORBIDDEN, SCHEDULE_REFUSED,
   *   WORKER_NOT_FOUND, PUBLISH_UNFINISHED
   */
  async promoteDefinition(
    definition: string,
    version: number,
    options: Pick<PublishOptions, 'tenant' | 'actor'> = {},
  ): Promise<PromoteResult> {
    const request = parseOrRefuse(PromoteRequest, {
      ...this.#defaults,
      ...{ definition, version },
      ...withoutUndefined(options),
    });
    return PromoteResult.parse(await this.#execute(WORKFLOW_TYPES.promote, request));
  }

  /**
   * Unpublishes a definition: its triggers, its schedules and starts without a version start no more runs.
   * Open runs go on, its versions stay, and publishing it again restores all of it.
   * @throws SluiceError DEFINITION_NOT_FOUND, WORKER_NOT_FOUND, PUBLISH_UNFINISHED
   */
  async unpublishDefinition(
    definition: string,
    options: Pick<PublishOptions, 'tenant' | 'actor'> = {},
  ): Promise<void> {
    const request = parseOrRefuse(UnpublishRequest, {
      ...this.#defaults,
      definition,
      ...withoutUndefined(options),
    });
    await this.#execute(WORKFLOW_TYPES.unpublish, request);
  }

  /**
   * Runs one of Sluice's system workflows.
   * @param exclusive the end of the workflow id, if two of these must not run at once
   */
  #execute(type: string, request: { readonly tenant: string }, exclusive?: string): Promise<unknown> {
    const { tenant } = request;
    return runSystemWorkflow(this.temporal, this.#context, {
      ...{ type, request, tenant, exclusive },
    });
  }

  /**
   * Starts a run of a published definition.
   * @param payload must fit the definition's payloadSchema. A client with `reads` checks it first; else a run
   *   whose payload does not fit fails with PAYLOAD_INVALID before its first step
   * @returns the ids of the run, as soon as Temporal has accepted the start
   * @throws SluiceError WORKFLOW_ALREADY_STARTED, PAYLOAD_INVALID (also for a number that would be rounded,
   *   and for over 1 MiB), INPUT_INVALID, NAME_RESERVED, TEMPORAL_UNAVAILABLE; OUTCOME_UNKNOWN, with the
   *   workflow id under which the run can be looked for, where Temporal's answer was lost
   * @example
   * const { workflowId, runId } = await sluice.start(
   *   'order-fulfilment',
   *   { orderId: 'o-1' },
   *   { workflowId: 'order/o-1', onConflict: 'use-existing' },
   * );
   */
  start<Id extends keyof P & string>(
    definitionId: Id,
    payload: P[Id],
    options: StartOptions = {},
  ): Promise<StartedRun> {
    return this.#start(definitionId, payload as Json, options);
  }

  /**
   * Starts a run under a workflow id that Sluice made (contracts/naming/workflow-id.ts).
   * @internal
   */
  startMade(definitionId: string, payload: Json, options: MadeStart): Promise<StartedRun> {
    return this.#start(definitionId, payload, { ...options, made: true });
  }

  async #start(definitionId: string, payload: Json, options: AnyStart): Promise<StartedRun> {
    if (definitionId.startsWith(RESERVED_PREFIX)) {
      throw new SluiceError(
        'NAME_RESERVED',
        `${definitionId} begins with ${RESERVED_PREFIX}, which is reserved for Sluice's system workflows.`,
      );
    }
    const bytes = checkedSize(payload, 'The payload', 'PAYLOAD_INVALID');
    if (bytes > LIMITS.stateBytes) {
      throw new SluiceError(
        'PAYLOAD_INVALID',
        `The payload has ${bytes} bytes; the limit is ${LIMITS.stateBytes}`,
        { details: { bytes, limit: LIMITS.stateBytes } },
      );
    }
    const { workflowId, made, onConflict = 'fail', reuse = 'always', ...memo } = options;
    const checkedMemo = parseOrRefuse(StartMemo, { ...this.#defaults, ...withoutUndefined(memo) });
    const target = { tenant: checkedMemo.tenant, definition: definitionId, version: checkedMemo.version };
    await checkPayload(this.#runContext.reads, target, payload);
    return await startRunAt(this.temporal, this.#context, {
      type: definitionId,
      tenant: checkedMemo.tenant,
      workflowId: workflowId ?? `${definitionId}/${uuid()}`,
      made: made === true || workflowId === undefined,
      onConflict,
      reuse,
      args: [payload],
      taskQueue: this.#context.taskQueue,
      memo: withoutUndefined(checkedMemo),
      priority: { fairnessKey: checkedMemo.tenant },
    });
  }

  /**
   * Sends an event to one run. The run decides whether one of its waits takes it.
   * @param event `eventId` makes a repetition harmless, default: a new one; `actor`: who sends it, default:
   *   the client's
   * @param signalName the signal: an event wait takes `event`; a run rejects
   *   `humanTask` in this form, because an act names its actor: use `tasks.act`
   * @throws SluiceError WORKFLOW_NOT_FOUND, INPUT_INVALID, EVENT_INVALID for a number that would be rounded,
   *   TEMPORAL_UNAVAILABLE; OUTCOME_UNKNOWN, with the `eventId` and `source` under which sending it again is
   *   harmless, where Temporal's answer was lost
   */
  async signalEvent(
    workflowId: string,
    event: Omit<z.input<typeof EventSignal>, 'eventId'> & { readonly eventId?: string },
    signalName: 'event' | 'humanTask' = 'event',
  ): Promise<void> {
    checkedSize(event, 'The event', 'EVENT_INVALID');
    const signal = parseOrRefuse(EventSignal, {
      eventId: uuid(),
      source: 'sluice-client',
      actor: this.#defaults.actor,
      ...withoutUndefined(event),
    });
    // An event that names its run has the exact id from that run's row.
    const id = signal.runId === undefined ? await this.#address(workflowId) : workflowId;
    await this.#call(workflowId, () => sendSignal(this.temporal, id, SIGNALS[signalName], signal));
  }

  /**
   * What the run is doing: status, business state, variables, open waits.
   * @throws SluiceError WORKFLOW_NOT_FOUND, WORKER_NOT_FOUND, TEMPORAL_UNAVAILABLE
   */
  async state(workflowId: string): Promise<RunStateView> {
    return RunStateView.parse(await this.#query(await this.#address(workflowId), QUERIES.state));
  }

  /**
   * The run's newest events.
   * @param since a `seq`: only later events; default: all events that the run still holds
   * @throws SluiceError WORKFLOW_NOT_FOUND, WORKER_NOT_FOUND, TEMPORAL_UNAVAILABLE
   */
  async progress(workflowId: string, since = 0): Promise<RunProgress> {
    return await this.#progress(await this.#address(workflowId), since);
  }

  /**
   * The run's events as they happen. Returns when the run has ended; `result` tells how it ended.
   * A worker that is away, or a run that continues as new, only delays the lines.
   * @throws SluiceError WORKFLOW_NOT_FOUND, TEMPORAL_UNAVAILABLE
   */
  async *follow(workflowId: string, options: FollowOptions = {}): AsyncGenerator<ProgressLine, void> {
    const id = await this.#address(workflowId);
    const source = {
      progress: (since: number) => this.#progress(id, since),
      describe: async () => {
        const { status, historyLength } = await this.#call(id, () => this.#handle(id).describe());
        return { open: OPEN.has(status.name), begun: historyLength >= FIRST_TASK_COMPLETED };
      },
    };
    yield* followRun(source, options);
  }

  /**
   * Waits until the run has ended, across continue-as-new.
   * @param runId which run of that workflow id; default: the latest
   * @returns the run's result
   * @throws SluiceError the run's own code, message and details; RUN_CANCELED, RUN_TERMINATED, RUN_TIMED_OUT
   */
  async result(workflowId: string, runId?: string): Promise<Json> {
    const id = await this.#address(workflowId);
    const handle = this.temporal.workflow.getHandle(id, runId);
    return this.#call(id, () => handle.result() as Promise<Json>);
  }

  /**
   * Asks the open run of a workflow id to stop: it cleans up and ends CANCELED. Resolves when Temporal has
   * accepted the request.
   * @throws SluiceError WORKFLOW_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_CANCEL_FAILED; nothing has changed
   *   then. OUTCOME_UNKNOWN where the answer was lost and Temporal shows no cancellation (yet)
   */
  async cancel(workflowId: string, reason?: string): Promise<void> {
    await stopWorkflow(this.#runContext, 'cancel', workflowId, { reason });
  }

  /**
   * Ends the open run of a workflow id at once, without clean-up or compensation.
   * @throws SluiceError WORKFLOW_NOT_FOUND, RUN_CLOSED, WORKFLOW_TEMPORAL_TERMINATE_FAILED; nothing has
   *   changed then. OUTCOME_UNKNOWN where the answer was lost and Temporal shows it open (yet)
   */
  async terminate(workflowId: string, reason?: string): Promise<void> {
    await stopWorkflow(this.#runContext, 'terminate', workflowId, { reason });
  }

  /**
   * Checks that Temporal answers, within 5 s.
   * @throws SluiceError TEMPORAL_UNAVAILABLE, TEMPORAL_NAMESPACE_NOT_FOUND
   */
  async check(): Promise<void> {
    const { namespace } = this.#context;
    await callTemporal(this.#context, () =>
      this.temporal.withDeadline(Date.now() + CONNECT_LIMIT_MS, () =>
        this.temporal.workflowService.describeNamespace({ namespace }),
      ),
    );
  }

  /** Closes the connection, if this client opened it. */
  async close(): Promise<void> {
    await this.closeConnection?.();
  }

  #address(workflowId: string): Promise<string> {
    return callTemporal({ ...this.#context, workflowId }, () =>
      addressOf(this.temporal, this.#defaults.tenant, workflowId),
    );
  }

  async #progress(workflowId: string, since: number): Promise<RunProgress> {
    return RunProgress.parse(await this.#query(workflowId, QUERIES.progress, { since }));
  }

  #handle(workflowId: string): WorkflowHandle {
    return this.temporal.workflow.getHandle(workflowId);
  }

  #query(workflowId: string, query: string, ...args: Json[]): Promise<unknown> {
    return callTemporal({ ...this.#context, workflowId, needsWorker: true }, () =>
      this.temporal.withDeadline(Date.now() + QUERY_LIMIT_MS, () =>
        this.#handle(workflowId).query(query, ...args),
      ),
    );
  }

  #call<T>(workflowId: string, call: () => Promise<T>): Promise<T> {
    return callTemporal({ ...this.#context, workflowId }, call);
  }
}
