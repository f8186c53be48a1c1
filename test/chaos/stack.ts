/**
 * What a crash test needs: Temporal, an embedded store on disk, workers as processes, the server that
 * actions report to, and a client. The worker locks the store, as in a deployment, so rows are read after
 * the last worker ended.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createSluiceClient, type SluiceClient, type StartedRun } from '../../client/index.js';
import type { Json } from '../../contracts/json.js';
import { openProjections, type Projections } from '../../projections/index.js';
import { suiteTemporal } from '../support/services.js';
import { waitFor } from '../support/wait-for.js';
import { Effects } from './effects.js';
import { killAll, WorkerProcess } from './worker-process.js';

/** Short, so that a lost worker is noticed in seconds, ms. The lease is twice as long. */
const HEARTBEAT_MS = 1_500;

export interface StackOptions {
  /** Default: the suite's server. */
  readonly temporal?: { readonly address: string; readonly namespace: string };
  /** More of the worker's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface PublishChange {
  /** False: no action is tried again by its definition. */
  readonly retry?: boolean;
}

export class Stack {
  private constructor(
    readonly client: SluiceClient,
    readonly effects: Effects,
    readonly directory: string,
    /** The environment of its workers. */
    readonly workerEnv: Readonly<Record<string, string>>,
  ) {}

  /** Runs a test on a separate stack, and removes all of it afterwards. */
  static async with(options: StackOptions, test: (stack: Stack) => Promise<void>): Promise<void> {
    const stack = await Stack.open(options);
    try {
      await test(stack);
    } finally {
      await stack.close();
    }
  }

  /** Opens a stack for several tests; `close` it in the end. */
  static async open(options: StackOptions): Promise<Stack> {
    const temporal = options.temporal ?? (await suiteTemporal());
    const taskQueue = `chaos-${randomUUID()}`;
    const directory = await mkdtemp(join(tmpdir(), 'sluice-chaos-'));
    const effects = await Effects.open();
    const client = await createSluiceClient({ ...temporal, taskQueue });
    return new Stack(client, effects, directory, {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      SLUICE_TASK_QUEUE: taskQueue,
      SURREAL_URL: `surrealkv://${join(directory, 'db')}`,
      SLUICE_SECRET_PAYMENTS_API_KEY: 'test-key',
      SLUICE_SHUTDOWN_GRACE_MS: '500',
      SLUICE_SHUTDOWN_STOP_MS: '2000',
      CHAOS_CONTROL: effects.address,
      ...options.env,
    });
  }

  /** Kills its workers, and removes it. */
  async close(): Promise<void> {
    await killAll();
    await this.client.close();
    await this.effects.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  /**
   * Starts a worker.
   * @param env more of its environment
   * @param main the file that it runs; default: `worker/main.ts`
   */
  startWorker(env: Readonly<Record<string, string>> = {}, main?: string): Promise<WorkerProcess> {
    return WorkerProcess.start({ ...this.workerEnv, ...env }, main);
  }

  /** Publishes a definition with short heartbeats. @param file seen from the project's root */
  async publish(file: string, change: PublishChange = {}): Promise<void> {
    const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
    await this.client.publishDefinition(JSON.stringify(changed(parse(text) as Json, change)));
  }

  /** Waits until the run has an open wait at that step. */
  async waits(run: StartedRun, stepId: string): Promise<void> {
    await waitFor(async () => {
      const { waits } = await this.client.state(run.workflowId);
      return waits.some((wait) => wait.stepId === stepId);
    }, 120_000);
  }

  /** The result of a run, or the code with which it failed. */
  async end(run: StartedRun): Promise<Json> {
    return this.client.result(run.workflowId, run.runId).catch((error: { code: string; details: Json }) => ({
      failed: error.code,
      details: error.details,
    }));
  }

  /** Stops the worker as a deployment does, and opens its store. */
  async rows<T>(worker: WorkerProcess, read: (projections: Projections) => Promise<T>): Promise<T> {
    worker.terminate();
    await worker.ended();
    const projections = await openProjections({ url: this.workerEnv['SURREAL_URL'] as string });
    try {
      return await read(projections);
    } finally {
      await projections.close();
    }
  }
}

function changed(node: Json, change: PublishChange): Json {
  if (Array.isArray(node)) return (node as readonly Json[]).map((item) => changed(item, change));
  if (node === null || typeof node !== 'object') return node;
  const made: Record<string, Json> = {};
  for (const [key, value] of Object.entries(node)) {
    if (key !== 'retry' || change.retry !== false) made[key] = changed(value, change);
  }
  return made['type'] === 'action.call' ? { ...made, heartbeatMs: HEARTBEAT_MS } : made;
}
