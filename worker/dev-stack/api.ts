/** The HTTP API of the local stack, in the stack's process: the embedded store belongs to one process. */
import type { Logger } from 'pino';
import { startApi } from '../../api/index.js';
import { createSluiceClient, httpBus } from '../../client/index.js';
import type { ClosingStack } from '../../contracts/closing-stack.js';
import type { Projections } from '../../projections/index.js';
import type { ApiSettings } from '../config/api-config.js';
import type { TemporalPlace } from '../temporal/temporal-connection.js';
import { portNear } from '../temporal-server/ports.js';
import type { Console } from './console.js';

export interface DevStackApiOptions {
  readonly settings: ApiSettings;
  readonly temporal: TemporalPlace;
  readonly taskQueue: string;
  readonly projections: Projections;
  readonly actions: readonly { readonly id: string; readonly version: number }[];
  /** The bridge, to which the API forwards events; undefined: the bridge does not listen on HTTP. */
  readonly bridge: { readonly url: string; readonly token: string | undefined } | undefined;
  readonly sdkMetricsUrl: string;
  readonly screen: Console;
  /** Gets what has to be closed. */
  readonly opened: ClosingStack;
  readonly log: Logger;
}

/** Starts the API. @throws SluiceError CONFIG_INVALID, TEMPORAL_UNAVAILABLE */
export async function startDevStackApi(options: DevStackApiOptions): Promise<void> {
  const { settings, temporal, taskQueue, projections, actions, bridge, screen, opened, log } = options;
  const client = await createSluiceClient({
    ...temporal,
    taskQueue,
    actor: 'api',
    reads: projections.reads,
    ...(bridge !== undefined && { bus: httpBus(bridge.url, bridge.token) }),
  });
  opened.add("The API's Temporal client", () => client.close());
  const { host, port } = settings;
  const api = await startApi({
    config: { ...settings, port: await portNear(host, port), sdkMetricsUrl: options.sdkMetricsUrl },
    client,
    projections,
    actions,
    log,
  });
  opened.add('HTTP API', () => api.stop());
  const open = settings.auth.kind === 'off' ? ', no tokens: loopback only' : '';
  screen.ready('HTTP API', `${api.url}/docs${open}`);
}
