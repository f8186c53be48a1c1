// Runs vitest and prints what a person and CI read: the skipped tests by reason, and the numbers as the
// last line.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './setup.mjs';
import { countTests, summaryOf } from './test-report.mjs';

/**
 * Runs the tests with the arguments of vitest and gives the exit code.
 * @param args arguments of `vitest run`
 */
export function runVitest(args) {
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
      ...args,
    ],
    { cwd: root, stdio: 'inherit' },
  );
  const { text, failed } = summaryOf(countTests(report, status === 0), Boolean(process.env.CI));
  rmSync(scratch, { recursive: true, force: true });
  console.log(`\n${text}`);
  return failed ? 1 : 0;
}
