/** A worker as a process: `node --import tsx worker/main.ts`, which `sluice worker` is as well. */
import { runWorkerProcess } from './processes/worker-process.js';

process.exitCode = (await runWorkerProcess(process.env)) === undefined ? 0 : 1;
