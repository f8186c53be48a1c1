/**
 * A whole Sluice for a test: real Temporal, an embedded database in memory, a real worker.
 *
 * Invariant: each has its own task queue, tenant and database, so tests may run at once and in any order. All
 * that was started is stopped, also where the test fails.
 */
import { randomUUID } from 'node:crypto';
import { DefaultLogger, NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import { afterAll, beforeAll } from 'vitest';
import { builtInActions, createActionRegistry } from '../../actions/index.js';
import {
  ShownEvents,
  createSluiceClient,
  type SluiceClient,
  type StartedRun,
  type StartOptions,
} from '../../client/index.js';
import type { ActionDefinition } from '../../contracts/run/action.js';
import type { PublishResult } from '../../contracts/run/activity.js';
import type { Json } from '../../contracts/json.js';
import type { SystemContext } from '../../contracts/run/run.js';
import exampleActions from '../../examples/actions/index.js';
import { openProjections, type Projections, type ProjectionsOptions } from '../../projections/index.js';
import { createSluiceWorker, type SluiceWorkerOptions } from '../../worker/processes/create-worker.js';
import { failureMessagesOf } from '../../worker/temporal/workflow-bundle.js';
import { suiteBundle, suiteTemporal } from './services.js';
import { waitFor } from './wait-for.js';

export interface SluiceTestOptions {
  /** Beside the core actions and those of the examples. */
  readonly actions?: readonly ActionDefinition[];
  /** Secrets by name. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** In place of `secrets`: where a worker reads them. */
  readonly secretProvider?: SluiceWorkerOptions['secrets'];
  /** Hosts that `http.request` may reach although they are loopback. */
  readonly allowHosts?: readonly string[];
  /** Default: the suite's server. */
  readonly temporal?: { readonly address: string; readonly namespace: string };
  /** Default: `mem://`. */
  readonly database?: Partial<ProjectionsOptions>;
  readonly tuning?: SluiceWorkerOptions['tuning'];
  /** Encrypts what Temporal stores; absent: nothing is encrypted. */
  readonly dataConverter?: SluiceWorkerOptions['dataConverter'];
  /** Absent: authorization is off. */
  readonly authorizer?: SluiceWorkerOptions['authorizer'];
  readonly taskQueue?: string;
  readonly tenant?: string;
  /** False: no worker runs until `startWorker`. */
  readonly startWorker?: boolean;
}

/** Starts a Sluice; `stop` it in the end, as `withSluice` and `useSluice` do. */
async function startSluice(options: SluiceTestOptions = {}): Promise<SluiceTest> {
  quietRuntime();
  const temporal = options.temporal ?? (await suiteTemporal());
  const taskQueue = options.taskQueue ?? `test-${randomUUID()}`;
  const tenant = options.tenant ?? `tenant-${randomUUID()}`;
  const projections = await openProjections({ url: 'mem://', ...options.database });
  const client = await createSluiceClient({
    ...temporal,
    taskQueue,
    tenant,
    actor: 'test',
    reads: projections.reads,
    ...(options.dataConverter !== undefined && { dataConverter: options.dataConverter }),
  });
  const sluice = new SluiceTest(options, { temporal, taskQueue, tenant, projections, client });
  try {
    if (options.startWorker !== false) await sluice.startWorker();
  } catch (error) {
    await sluice.stop();
    throw error;
  }
  return sluice;
}

/** Runs a test against a separate Sluice. */
export async function withSluice(
  options: SluiceTestOptions,
  test: (sluice: SluiceTest) => Promise<void>,
): Promise<void> {
  const sluice = await startSluice(options);
  try {
    await test(sluice);
  } finally {
    await sluice.stop();
  }
}

/** One Sluice for all tests of a file or `describe`; call it there, and the result inside a test. */
export function useSluice(options: SluiceTestOptions = {}): () => SluiceTest {
  let sluice: SluiceTest | undefined;
  beforeAll(async () => {
    sluice = await startSluice(options);
  });
  afterAll(async () => {
    await sluice?.stop();
  });
  return () => {
    if (sluice === undefined) throw new Error('useSluice: only inside a test');
    return sluice;
  };
}

interface Parts {
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly taskQueue: string;
  readonly tenant: string;
  readonly projections: Projections;
  readonly client: SluiceClient;
}

/** A running Sluice and what a test does with it. */
export class SluiceTest {
  readonly temporal: Parts['temporal'];
  readonly taskQueue: string;
  readonly tenant: string;
  readonly projections: Projections;
  readonly client: SluiceClient;
  #running:
    | { readonly worker: Worker; readonly ended: Promise<void>; readonly connection: NativeConnection }
    | undefined;

  constructor(
    private readonly options: SluiceTestOptions,
    parts: Parts,
  ) {
    ({
      temporal: this.temporal,
      taskQueue: this.taskQueue,
      tenant: this.tenant,
      projections: this.projections,
      client: this.client,
    } = parts);
  }

  /** Starts a worker; there is one unless the test asked for none. */
  async startWorker(
    system: SystemContext = { environment: 'test', region: 'here', release: '0' },
    dataConverter = this.options.dataConverter,
  ): Promise<Worker> {
    if (this.#running !== undefined) throw new Error('A worker is running already');
    const { actions = [], secrets = {}, allowHosts = [], tuning } = this.options;
    const connection = await NativeConnection.connect({ address: this.temporal.address });
    try {
      const worker = await createSluiceWorker({
        connection,
        namespace: this.temporal.namespace,
        taskQueue: this.taskQueue,
        projections: this.projections,
        registry: createActionRegistry([
          ...builtInActions({ http: { allowHosts } }),
          ...exampleActions,
          ...actions,
        ]),
        deadLetters: this.projections.deadLetters,
        shownLetters: new ShownEvents(this.projections.events, this.projections.reads),
        authorizer: this.options.authorizer,
        secrets: this.options.secretProvider ?? { read: (name) => Promise.resolve(secrets[name]) },
        system,
        tuning: { shutdownGraceMs: 500, shutdownStopMs: 500, ...tuning },
        registerSearchAttributes: true,
        ...(dataConverter !== undefined && { dataConverter }),
        workflowBundle: await suiteBundle(failureMessagesOf(dataConverter)),
      });
      this.#running = { worker, connection, ended: worker.run() };
      return worker;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** Stops the worker as a deployment does, and waits until it has ended. */
  async stopWorker(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    if (running.worker.getState() === 'RUNNING') running.worker.shutdown();
    try {
      await running.ended;
    } finally {
      await running.connection.close();
    }
  }

  /** Stops everything. */
  async stop(): Promise<void> {
    try {
      await this.stopWorker();
    } finally {
      await this.client.close();
      await this.projections.close();
    }
  }

  /** Publishes a definition, YAML or JSON. */
  publish(source: string): Promise<PublishResult> {
    return this.client.publishDefinition(source);
  }

  /** Starts a run. */
  start(definitionId: string, payload: Json = {}, options: StartOptions = {}): Promise<StartedRun> {
    return this.client.start(definitionId, payload, options);
  }

  /** Publishes and starts: for a definition that only this test has. */
  async startSource(source: string, payload: Json = {}, options: StartOptions = {}): Promise<StartedRun> {
    const { pin } = await this.publish(source);
    return this.start(pin.id, payload, options);
  }

  /** Starts a run as any Temporal client does: nothing is checked first. */
  async startUnchecked(definition: string, ...args: readonly unknown[]): Promise<StartedRun> {
    const workflowId = `${definition}/${randomUUID()}`;
    const { firstExecutionRunId } = await this.client.temporal.workflow.start(definition, {
      args: [...args],
      workflowId,
      taskQueue: this.taskQueue,
      memo: { tenant: this.tenant },
    });
    return { workflowId, runId: firstExecutionRunId };
  }

  /** Publishes, starts, and waits for the result. */
  async run(source: string, payload: Json = {}, options: StartOptions = {}): Promise<Json> {
    return this.result(await this.startSource(source, payload, options));
  }

  /** Waits for the result of a run. */
  result({ workflowId, runId }: StartedRun): Promise<Json> {
    return this.client.result(workflowId, runId);
  }

  /** Sends an event to a run. */
  signal(run: StartedRun, event: Parameters<SluiceClient['signalEvent']>[1]): Promise<void> {
    return this.client.signalEvent(run.workflowId, event);
  }

  /** Waits until the run has that many open waits. */
  async waiting(run: StartedRun, count = 1): Promise<void> {
    await waitFor(async () => (await this.client.state(run.workflowId)).waits.length === count);
  }

  /** The run's history: every event of its latest execution. */
  async history({ workflowId }: StartedRun) {
    const { events } = await this.client.temporal.workflow.getHandle(workflowId).fetchHistory();
    return events ?? [];
  }
}

let quiet = false;

/**
 * Logs only errors of the SDK, to which a failed run is a warning, and sets no signal handlers. Once per
 * process.
 */
function quietRuntime(): void {
  if (quiet) return;
  quiet = true;
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
  });
}
