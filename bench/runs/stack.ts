/**
 * The stack that every case runs on: Temporal's dev server, an embedded store on disk, one worker that has
 * both Sluice's workflows and the hand-written ones, and a client. All share this machine, so figures are
 * only compared with the baseline of the same run.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';
import { builtInActions, createActionRegistry } from '../../actions/index.js';
import type { Json } from '../../contracts/json.js';
import { openProjections, type Projections } from '../../projections/index.js';
import {
  encryptingConverter,
  FAILURE_CONVERTER_PATH,
  KeyRing,
  newKey,
  RingSeal,
} from '../../encryption/index.js';
import { readDefinition } from '../../definitions/index.js';
import { workerOptions } from '../../worker/processes/create-worker.js';
import { startTemporalDevServer, type TemporalDevServer } from '../../worker/temporal-server/dev-server.js';
import { WORKFLOW_SOURCES } from '../../worker/temporal/workflow-bundle.js';
import { benchActions, byHandActivities } from './activities.js';
import { recorded } from './recorded.js';

/** A page of a history with large values exceeds the 4 MiB that a client accepts by default. */
const HISTORY_CHANNEL = { 'grpc.max_receive_message_length': 256 * 1024 * 1024 };
const QUIET = new DefaultLogger('ERROR');

/** A started run. */
export interface Started {
  readonly workflowId: string;
  readonly result: () => Promise<unknown>;
}

export interface Stack {
  /** Process id of the supervisor of Temporal's server. */
  readonly serverPid: number;
  readonly client: Client;
  readonly projections: Projections;
  publish(document: Json): Promise<void>;
  start(type: string, ...input: Json[]): Promise<Started>;
  /** Events and bytes of the history of a run, over continue-as-new. */
  historyOf(workflowId: string): Promise<{ readonly events: number; readonly bytes: number }>;
}

export interface StackOptions {
  /** Default: the worker's default. */
  readonly cachedWorkflows?: number;
  /** True: a key ring encrypts what Temporal and the store hold. */
  readonly encrypted?: boolean;
}

let silent = false;
/** Once for each process: two stacks may run at once. */
export const silentRuntime = (): void => {
  if (silent) return;
  silent = true;
  Runtime.install({ logger: QUIET, telemetryOptions: { logging: { filter: 'OFF', forward: {} } } });
};

const bundled = new Map<boolean, Promise<WorkflowBundle>>();
/** Both kinds of workflows; bundled once for all cases. @param encrypted messages of failures, too */
export function bundle(encrypted = false): Promise<WorkflowBundle> {
  const code =
    bundled.get(encrypted) ??
    bundleWorkflowCode({
      ...WORKFLOW_SOURCES,
      ...(encrypted && { failureConverterPath: FAILURE_CONVERTER_PATH }),
      workflowsPath: fileURLToPath(new URL('workflows.ts', import.meta.url)),
      logger: QUIET,
    });
  bundled.set(encrypted, code);
  return code;
}

export const benchServer = (): Promise<TemporalDevServer> =>
  startTemporalDevServer({ env: process.env, log: () => undefined, headless: true });

/**
 * A worker of the bench: Sluice's worker with its defaults, plus the baseline's workflows and activities.
 */
export async function benchWorker(
  {
    connection,
    place,
    projections,
    workflowBundle,
    dataConverter,
  }: {
    readonly connection: NativeConnection;
    readonly place: { readonly namespace: string; readonly taskQueue: string };
    readonly projections: Projections;
    readonly workflowBundle: WorkflowBundle;
    readonly dataConverter?: DataConverter;
  },
  options: StackOptions = {},
): Promise<Worker> {
  const sluice = await workerOptions({
    connection,
    ...place,
    projections,
    registry: createActionRegistry([...builtInActions({ http: { allowHosts: [] } }), ...benchActions]),
    secrets: { read: () => Promise.resolve(undefined) },
    system: { environment: 'bench', region: 'here', release: 'bench' },
    workflowBundle,
    ...(dataConverter !== undefined && { dataConverter }),
  });
  return Worker.create({
    ...sluice,
    activities: { ...sluice.activities, ...byHandActivities, 'bench-recorded': recorded(projections) },
    ...(options.cachedWorkflows !== undefined && { maxCachedWorkflows: options.cachedWorkflows }),
  });
}

/** Runs cases on their own stack, and removes it afterwards. */
export async function withStack<T>(
  work: (stack: Stack) => Promise<T>,
  options: StackOptions = {},
): Promise<T> {
  const opened: (() => Promise<unknown>)[] = [];
  const ring = options.encrypted === true ? newRing() : undefined;
  const converting = ring === undefined ? {} : { dataConverter: encryptingConverter(ring) };
  try {
    silentRuntime();
    const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
    opened.push(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
    const server = await benchServer();
    opened.push(() => server.stop());
    const projections = await openProjections({
      url: `surrealkv://${join(directory, 'db')}`,
      ...(ring !== undefined && { seal: () => Promise.resolve(new RingSeal(ring)) }),
    });
    opened.push(() => projections.close());
    const place = { namespace: server.namespace, taskQueue: 'bench' };
    const connection = await NativeConnection.connect({ address: server.address });
    opened.push(() => connection.close());
    const worker = await benchWorker(
      { connection, place, projections, ...converting, workflowBundle: await bundle(ring !== undefined) },
      options,
    );
    const running = worker.run();
    opened.push(() => {
      worker.shutdown();
      return running;
    });
    const clientConnection = await Connection.connect({
      address: server.address,
      channelArgs: HISTORY_CHANNEL,
    });
    opened.push(() => clientConnection.close());
    const client = new Client({ connection: clientConnection, ...place, ...converting });
    return await work(stackOf(client, projections, server.pid));
  } finally {
    for (const close of opened.reverse()) await close();
  }
}

function newRing(): KeyRing {
  return new KeyRing({ current: 'k1', keys: { k1: newKey() }, index: newKey() });
}

function stackOf(client: Client, projections: Projections, serverPid: number): Stack {
  let runs = 0;
  return {
    serverPid,
    client,
    projections,
    publish: (document) => publish(projections, document),
    async start(type, ...args) {
      const workflowId = `${type}-${++runs}`;
      const handle = await client.workflow.start(type, { args, taskQueue: 'bench', workflowId });
      return { workflowId, result: () => handle.result() };
    },
    async historyOf(workflowId) {
      const total = { events: 0, bytes: 0 };
      const handle = client.workflow.getHandle(workflowId);
      const { raw } = await handle.describe();
      let runId: string | undefined = raw.workflowExecutionInfo?.firstRunId ?? undefined;
      while (runId !== undefined) {
        const { events = [] } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        total.events += events?.length ?? 0;
        total.bytes += Number(
          (await client.workflow.getHandle(workflowId, runId).describe()).historySize ?? 0,
        );
        const next = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
        runId = next === null || next === '' ? undefined : next;
      }
      return total;
    },
  };
}

/** Stores a definition as publishing does, without the publishing workflow. */
export async function publish(projections: Projections, document: Json): Promise<void> {
  const source = JSON.stringify(document);
  const { definition, hash } = readDefinition(source, 'json');
  const pin = { id: definition.id, version: definition.version, hash };
  await projections.putDefinition('default', { pin, source, format: 'json', publishedBy: 'bench' });
}
