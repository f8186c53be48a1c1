/**
 * Setup file of every test file: a worker or a worker's connection that a test has left open fails the
 * file. Left alone it would go on polling, take other tests' tasks, and hide that something never shuts down.
 */
import { createRequire } from 'node:module';
import { afterAll } from 'vitest';

const require = createRequire(import.meta.url);

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
