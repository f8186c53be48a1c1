/**
 * The services of the local stack, started in the order in which each needs the one before and stopped in
 * the reverse one.
 *
 * Invariant: the embedded store is opened first. Its lock is what keeps a second `npm start` of this clone from
 * running two Temporal servers on one database file.
 */
import { delimiter, join } from 'node:path';
import { NativeConnection, Runtime } from '@temporalio/worker';
import { pino, type Logger } from 'pino';
import type { SecretProvider } from '../../activities/index.js';
import { createSluiceClient, type SluiceClient } from '../../client/index.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import exampleActions from '../../examples/actions/index.js';
import { startBridge } from '../../ingress/index.js';
import { loadApiConfig } from '../config/api-config.js';
import { loadBridgeConfig } from '../config/bridge-config.js';
import { openProjections, type Projections } from '../../projections/index.js';
import { loadConfig, type Environment, type SluiceConfig } from '../config/config.js';
import { createSluiceWorker, type SluiceWorkerOptions } from '../processes/create-worker.js';
import { loadRegistry } from '../processes/load-registry.js';
import { createLogger, temporalRuntimeOptions } from '../processes/logging.js';
import { openPolicies, reloadPolicies } from '../processes/open-policies.js';
import { startReconciler } from '../reconciler/reconciler.js';
import { createSecretProvider } from '../secrets/secret-provider.js';
import { temporalConnectionOptions } from '../temporal/temporal-connection.js';
import { startTemporalDevServer } from '../temporal-server/dev-server.js';
import { freePort, portNear } from '../temporal-server/ports.js';
import { startRetention } from '../processes/retention.js';
import { loadWorkflowBundle } from '../temporal/workflow-bundle.js';
import type { Console } from './console.js';
import { startDevStackApi } from './api.js';

const TEMPORAL_PORT = 7233;
const WEB_UI_PORT = 8233;
/** Enough for a stack whose actions take milliseconds: Ctrl-C shall not take ten seconds. */
const SHUTDOWN_GRACE_MS = 2_000;

/** Closes what was opened, last first. */
export class Resources {
  readonly #closers: { readonly what: string; readonly close: () => Promise<unknown> }[] = [];

  add(what: string, close: () => Promise<unknown>): void {
    this.#closers.push({ what, close });
  }

  /** Closes everything, also where one of them fails; gives back what failed. */
  async close(): Promise<readonly string[]> {
    const failures: string[] = [];
    for (const { what, close } of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(`${what}: ${toSluiceError(error).message}`);
      }
    }
    return failures;
  }
}

/** Where Temporal is. */
interface TemporalPlace {
  readonly config: SluiceConfig['temporal'];
  readonly uiUrl: string | undefined;
  /** The `temporal` command to show to the user. */
  readonly cli: string;
}

export interface DevStack {
  readonly client: SluiceClient;
  readonly taskQueue: string;
  readonly temporal: TemporalPlace;
  /** Rejects when a service ends although nobody asked for it. */
  readonly broken: Promise<never>;
}

export interface DevStackOptions {
  readonly env: Environment;
  /** The project: its `.sluice/` holds all data and logs. */
  readonly root: string;
  /** The actions of the examples are there, also where `sluice.config.ts` does not name them. */
  readonly example: boolean;
  readonly screen: Console;
  /** Gets what was started, as it is started. */
  readonly resources: Resources;
  /** Called with what reads the policies again, where there are any. */
  readonly onReload?: (reload: () => Promise<void>) => void;
}

/**
 * Starts everything.
 * @throws SluiceError CONFIG_INVALID, DATABASE_*, TEMPORAL_SERVER_NOT_FOUND, TEMPORAL_UNAVAILABLE,
 *   SEARCH_ATTRIBUTE_MISSING
 */
