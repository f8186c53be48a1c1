/**
 * A worker on the suite's Temporal server, with the real activities. One test file has one world; its runs
 * share the worker and are told apart by their run id.
 */
import { randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { builtInActions, createActionRegistry } from '../../../actions/index.js';
import { createActivities } from '../../../activities/index.js';
import type { PreparedRun } from '../../../contracts/run/activity.js';
import type { Json } from '../../../contracts/json.js';
import type { ProjectionStore } from '../../../contracts/run/projection.js';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { readStoredDefinition } from '../../../definitions/read.js';
import { openProjections, type Projections } from '../../../projections/index.js';
import { ISOLATE_OPTIONS } from '../../../worker/temporal/workflow-bundle.js';
import { suiteBundle, suiteTemporal } from '../../support/services.js';
import { createTestActions, type TestActions } from './test-actions.js';

export type Handle = WorkflowHandleWithFirstExecutionRunId;

/** A definition document; `id` and `version` are in it. */
export type Document = { readonly id: string; readonly version: number } & Readonly<Record<string, unknown>>;

export interface WorldOptions {
  /** As `PreparedRun.limits`: when runs continue as new. */
  readonly limits?: PreparedRun['limits'];
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface World {
  readonly client: Client;
  readonly taskQueue: string;
  readonly test: TestActions;
  readonly projections: Projections;
  publish(document: Document): Promise<void>;
  start(definition: string, payload?: Json, memo?: Record<string, unknown>): Promise<Handle>;
  /** Events of a run that were committed, by sequence number. */
  log(runId: string): readonly RunEvent[];
  /** Waits until the committed log of a run fulfils something. */
  seen(runId: string, what: string, holds: (log: readonly RunEvent[]) => boolean): Promise<void>;
  close(): Promise<void>;
}

const SEEN_MS = 60_000;
/** A page of a history with large values is over the 4 MiB that a client takes by default. */
const HISTORY_CHANNEL = { 'grpc.max_receive_message_length': 64 * 1024 * 1024 };

/** Opens a world; close it in `afterAll`. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  installRuntime();
  const { address, namespace } = await suiteTemporal();
  const connection = await NativeConnection.connect({ address });
  const clientConnection = await Connection.connect({ address, channelArgs: HISTORY_CHANNEL });
  const client = new Client({ connection: clientConnection, namespace });
  const test = createTestActions();
  const observer = new Observer();
  const projections = await openProjections({ url: 'mem://' });
  const store = observer.observe(projections);
  const activities = createActivities({
    projections: { ...store, tasks: projections.tasks },
    registry: createActionRegistry([...builtInActions({ http: { allowHosts: [] } }), ...test.actions]),
    secrets: { read: (name) => Promise.resolve(options.secrets?.[name]) },
    system: { environment: 'test', region: 'here', release: 'r1' },
    identity: `conformance-${randomUUID()}`,
    ...(options.limits && { runLimits: options.limits }),
  });
  const taskQueue = `conformance-${randomUUID()}`;
  const worker = await Worker.create({
    ...ISOLATE_OPTIONS,
    connection,
    namespace,
    taskQueue,
    workflowBundle: await suiteBundle(),
    activities,
    // Gates hold activities open; many runs at once must not starve one another of slots.
    maxConcurrentActivityTaskExecutions: 1_000,
    maxConcurrentWorkflowTaskExecutions: 100,
  });
  const running = worker.run();
  return {
    client,
    taskQueue,
    test,
    projections,
    async publish(document) {
      const source = JSON.stringify(document);
      // A stored version: runs go on as written, also where the rules of new versions refuse it.
      const { definition, hash } = readStoredDefinition(source, 'json');
      const pin = { id: definition.id, version: definition.version, hash };
      await store.putDefinition('default', { pin, source, format: 'json', publishedBy: 'test' });
    },
    start: (definition, payload = {}, memo) =>
      client.workflow.start(definition, {
        taskQueue,
        workflowId: `${definition}/${randomUUID()}`,
        args: [payload],
        ...(memo && { memo }),
      }),
    log: (runId) => observer.log(runId),
    seen: (runId, what, holds) => observer.seen(runId, what, holds),
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
      await clientConnection.close();
      await projections.close();
    },
  };
}

let installed = false;

function installRuntime(): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
  });
}

/** Sees every commit of run events, so that a test can wait for one without polling. */
class Observer {
  private readonly logs = new Map<string, Map<number, RunEvent>>();
  private readonly watchers = new Map<string, Set<() => void>>();

  observe(store: ProjectionStore): ProjectionStore {
    return {
      ...store,
      commitEvents: async (execution, events) => {
        await store.commitEvents(execution, events);
        this.note(execution.run.runId, events);
      },
      beginAction: async (execution, events, invocation, lease) => {
        const decision = await store.beginAction(execution, events, invocation, lease);
        this.note(execution.run.runId, events);
        return decision;
      },
      recordAction: async (execution, events, invocation, ended) => {
        const decision = await store.recordAction(execution, events, invocation, ended);
        this.note(execution.run.runId, events);
        return decision;
      },
    };
  }

  log(runId: string): readonly RunEvent[] {
    return [...(this.logs.get(runId)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
  }

  async seen(runId: string, what: string, holds: (log: readonly RunEvent[]) => boolean): Promise<void> {
    let check = (): void => undefined;
    let timer: NodeJS.Timeout | undefined;
    const watchers = this.watchers.get(runId) ?? new Set();
    this.watchers.set(runId, watchers);
    try {
      await new Promise<void>((resolve, reject) => {
        check = () => {
          if (holds(this.log(runId))) resolve();
        };
        watchers.add(check);
        timer = setTimeout(() => {
          const types = this.log(runId).map((event) => `${event.type} ${event.stepPath ?? ''}`);
          reject(new Error(`Not seen within ${SEEN_MS} ms: ${what}. The log has:\n${types.join('\n')}`));
        }, SEEN_MS);
        check();
      });
    } finally {
      clearTimeout(timer);
      watchers.delete(check);
    }
  }

  private note(runId: string, events: readonly RunEvent[]): void {
    const log = this.logs.get(runId) ?? new Map<number, RunEvent>();
    this.logs.set(runId, log);
    for (const event of events) log.set(event.seq, event);
    for (const check of this.watchers.get(runId) ?? []) check();
  }
}
