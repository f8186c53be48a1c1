import { defineConfig } from 'vitest/config';

/**
 * Time limits end a test that hangs. They do not measure speed: a machine whose other core is busy stays
 * below them.
 */
const TEST_LIMIT_MS = 120_000;
const HOOK_LIMIT_MS = 120_000;
const TEARDOWN_LIMIT_MS = 30_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/servers/suite-services.ts'],
    setupFiles: ['test/support/leak-check.ts'],
    // A process for each file: the native parts of the SDK and of the database share nothing between files.
    pool: 'forks',
    isolate: true,
    // Each file starts its workers and servers: more files at once than cores only wait for each other.
    maxWorkers: 2,
    testTimeout: TEST_LIMIT_MS,
    hookTimeout: HOOK_LIMIT_MS,
    teardownTimeout: TEARDOWN_LIMIT_MS,
    // A test that passes at the second try has a defect.
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
    sequence: { hooks: 'stack' },
  },
});