export async function startDevStack(options: DevStackOptions): Promise<DevStack> {
  const { env, root, example, screen, resources, onReload } = options;
  const config = loadConfig(env);
  const settings = loadBridgeConfig(env);
  const apiSettings = await loadApiConfig(env, config);
  const log = logTo(join(root, '.sluice', 'worker.log'), config);
  const sdkMetrics = config.worker.metricsAddress ?? `127.0.0.1:${await freePort('127.0.0.1')}`;
  Runtime.install(temporalRuntimeOptions(log, sdkMetrics));
  resources.add('Temporal SDK', () => Runtime.instance().shutdown());
  const registry = await loadRegistry(config, root, example ? exampleActions : []);
  const authorizer = await openPolicies(config, log);
  if (authorizer !== undefined) {
    onReload?.(async () => screen.print(await reloadPolicies(authorizer, log)));
  }

  const projections = await openProjections(config.database);
  resources.add('SurrealDB', () => projections.close());
  screen.ready('SurrealDB', config.database.url);

  let fail: (error: SluiceError) => void;
  const broken = new Promise<never>((_, reject) => (fail = reject));
  // Looked at only once the stack is up; until then the start itself reports what fails.
  broken.catch(() => undefined);

  // The bundle takes seconds the first time, like the server: both at once.
  const [temporal, workflowBundle] = await Promise.all([
    provideTemporal(config, options, (error) => fail(error)),
    loadWorkflowBundle(),
  ]);
  screen.ready('Temporal', `${temporal.config.address}, namespace ${temporal.config.namespace}`);
  if (temporal.uiUrl !== undefined) screen.ready('Temporal Web UI', temporal.uiUrl);

  // Before the worker: it is this client that says in so many words where Temporal cannot be reached.
  const { taskQueue } = config;
  const { address, ...connectionOptions } = await temporalConnectionOptions(temporal.config);
  const { namespace } = temporal.config;
  const client = await createSluiceClient({
    address,
    connectionOptions,
    namespace,
    taskQueue,
    actor: 'npm-start',
  });
  resources.add('Temporal client', () => client.close());

  await runWorker(config, temporal.config, resources, (error) => fail(error), log, {
    taskQueue,
    projections,
    deadLetters: projections.deadLetters,
    registry,
    authorizer,
    secrets: withDemoSecret(createSecretProvider(config.secrets, env)),
    system: config.system,
    workflowBundle,
  });
  const { retentionDays: days, eventRetentionDays: eventDays } = config;
  resources.add('Retention', startRetention({ projections, days, eventDays, log }));
  screen.ready('Worker', `task queue ${taskQueue}`);
  const { http, ...bridge } = settings.bridge;
  const bridgePort = http === undefined ? 0 : await portNear(http.host, http.port);
  const running = await startBridge({
    config: { ...bridge, http: http === undefined ? undefined : { ...http, port: bridgePort } },
    projections,
    client,
    log,
  });
  resources.add('Event bridge', () => running.stop());
  if (running.url !== undefined) screen.ready('Event bridge', `${running.url}/events`);
  await startDevStackApi({
    settings: apiSettings,
    temporal: temporal.config,
    taskQueue,
    projections,
    actions: registry.actions,
    bridge: running.url === undefined ? undefined : { url: running.url, token: bridge.token },
    sdkMetricsUrl: `http://${sdkMetrics}/metrics`,
    screen,
    opened: (what, close) => resources.add(what, close),
    log,
  });
  return { client, taskQueue, temporal, broken };
}

/** The server that TEMPORAL_ADDRESS names, else a durable dev server of the stack's own. */
async function provideTemporal(
  config: SluiceConfig,
  { env, root, screen, resources }: DevStackOptions,
  fail: (error: SluiceError) => void,
): Promise<TemporalPlace> {
  if (env.TEMPORAL_ADDRESS?.trim()) return { config: config.temporal, uiUrl: undefined, cli: 'temporal' };
  const logFile = join(root, '.sluice', 'temporal.log');
  const server = await startTemporalDevServer({
    env,
    log: (line) => screen.print(`            ${line}`),
    namespace: config.temporal.namespace,
    port: TEMPORAL_PORT,
    uiPort: WEB_UI_PORT,
    dbFilename: join(root, '.sluice', 'temporal.db'),
    logFile,
  });
  let stopping = false;
  resources.add('Temporal', () => {
    stopping = true;
    return server.stop();
  });
  void server.exited.then((code) => {
    if (stopping) return;
    fail(
      new SluiceError(
        'TEMPORAL_UNAVAILABLE',
        `The Temporal server ended by itself (exit code ${code}); see ${logFile}`,
      ),
    );
  });
  const onPath = (env.PATH ?? '')
    .split(delimiter)
    .some((directory) => join(directory, 'temporal') === server.cli);
  return {
    config: { ...config.temporal, address: server.address, apiKey: undefined, tls: undefined },
    uiUrl: server.uiUrl,
    cli: onPath ? 'temporal' : server.cli,
  };
}

async function runWorker(
  config: SluiceConfig,
  temporal: SluiceConfig['temporal'],
  resources: Resources,
  fail: (error: SluiceError) => void,
  log: Logger,
  options: Omit<SluiceWorkerOptions, 'connection' | 'namespace' | 'projections'> & {
    readonly projections: Projections;
  },
): Promise<void> {
  const connection = await NativeConnection.connect(await temporalConnectionOptions(temporal));
  resources.add('Temporal connection', () => connection.close());
  const worker = await createSluiceWorker({
    ...options,
    connection,
    namespace: temporal.namespace,
    tuning: { ...config.worker, shutdownGraceMs: Math.min(config.worker.shutdownGraceMs, SHUTDOWN_GRACE_MS) },
  });
  const ended = worker.run();
  const reconciler = startReconciler({
    connection,
    namespace: temporal.namespace,
    taskQueue: options.taskQueue,
    projections: options.projections,
    log,
    intervalMs: config.reconcileIntervalMs,
    latestVersion: (action) => options.registry.versions.get(action)?.at(-1),
  });
  resources.add('Reconciler', () => reconciler.stop());
  let stopping = false;
  resources.add('Worker', async () => {
    stopping = true;
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended;
  });
  ended.catch((error: unknown) => {
    if (!stopping) fail(toSluiceError(error));
  });
}

/** The examples charge a pretended card: their key has a value unless the user gave it one. */
function withDemoSecret(provider: SecretProvider): SecretProvider {
  return {
    read: async (name) =>
      (await provider.read(name)) ?? (name === 'PAYMENTS_API_KEY' ? 'demonstration-only' : undefined),
  };
}

function logTo(file: string, config: SluiceConfig): Logger {
  return createLogger(config.logLevel, pino.destination({ dest: file, mkdir: true, sync: true }));
}
