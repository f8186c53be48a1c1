import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countTests, summaryOf } from '../../scripts/lib/test-report.mjs';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'sluice-report-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function count(
  files: { status: string; tests: (string | { status: string; skippedFor: string })[] }[],
  ok: boolean,
): unknown {
  const resultOf = (test: string | { status: string; skippedFor: string }) =>
    typeof test === 'string'
      ? { status: test }
      : { status: test.status, meta: { skippedFor: test.skippedFor } };
  const tests = files.flatMap((file) => file.tests.map(resultOf));
  const of = (status: string) => tests.filter((test) => test.status === status).length;
  const report = {
    numPassedTests: of('passed'),
    numFailedTests: of('failed'),
    numPendingTests: of('pending'),
    numTodoTests: 0,
    testResults: files.map((file) => ({
      status: file.status,
      assertionResults: file.tests.map(resultOf),
    })),
  };
  const path = join(directory, 'report.json');
  writeFileSync(path, JSON.stringify(report));
  return countTests(path, ok);
}

const NO_SKIPS = { skipped: 0, reasons: {} };

it('a report is counted by passed, failed and skipped tests', () => {
  const files = [
    { status: 'passed', tests: ['passed', 'passed', 'pending'] },
    { status: 'failed', tests: ['passed', 'failed'] },
  ];
  expect(count(files, false)).toMatchObject({ passed: 3, failed: 1, skipped: 1 });
});

it('skipped tests are counted by their reason', () => {
  const skippedFor = 'no Redis server';
  const files = [
    { status: 'passed', tests: ['passed', { status: 'skipped', skippedFor }, 'todo'] },
    { status: 'passed', tests: [{ status: 'skipped', skippedFor }] },
  ];
  expect(count(files, true)).toMatchObject({
    reasons: { 'no Redis server': 2, 'without a reason (it.skip, it.todo or a filter)': 1 },
  });
});

it('a file that failed before its first test is one failure', () => {
  const files = [
    { status: 'passed', tests: ['passed'] },
    { status: 'failed', tests: [] },
  ];
  expect(count(files, false)).toEqual({ passed: 1, failed: 1, ...NO_SKIPS });
});

it('an error outside every test is one failure', () => {
  expect(count([{ status: 'passed', tests: ['passed'] }], false)).toEqual({
    passed: 1,
    failed: 1,
    ...NO_SKIPS,
  });
});

it('a run that left no report is one failure', () => {
  expect(countTests(join(directory, 'none.json'), true)).toEqual({ passed: 0, failed: 1, ...NO_SKIPS });
});

describe('the last lines of a run', () => {
  const counts = { passed: 5, failed: 0, skipped: 2, reasons: { 'no Redis server': 2 } };

  it('a run without skipped tests ends with its two numbers', () => {
    expect(summaryOf({ passed: 5, failed: 0, ...NO_SKIPS }, false)).toEqual({
      text: '5 passed, 0 failed',
      failed: false,
    });
  });

  it('a run with skipped tests names their number and the reason', () => {
    expect(summaryOf(counts, false)).toEqual({
      text: 'skipped 2: no Redis server\n5 passed, 0 failed, 2 skipped',
      failed: false,
    });
  });

  it('a run on CI counts a skipped test as failed', () => {
    const { text, failed } = summaryOf(counts, true);
    expect(failed).toBe(true);
    expect(text).toMatch(/CI runs every test.*\n5 passed, 2 failed$/);
  });

  it('a run in which nothing passed has failed', () => {
    expect(summaryOf({ passed: 0, failed: 0, ...NO_SKIPS }, false).failed).toBe(true);
  });
});
