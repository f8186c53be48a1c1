/** Workers and replays of the workflows in this folder. */
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { suiteTemporal } from '../../support/services.js';
import type { ParityCase } from './parity-case.js';
import { parityOutcome } from './parity-case.js';

const logger = new DefaultLogger('ERROR');

/** The bundled workflow code of a module in this folder. */
export function bundle(module: 'workflows.ts' | 'workflows-warm.ts'): Promise<{ code: string }> {
  return bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL(module, import.meta.url)),
    logger,
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, extensionAlias: { '.js': ['.ts', '.js'] } },
    }),
  });
}

export const activities = {
  default: async () => Promise.resolve(),
  parityTable: async (cases: readonly ParityCase[]) => Promise.resolve(cases.map(parityOutcome)),
};

/** Runs `work` with a separate worker on the server of the suite. */
export async function withWorker<T>(run: (client: Client, taskQueue: string) => Promise<T>): Promise<T> {
  Runtime.install({ logger });
  const { address, namespace } = await suiteTemporal();
  const taskQueue = `expressions-${process.pid}-${Date.now()}`;
  const native = await NativeConnection.connect({ address });
  const connection = await Connection.connect({ address });
  try {
    const worker = await Worker.create({
      connection: native,
      namespace,
      taskQueue,
      workflowBundle: await bundle('workflows.ts'),
      activities,
    });
    return await worker.runUntil(run(new Client({ connection, namespace }), taskQueue));
  } finally {
    await connection.close();
    await native.close();
  }
}
