/**
 * Setup file of every test file. Two things fail a file though each of its tests has passed:
 *
 * - A worker or a worker's connection that was left open: it would go on polling, take other tests'
 *   tasks, and hide that something never shuts down.
 * - A warning of Node (a deprecation, a leak of listeners): warnings of any tool are errors here.
 */
import { createRequire } from 'node:module';
import { afterAll } from 'vitest';

const require = createRequire(import.meta.url);
const warnings: Error[] = [];
process.on('warning', (warning) => warnings.push(warning));

afterAll(() => {
  // Looked up in the cache, so that a file that never loads the native SDK doesn't pay for it here.
  const sdk = require.cache[require.resolve('@temporalio/worker')]?.exports as
    { Runtime: { _instance?: { backRefs: Set<unknown> } } } | undefined;
  const open = sdk?.Runtime._instance?.backRefs;
  if (open !== undefined && open.size > 0) {
    throw new Error(
      `${open.size} worker(s) or worker connection(s) were left open by this file: stop each worker and close its connection.`,
    );
  }
});

afterAll(() => {
  if (warnings.length > 0) {
    throw new Error(`Node warned: ${warnings.map((warning) => warning.stack ?? warning.message).join('\n')}`);
  }
});
