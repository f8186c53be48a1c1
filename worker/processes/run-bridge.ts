/**
 * The life of a bridge process: open, route until told to stop, close in the reverse order.
 *
 * Invariant: everything that was opened is closed, even where the start fails half-way.
 */
import type { Logger } from 'pino';
import { createSluiceClient } from '../../client/index.js';
import { ClosingStack } from '../../contracts/closing-stack.js';
import { startBridge } from '../../ingress/index.js';
import { openProjections } from '../../projections/index.js';
import type { BridgeSettings } from '../config/bridge-config.js';
import type { SluiceConfig } from '../config/config.js';
import { watchedDatabase } from '../health/database-watch.js';
import { ServiceStates } from '../health/service-states.js';
import { watchMainThread } from '../health/watchdog.js';
import { temporalPlace } from '../temporal/temporal-connection.js';
import { requireOwnDatabase } from '../temporal/temporal-owner.js';
import { logUnreadable } from './logging.js';
import { endInTime, STOP_LIMIT_MS, whenAborted } from './stopping.js';

export interface RunBridgeOptions {
  readonly config: SluiceConfig;
  readonly settings: BridgeSettings;
  readonly log: Logger;
  /** Aborted when the bridge has to stop. */
  readonly stop: AbortSignal;
}

/**
 * Runs a bridge until it is told to stop and has stopped. The database must be a server, unless no worker
 * runs: an embedded store belongs to one process.
 * @throws SluiceError of the part that could not be opened
 */
export async function runBridge({ config, settings, log, stop }: RunBridgeOptions): Promise<void> {
  const opened = new ClosingStack();
  endInTime(stop, STOP_LIMIT_MS, log);
  opened.add('Watchdog', watchMainThread(config.stuckMs));
  try {
    const projections = await openProjections({
      ...watchedDatabase(config, new ServiceStates(log)),
      onUnreadable: logUnreadable(log),
    });
    opened.add('SurrealDB', () => projections.close());
    const { taskQueue } = config;
    const client = await createSluiceClient({
      ...(await temporalPlace(config)),
      taskQueue,
      actor: 'bridge',
    });
    opened.add('Temporal client', () => client.close());
    const { workflowService } = client.temporal.connection;
    await requireOwnDatabase(projections, workflowService, config.temporal.namespace);
    const bridge = await startBridge({ config: settings.bridge, projections, client, log });
    opened.add('Event bridge', () => bridge.stop());
    const { redisUrl, stream } = settings.bridge;
    log.info(
      { url: bridge.url ?? null, stream: redisUrl === undefined ? null : stream },
      'The bridge takes events',
    );
    await whenAborted(stop);
    log.info('The bridge stops; events in flight are routed to the end');
  } finally {
    await opened.close();
  }
  log.info('The bridge has stopped');
}
