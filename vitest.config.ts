import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/suite-services.ts'],
    setupFiles: ['test/support/leak-check.ts'],
    // A process for each file: the native parts of the SDK and of the database share nothing between files.
    pool: 'forks',
    isolate: true,
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    // A test that passes at the second try is a defect to find.
    retry: 0,
    allowOnly: false,
    passWithNoTests: false,
    sequence: { hooks: 'stack' },
  },
});
