/** The worker process: `node --import tsx worker/main.ts`; `sluice worker` runs the same. */
import { runWorkerProcess } from './processes/worker-process.js';

process.exitCode = (await runWorkerProcess(process.env)) === undefined ? 0 : 1;
