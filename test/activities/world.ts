/**
 * Workers with the real activities, on the suite's Temporal server and an embedded SurrealDB, and a workflow
 * that calls one activity at a time.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { builtInActions, createActionRegistry } from '../../actions/index.js';
import { createActivities, type StopLimits } from '../../activities/index.js';
import type { ActionDefinition } from '../../contracts/run/action.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import { openProjections, type Projections } from '../../projections/index.js';
import { suiteTemporal } from '../support/services.js';
import type { call, CallOutcome, CallRequest } from './workflows.js';

type Call = Partial<CallRequest> & Pick<CallRequest, 'type'>;
export type Handle = WorkflowHandleWithFirstExecutionRunId<typeof call>;
export type Ledger = Awaited<ReturnType<Projections['reads']['listInvocations']>>[number];

export interface RunningWorker {
  /** Stops it as a deployment does, and waits until it has stopped. */
  shutdown(): Promise<void>;
}

export interface World {
  readonly client: Client;
  readonly projections: Projections;
  /** What workers logged, a JSON line each. */
  readonly logged: readonly string[];
  /** Values by name; changes are seen by the next action. */
  readonly secrets: Record<string, string>;
  /** A worker; the world begins with one. */
  startWorker(): Promise<RunningWorker>;
  readonly firstWorker: RunningWorker;
  start(request: Call): Promise<Handle>;
  call(request: Call): Promise<{ outcome: CallOutcome; runId: string; workflowId: string }>;
  ledger(runId: string): Promise<Ledger | undefined>;
  /** Everything that the database holds, as text. */
  dump(): Promise<string>;
  /** Everything in the history of a run, payloads decoded, as text. */
  history(workflowId: string): Promise<string>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly actions: readonly ActionDefinition[];
  readonly limits?: Partial<StopLimits>;
  /** Time that running actions get at a shutdown before they are told to stop, ms. Default 0. */
  readonly shutdownGraceMs?: number;
  /** Puts something between the activities and the database. */
  readonly through?: (store: ProjectionStore) => ProjectionStore;
}

const bundles = new Map<string, Promise<{ code: string }>>();

function bundle(): Promise<{ code: string }> {
  const workflowsPath = fileURLToPath(new URL('workflows.ts', import.meta.url));
  const made =
    bundles.get(workflowsPath) ?? bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  bundles.set(workflowsPath, made);
  return made;
}

const logged: string[] = [];
let installed = false;

function installRuntime(): void {
  if (installed) return;
  installed = true;
  const logger = new DefaultLogger('TRACE', ({ level, message, meta }) => {
    const error: unknown = meta?.['error'];
    const shown = error instanceof Error ? { ...meta, error: `${error.message} ${error.stack}` } : meta;
    logged.push(
      JSON.stringify({ level, message, ...shown }, (_key, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    );
  });
  Runtime.install({ logger });
}

export async function openWorld(options: WorldOptions): Promise<World> {
  installRuntime();
  const { address, namespace } = await suiteTemporal();
  const projections = await openProjections({ url: 'mem://' });
  const connection = await NativeConnection.connect({ address });
  const clientConnection = await Connection.connect({ address });
  const client = new Client({ connection: clientConnection, namespace });
  const taskQueue = `activities-${randomUUID()}`;
  const secrets: Record<string, string> = {};
  const stops = new Set<() => Promise<void>>();

  const startWorker = async (): Promise<RunningWorker> => {
    const identity = `worker-${randomUUID()}`;
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue,
      identity,
      workflowBundle: await bundle(),
      activities: createActivities({
        projections: { ...projections, ...options.through?.(projections) },
        registry: createActionRegistry([...builtInActions({ http: { allowHosts: [] } }), ...options.actions]),
        secrets: { read: (name) => Promise.resolve(secrets[name]) },
        system: { environment: 'test', region: 'here', release: 'r1' },
        identity,
        missingActionMs: 0,
        ...(options.limits && { limits: options.limits }),
      }),
      maxHeartbeatThrottleInterval: 100,
      shutdownGraceTime: options.shutdownGraceMs ?? 0,
    });
    const running = worker.run();
    const shutdown = async (): Promise<void> => {
      if (!stops.delete(shutdown)) return;
      worker.shutdown();
      await running;
    };
    stops.add(shutdown);
    return { shutdown };
  };

  const start = (request: Call): Promise<Handle> =>
    client.workflow.start<typeof call>('call', {
      taskQueue,
      workflowId: `call/${randomUUID()}`,
      args: [{ input: null, envelope: {}, heartbeatMs: 2_000, ...request }],
    });

  return {
    client,
    projections,
    logged,
    secrets,
    startWorker,
    firstWorker: await startWorker(),
    start,
    async call(request) {
      const handle = await start(request);
      const outcome = await handle.result();
      return { outcome, runId: handle.firstExecutionRunId, workflowId: handle.workflowId };
    },
    async ledger(runId) {
      const [row, ...more] = await projections.reads.listInvocations('default', runId);
      if (more.length > 0) throw new Error(`${more.length + 1} ledger rows`);
      return row;
    },
    async dump() {
      const [info] = await projections.database.request('INFO FOR DB');
      const tables = info?.ok === true ? Object.keys((info.value as { tables: object }).tables) : [];
      const answers = await projections.database.request(
        tables.map((table) => `SELECT * FROM ${table}`).join(';'),
      );
      return JSON.stringify(answers);
    },
    async history(workflowId) {
      const history = await client.workflow.getHandle(workflowId).fetchHistory();
      return textsOf(history).join('\n');
    },
    async close() {
      await Promise.all([...stops].map((stop) => stop()));
      await connection.close();
      await clientConnection.close();
      await projections.close();
    },
  };
}

/** Every string and every payload in a value, decoded. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}
