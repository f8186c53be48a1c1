/** A process that opens the database in its first argument, prints `open`, and stays until its input ends. */
import { once } from 'node:events';
import { openProjections } from '../../../projections/index.js';

const projections = await openProjections({ url: process.argv[2] ?? '', username: 'root', password: 'root' });
process.stdout.write('open\n');
process.stdin.resume();
await once(process.stdin, 'end');
await projections.close();
