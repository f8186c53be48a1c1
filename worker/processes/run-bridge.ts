/**
 * The life of a bridge process: open, route until told to stop, close in the other order.
 *
 * Invariant: whatever was opened is closed, also where the start fails half-way.
 */
import type { Logger } from 'pino';
import { createSluiceClient } from '../../client/index.js';
import { startBridge } from '../../ingress/index.js';
import { openProjections } from '../../projections/index.js';
import type { BridgeSettings } from '../config/bridge-config.js';
import type { SluiceConfig } from '../config/config.js';
import { temporalConnectionOptions } from '../temporal/temporal-connection.js';

export interface RunBridgeOptions {
  readonly config: SluiceConfig;
  readonly settings: BridgeSettings;
  readonly log: Logger;
  /** Aborted when the bridge has to stop. */
  readonly stop: AbortSignal;
}

/**
 * Runs a bridge until it is told to stop and has stopped. The database must be a server, unless no worker runs: an
 * embedded store belongs to one process.
 * @throws SluiceError of what could not be opened
 */
export async function runBridge({ config, settings, log, stop }: RunBridgeOptions): Promise<void> {
  const opened: (() => Promise<void>)[] = [];
  try {
    const projections = await openProjections(config.database);
    opened.push(() => projections.close());
    const { namespace } = config.temporal;
    const { taskQueue } = config;
    const { address, ...connectionOptions } = await temporalConnectionOptions(config.temporal);
    const client = await createSluiceClient({
      address,
      connectionOptions,
      namespace,
      taskQueue,
      actor: 'bridge',
    });
    opened.push(() => client.close());
    const bridge = await startBridge({ config: settings.bridge, projections, client, log });
    opened.push(() => bridge.stop());
    const { redisUrl, stream } = settings.bridge;
    log.info(
      { url: bridge.url ?? null, stream: redisUrl === undefined ? null : stream },
      'The bridge takes events',
    );
    await new Promise<void>((resolve) => {
      if (stop.aborted) resolve();
      else stop.addEventListener('abort', () => resolve(), { once: true });
    });
    log.info('The bridge stops; what is under way is finished');
  } finally {
    for (const close of opened.reverse()) await close();
  }
  log.info('The bridge has stopped');
}
