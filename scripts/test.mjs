// npm test [-- vitest arguments]: does all set-up, runs every test, and ends with `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareClone, root } from './lib/setup.mjs';

prepareClone();

const { register } = await import('tsx/esm/api');
register();
const { findTemporalCli } = await import('../worker/temporal-server/find-cli.ts');
try {
  // Before the tests, whose hooks have no time for a download or a build.
  const cli = await findTemporalCli({ env: process.env, log: (line) => console.log(line) });
  process.env.TEMPORAL_CLI_PATH = cli.path;
} catch (error) {
  console.error(`${error.code ?? error.name}: ${error.message}${error.help ? `\n${error.help}` : ''}`);
  process.exit(1);
}

const scratch = mkdtempSync(join(tmpdir(), 'sluice-report-'));
const report = join(scratch, 'report.json');
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);
const { passed, failed, skipped } = count(report, status === 0);
rmSync(scratch, { recursive: true, force: true });
console.log(`\n${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

/** Numbers of the run. A file that failed without a failed test (its import, a hook) counts as one failure. */
function count(file, ok) {
  let results;
  try {
    results = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const brokenFiles = results.testResults.filter(
    (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
  ).length;
  const failed = results.numFailedTests + brokenFiles;
  return {
    passed: results.numPassedTests,
    // An error outside every test (an unhandled rejection, the global set-up) fails the run as well.
    failed: failed === 0 && !ok ? 1 : failed,
    skipped: results.numPendingTests + results.numTodoTests,
  };
}
