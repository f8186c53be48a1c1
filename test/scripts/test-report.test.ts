import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countTests } from '../../scripts/lib/test-report.mjs';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'sluice-report-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function count(files: { status: string; tests: string[] }[], ok: boolean): unknown {
  const tests = files.flatMap((file) => file.tests);
  const of = (status: string) => tests.filter((test) => test === status).length;
  const report = {
    numPassedTests: of('passed'),
    numFailedTests: of('failed'),
    numPendingTests: of('pending'),
    numTodoTests: 0,
    testResults: files.map((file) => ({
      status: file.status,
      assertionResults: file.tests.map((status) => ({ status })),
    })),
  };
  const path = join(directory, 'report.json');
  writeFileSync(path, JSON.stringify(report));
  return countTests(path, ok);
}

it('counts what passed, failed and was skipped', () => {
  const files = [
    { status: 'passed', tests: ['passed', 'passed', 'pending'] },
    { status: 'failed', tests: ['passed', 'failed'] },
  ];
  expect(count(files, false)).toEqual({ passed: 3, failed: 1, skipped: 1 });
});

it('counts a file that failed before its first test', () => {
  const files = [
    { status: 'passed', tests: ['passed'] },
    { status: 'failed', tests: [] },
  ];
  expect(count(files, false)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

it('counts an error outside every test', () => {
  expect(count([{ status: 'passed', tests: ['passed'] }], false)).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
  });
});

it('counts a run that left no report as one failure', () => {
  expect(countTests(join(directory, 'none.json'), true)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});
