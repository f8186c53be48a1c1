import { runWorkerProcess } from '../../../worker/processes/worker-process.js';
import type { Environment } from '../../../worker/config/config.js';
import { EXIT, exitCodeOf } from '../../terminal/exit-codes.js';

/** `sluice worker`: like `worker/main.ts`, with the exit codes of `sluice`. */
export async function workerCommand(env: Environment): Promise<number> {
  const error = await runWorkerProcess(env);
  return error === undefined ? EXIT.ok : exitCodeOf(error);
}
