/** A watched process: it says that it is up, and is stuck at the first line of its input. */
import { watchMainThread } from '../../../worker/health/watchdog.js';

const stop = watchMainThread(Number(process.argv[2]));
process.stdout.write('up\n');
process.stdin.once('data', (data: Buffer) => {
  if (data.toString() === 'end\n') void stop().then(() => process.stdin.destroy());
  else for (;;);
});
