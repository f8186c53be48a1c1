// npm run soak [-- vitest arguments]: runs the soak tests (test/**/*.soak.test.ts) at full size, which takes
// many minutes. `npm test` runs the same tests with small sizes; see test/support/soak.ts.
import { runVitest } from './lib/run-vitest.mjs';
import { nameServers } from './lib/servers.mjs';
import { prepareClone } from './lib/setup.mjs';

prepareClone();
await nameServers();
process.env.SLUICE_SOAK = 'full';
process.exit(runVitest(['.soak.test.ts', ...process.argv.slice(2)]));
