/** The native runtime of Temporal's SDK, of which a process has one: its logs, its metrics. */
import { IllegalStateError } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { temporalRuntimeOptions } from './logging.js';

/**
 * Installs it.
 * @param metricsAddress `host:port` at which the metrics are served; absent: they are not
 * @throws SluiceError CONFIG_INVALID where nothing can be served there
 */
export function installRuntime(log: Logger, metricsAddress: string | undefined): Runtime {
  try {
    return Runtime.install(temporalRuntimeOptions(log, metricsAddress));
  } catch (error) {
    if (metricsAddress === undefined || error instanceof IllegalStateError) throw error;
    throw new SluiceError(
      'CONFIG_INVALID',
      `SLUICE_WORKER_METRICS_HTTP: no metrics can be served at ${metricsAddress}: ${messageOf(error)}. Give each worker of a machine a free port, or leave the variable out.`,
      { cause: error },
    );
  }
}
