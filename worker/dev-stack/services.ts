/**
 * The services of the local stack, started in the order of their dependencies and stopped in the reverse
 * order.
 *
 * Invariant: the embedded store is opened first. Its lock prevents a second `npm start` of this clone from
 * running two Temporal servers on one database file.
 */
import { delimiter, join } from 'node:path';
import { pino, type Logger } from 'pino';
import type { SecretProvider } from '../../activities/index.js';
import { createSluiceClient, type SluiceClient } from '../../client/index.js';
import type { ClosingStack } from '../../contracts/closing-stack.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import exampleActions from '../../examples/actions/index.js';
import { startBridge } from '../../ingress/index.js';
import { openProjections } from '../../projections/index.js';
import { loadApiConfig } from '../config/api-config.js';
import { loadBridgeConfig } from '../config/bridge-config.js';
import { loadConfig, type Environment, type SluiceConfig } from '../config/config.js';
import { loadRegistry } from '../processes/load-registry.js';
import { installRuntime } from '../processes/install-runtime.js';
import { createLogger, logUnreadable } from '../processes/logging.js';
import { openPolicies, reloadPolicies } from '../processes/open-policies.js';
import { startWorker } from '../processes/start-worker.js';
import { openSecrets } from '../secrets/secret-grants.js';
import { temporalPlace } from '../temporal/temporal-connection.js';
import { loadWorkflowBundle } from '../temporal/workflow-bundle.js';
import { startTemporalDevServer } from '../temporal-server/dev-server.js';
import { freePort, portNear } from '../temporal-server/ports.js';
import { startDevStackApi } from './api.js';
import type { Console } from './console.js';
import { keepPrivate } from './private-directory.js';

const TEMPORAL_PORT = 7233;
const WEB_UI_PORT = 8233;
/** Enough for a stack whose actions take milliseconds: Ctrl-C must not take ten seconds. */
const SHUTDOWN_GRACE_MS = 2_000;

/** The Temporal server of the stack. */
interface TemporalTarget {
  readonly config: SluiceConfig['temporal'];
  readonly uiUrl: string | undefined;
  /** The `temporal` command, as messages show it. */
  readonly cli: string;
}

export interface DevStack {
  readonly client: SluiceClient;
  readonly taskQueue: string;
  readonly temporal: TemporalTarget;
  /** Rejects when a service ends by itself. */
  readonly broken: Promise<never>;
}

export interface DevStackOptions {
  readonly env: Environment;
  /** The project: its `.sluice/` holds all data and logs. */
  readonly root: string;
  /** Adds the actions of the examples, even where `sluice.config.ts` does not name them. */
  readonly example: boolean;
  readonly screen: Console;
  /** Gets each service as it is started. */
  readonly opened: ClosingStack;
  /** Called with a function that reloads the policies, if there are any. */
  readonly onReload?: (reload: () => Promise<void>) => void;
}

/**
 * Starts everything.
 * @throws SluiceError CONFIG_INVALID, DATABASE_*, TEMPORAL_SERVER_NOT_FOUND, TEMPORAL_UNAVAILABLE,
 *   SEARCH_ATTRIBUTE_MISSING
 */
