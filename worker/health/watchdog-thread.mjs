// The thread of the watchdog (watchdog.ts). Plain JavaScript: it must start where nothing else can be loaded.
import { writeSync } from 'node:fs';
import { setInterval } from 'node:timers';
import { workerData } from 'node:worker_threads';

const { beats, lookMs, looks } = workerData;
const counter = new Int32Array(beats);
const STANDARD_ERROR = 2;
let seen = Atomics.load(counter, 0);
let still = 0;

// Looks are counted, not time: a process that was suspended as a whole, this thread too, has not got stuck.
setInterval(() => {
  const now = Atomics.load(counter, 0);
  still = now === seen ? still + 1 : 0;
  seen = now;
  if (still < looks) return;
  const msg = 'The main thread does not get on; the process is ended by force, to be started again';
  const time = new Date().toISOString();
  writeSync(STANDARD_ERROR, `${JSON.stringify({ level: 'fatal', time, stuckMs: looks * lookMs, msg })}\n`);
  process.kill(process.pid, 'SIGKILL');
}, lookMs);
