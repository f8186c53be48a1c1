// npm test [-- vitest arguments]: does all set-up, runs every test, and ends with `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareClone, root } from './lib/setup.mjs';
import { countTests } from './lib/test-report.mjs';

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
const { passed, failed, skipped } = countTests(report, status === 0);
rmSync(scratch, { recursive: true, force: true });
console.log(`\n${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
