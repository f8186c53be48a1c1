/** The verdict on each pair of a row and a run on Temporal. */
import { describe, expect, it } from 'vitest';
import type { RunStatus } from '../../../contracts/run/run.js';
import { judge } from '../../../worker/reconciler/judge.js';
import type { TemporalRun } from '../../../worker/reconciler/temporal-runs.js';

const NOW = 1_000_000;
const GRACE = 30_000;

const row = (status: RunStatus, endedMsAgo?: number) => ({
  workflowId: 'w',
  status,
  endedAt: endedMsAgo === undefined ? undefined : new Date(NOW - endedMsAgo),
});
const open = (executionId: string, msAgo = 60_000, historyLength = 10): TemporalRun => ({
  open: true,
  executionId,
  startedAt: NOW - msAgo,
  historyLength,
});
const closed = (executionId: string, status: 'SUCCEEDED' | 'TERMINATED' | 'CANCELED'): TemporalRun => ({
  open: false,
  executionId,
  status,
  closedAt: NOW,
});

type Case = readonly [
  what: string,
  row: ReturnType<typeof row> | undefined,
  TemporalRun | undefined,
  kind: string,
];

const CASES: readonly Case[] = [
  ['a run that waits, and a worker that may be away for days', row('WAITING'), open('e1', 9e8), 'fine'],
  ['an open row, and Temporal does not know the run', row('WAITING'), undefined, 'close'],
  ['an ended row, and Temporal does not know the run', row('SUCCEEDED', 9e8), undefined, 'confirm'],
  ['an open row, and Temporal has closed the run', row('RUNNING'), closed('e1', 'TERMINATED'), 'close'],
  ['the same end on both sides', row('SUCCEEDED', 10), closed('e1', 'SUCCEEDED'), 'confirm'],
  ['another end', row('SUCCEEDED', 10), closed('e1', 'TERMINATED'), 'close'],
  ['the same end, of a run that was reset', row('CANCELED', 9e8), closed('e2', 'CANCELED'), 'close'],
  ['the last commit, just before the run ends', row('SUCCEEDED', 10), open('e1'), 'later'],
  ['a row that says ended, long ago', row('SUCCEEDED', 31_000), open('e1'), 'resync'],
  ['a row that ended before a reset', row('CANCELED', 10), open('e2', 0), 'resync'],
  ['a run that has just continued as new', row('WAITING'), open('e2', 29_000), 'later'],
  ['a run that was reset while it was open', row('WAITING'), open('e2', 31_000), 'resync'],
  ['no row, and a run that began just now', undefined, open('e1', 10), 'later'],
  ['no row, and a run that no worker has begun', undefined, open('e1', 9e8, 2), 'later'],
  ['no row, and a run that has been at work', undefined, open('e1'), 'resync'],
];

describe('The verdict of the reconciler', () => {
  it.each(CASES)('the case "%s" gets its verdict', (_, found, run, kind) => {
    const execution = found === undefined ? undefined : 'e1';
    expect(judge({ row: found, execution }, run, NOW, GRACE).kind).toBe(kind);
  });
});
