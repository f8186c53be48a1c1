/**
 * The life of an API process: open, answer until told to stop, close in the reverse order.
 *
 * Invariant: everything that was opened is closed, even where the start fails half-way.
 */
import type { Logger } from 'pino';
import { startApi, type ApiConfig } from '../../api/index.js';
import { createSluiceClient, httpBus } from '../../client/index.js';
import { ClosingStack } from '../../contracts/closing-stack.js';
import { openProjections } from '../../projections/index.js';
import type { ApiSettings } from '../config/api-config.js';
import type { BridgeSettings } from '../config/bridge-config.js';
import type { SluiceConfig } from '../config/config.js';
import { watchedDatabase } from '../health/database-watch.js';
import { ServiceStates } from '../health/service-states.js';
import { watchMainThread } from '../health/watchdog.js';
import { temporalPlace } from '../temporal/temporal-connection.js';
import { requireOwnDatabase } from '../temporal/temporal-owner.js';
import { loadRegistry } from './load-registry.js';
import { logUnreadable } from './logging.js';
import { endInTime, STOP_LIMIT_MS, whenAborted } from './stopping.js';

export interface RunApiOptions {
  readonly config: SluiceConfig;
  readonly settings: ApiSettings;
  /** The bridge, to which the API forwards events. */
  readonly bridge: BridgeSettings;
  /** The directory of `sluice.config.ts`. */
  readonly directory: string;
  readonly log: Logger;
  /** Aborted when the API has to stop. */
  readonly stop: AbortSignal;
}

/**
 * Runs the API until it is told to stop and has stopped. The database must be a server, unless no worker
 * runs: an embedded store belongs to one process.
 * @throws SluiceError of the part that could not be opened
 */
export async function runApi(options: RunApiOptions): Promise<void> {
  const { config, settings, bridge, directory, log, stop } = options;
  const opened = new ClosingStack();
  endInTime(stop, STOP_LIMIT_MS, log);
  opened.add('Watchdog', watchMainThread(config.stuckMs));
  try {
    const { actions } = await loadRegistry(config, directory);
    const projections = await openProjections({
      ...watchedDatabase(config, new ServiceStates(log)),
      onUnreadable: logUnreadable(log),
    });
    opened.add('SurrealDB', () => projections.close());
    const client = await createSluiceClient({
      ...(await temporalPlace(config)),
      taskQueue: config.taskQueue,
      actor: 'api',
      reads: projections.reads,
      bus: httpBus(bridge.url, bridge.bridge.token),
    });
    opened.add('Temporal client', () => client.close());
    const { workflowService } = client.temporal.connection;
    await requireOwnDatabase(projections, workflowService, config.temporal.namespace);
    const apiConfig: ApiConfig = { ...settings, sdkMetricsUrl: undefined };
    const api = await startApi({ config: apiConfig, client, projections, actions, log });
    opened.add('HTTP API', () => api.stop());
    log.info({ url: api.url }, 'The API answers');
    await whenAborted(stop);
    log.info('The API stops; open requests are answered');
  } finally {
    await opened.close();
  }
  log.info('The API has stopped');
}
