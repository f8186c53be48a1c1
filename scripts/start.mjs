// npm start [-- --once]: everything on this machine, from nothing: packages, Temporal with its Web UI, the
// embedded database, a worker, the examples published, one order run. See worker/dev-stack/dev-stack.ts.
import { prepareClone, root } from './lib/setup.mjs';

const args = process.argv.slice(2);
const unknown = args.filter((arg) => arg !== '--once');
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(' ')}. Use npm start, or npm start -- --once to end after the run.`);
  process.exit(2);
}
process.chdir(root);
prepareClone();

const { register } = await import('tsx/esm/api');
register();
const { runDevStack } = await import('../worker/dev-stack/dev-stack.ts');
process.exit(
  await runDevStack({
    env: process.env,
    root,
    example: true,
    once: args.includes('--once'),
    out: process.stdout,
  }),
);
