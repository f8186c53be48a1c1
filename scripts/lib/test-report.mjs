import { readFileSync } from 'node:fs';

/**
 * Numbers of a test run from vitest's JSON report.
 *
 * Invariant: a run that did not succeed never counts as one without failures. A file that failed without a
 * failed test (its import, a hook) is one failure, and so is an error outside every test or a missing report.
 * @param file the report
 * @param ok whether vitest ended with exit code 0
 */
export function countTests(file, ok) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`vitest left no report: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const brokenFiles = report.testResults.filter(
    (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !ok ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