export async function startDevStack(options: DevStackOptions): Promise<DevStack> {
  const { env, root, example, screen, opened, onReload } = options;
  const config = loadConfig(env);
  const settings = loadBridgeConfig(env);
  const apiSettings = await loadApiConfig(env, config);
  const data = join(root, '.sluice');
  keepPrivate(data);
  const log = logTo(join(data, 'worker.log'), config);
  const sdkMetrics = config.worker.metricsAddress ?? `127.0.0.1:${await freePort('127.0.0.1')}`;
  const runtime = installRuntime(log, sdkMetrics);
  opened.add('Temporal SDK', () => runtime.shutdown());
  const registry = await loadRegistry(config, root, example ? exampleActions : []);
  const { secrets, close: closeSecrets } = await openSecrets(config, env, log);
  opened.add('Secrets', closeSecrets);
  const authorizer = await openPolicies(config, log);
  if (authorizer !== undefined) {
    onReload?.(async () => screen.print(await reloadPolicies(authorizer, log)));
  }

  const projections = await openProjections({ ...config.database, onUnreadable: logUnreadable(log) });
  opened.add('SurrealDB', () => projections.close());
  // The engine gives the permissions of one directory itself.
  keepPrivate(data);
  screen.ready('SurrealDB', config.database.url);

  let fail: (error: SluiceError) => void;
  const broken = new Promise<never>((_, reject) => (fail = reject));
  // Awaited only once the stack is up; until then the start itself reports what fails.
  broken.catch(() => undefined);

  // Bundling and the server each take seconds the first time: start both concurrently.
  const [temporal, workflowBundle] = await Promise.all([
    provideTemporal(config, options, (error) => fail(error)),
    loadWorkflowBundle(config.keyRingFile === undefined ? 'plain' : 'encoded'),
  ]);
  screen.ready('Temporal', `${temporal.config.address}, namespace ${temporal.config.namespace}`);
  if (temporal.uiUrl !== undefined) screen.ready('Temporal Web UI', temporal.uiUrl);

  // Before the worker: this client gives the clearer error where Temporal cannot be reached.
  const { taskQueue } = config;
  const { keyRingFile, claimKeysFile } = config;
  const place = await temporalPlace({ temporal: temporal.config, keyRingFile, claimKeysFile });
  const client = await createSluiceClient({
    ...place,
    taskQueue,
    actor: 'npm-start',
  });
  opened.add('Temporal client', () => client.close());

  const shutdownGraceMs = Math.min(config.worker.shutdownGraceMs, SHUTDOWN_GRACE_MS);
  const worker = await startWorker(
    {
      config: { ...config, temporal: temporal.config, worker: { ...config.worker, shutdownGraceMs } },
      projections,
      registry,
      authorizer,
      secrets: withDemoSecret(secrets),
      dataConverter: place.dataConverter,
      workflowBundle: () => Promise.resolve(workflowBundle),
      log,
    },
    opened,
  );
  let stopping = false;
  opened.add('Worker', async () => {
    stopping = true;
    worker.shutDown();
    await worker.ended;
  });
  worker.ended.catch((error: unknown) => {
    if (!stopping) fail(toSluiceError(error));
  });
  screen.ready('Worker', `task queue ${taskQueue}`);
  screen.ready('Authorization', authorizer === undefined ? AUTHORIZATION_OFF : 'by policies');
  const { http, ...bridge } = settings.bridge;
  const bridgePort = http === undefined ? 0 : await portNear(http.host, http.port);
  const running = await startBridge({
    config: { ...bridge, http: http === undefined ? undefined : { ...http, port: bridgePort } },
    projections,
    client,
    log,
  });
  opened.add('Event bridge', () => running.stop());
  if (running.url !== undefined) screen.ready('Event bridge', `${running.url}/events`);
  await startDevStackApi({
    settings: apiSettings,
    temporal: place,
    taskQueue,
    projections,
    actions: registry.actions,
    bridge: running.url === undefined ? undefined : { url: running.url, token: bridge.token },
    sdkMetricsUrl: `http://${sdkMetrics}/metrics`,
    screen,
    opened,
    log,
  });
  return { client, taskQueue, temporal, broken };
}

const AUTHORIZATION_OFF = 'off: every action may act (SLUICE_CEDAR_POLICY_DIR)';

/** The server that TEMPORAL_ADDRESS names, else a durable dev server that the stack starts. */
async function provideTemporal(
  config: SluiceConfig,
  { env, root, screen, opened }: DevStackOptions,
  fail: (error: SluiceError) => void,
): Promise<TemporalTarget> {
  if (env.TEMPORAL_ADDRESS?.trim()) return { config: config.temporal, uiUrl: undefined, cli: 'temporal' };
  const logFile = join(root, '.sluice', 'temporal.log');
  const server = await startTemporalDevServer({
    env,
    log: (line) => screen.print(`            ${line}`),
    status: screen.status && ((line) => screen.status?.(line === '' ? '' : `            ${line}`)),
    namespace: config.temporal.namespace,
    port: TEMPORAL_PORT,
    uiPort: WEB_UI_PORT,
    dbFilename: join(root, '.sluice', 'temporal.db'),
    logFile,
  });
  let stopping = false;
  opened.add('Temporal', () => {
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

/** The examples charge a fake card: their API key has a value unless the user sets one. */
function withDemoSecret(provider: SecretProvider): SecretProvider {
  return {
    ...provider,
    read: async (name) =>
      (await provider.read(name)) ?? (name === 'PAYMENTS_API_KEY' ? 'demonstration-only' : undefined),
  };
}

function logTo(file: string, config: SluiceConfig): Logger {
  return createLogger(config.logLevel, pino.destination({ dest: file, mkdir: true, sync: true }));
}
