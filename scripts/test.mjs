// npm test [-- vitest arguments]: does all set-up, runs every test, and ends with `N passed, N failed`.
import { runVitest } from './lib/run-vitest.mjs';
import { nameServers } from './lib/servers.mjs';
import { prepareClone } from './lib/setup.mjs';

prepareClone();
await nameServers();
process.exit(runVitest(process.argv.slice(2)));
