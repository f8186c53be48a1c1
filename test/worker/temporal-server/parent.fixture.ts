/** A process that starts a dev server, says where, and lives until it is killed. */
import { startTemporalDevServer } from '../../../worker/temporal-server/dev-server.js';

const server = await startTemporalDevServer({ env: process.env, log: () => undefined, headless: true });
process.stdout.write(`${server.address}\n`);
await server.exited;
