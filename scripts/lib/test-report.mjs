import { readFileSync } from 'node:fs';

const NO_REASON = 'without a reason (it.skip, it.todo or a filter)';

/**
 * Numbers of a test run from vitest's JSON report.
 *
 * Invariant: a run that did not succeed never counts as one without failures. A file that failed without a
 * failed test (its import, a hook) is one failure, and so is an error outside every test or a missing report.
 * @param file the report
 * @param ok whether vitest ended with exit code 0
 * @returns the numbers, and the number of skipped tests by reason (test/support/requirements.ts)
 */
export function countTests(file, ok) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0, reasons: {} };
  }
  const brokenFiles = report.testResults.filter(
    (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  const reasons = {};
  for (const test of report.testResults.flatMap((suite) => suite.assertionResults)) {
    if (test.status === 'passed' || test.status === 'failed') continue;
    const reason = test.meta?.skippedFor ?? NO_REASON;
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !ok ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
    reasons,
  };
}

/**
 * The last lines of a test run, and whether the run failed.
 * @param counts what `countTests` gave
 * @param ci true on CI, where a skipped test is a failure
 */
export function summaryOf({ passed, failed, skipped, reasons }, ci) {
  const lines = Object.entries(reasons).map(([reason, count]) => `skipped ${count}: ${reason}`);
  const refused = ci && skipped > 0;
  if (refused) lines.push(`CI runs every test: the ${skipped} skipped ones count as failed.`);
  const allFailed = refused ? failed + skipped : failed;
  const rest = skipped === 0 || refused ? '' : `, ${skipped} skipped`;
  lines.push(`${passed} passed, ${allFailed} failed${rest}`);
  return { text: lines.join('\n'), failed: allFailed > 0 || passed === 0 };
}
