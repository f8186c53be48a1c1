/** The rows of a run that has ended, held against its log. */
import { expect } from 'vitest';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import type { Projections } from '../../../projections/index.js';
import type { StepView } from '../../../projections/reads/runs/list-steps.js';
import { type FoldedLog, foldLog, rowName } from './log-rules.js';

const MOST = 500;

/** Expects the rows of a run to match its log: nothing missing, nothing doubled, nothing open. */
export async function expectRows(
  { reads }: Projections,
  { tenant, runId }: { readonly tenant: string; readonly runId: string },
  log: readonly RunEvent[],
  folded: FoldedLog = foldLog(log),
): Promise<void> {
  expect(await reads.checkContiguity(tenant, runId)).toEqual({ lastSeq: log.length, gaps: [], doubled: [] });
  const run = await reads.getRun(tenant, runId);
  expect(run?.status).toBe(folded.run);
  expect(run?.endedAt).not.toBeNull();
  const steps = await stepsOf(reads, tenant, runId);
  const shown = steps.map(({ path, iteration, attempt, status }) => [
    rowName(path, iteration, attempt),
    status,
  ]);
  expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(folded.rows));
  expect(shown.length).toBe(folded.rows.size);
  const waits = await reads.listWaits(tenant, runId);
  expect(waits.filter(({ status }) => status === 'WAITING')).toEqual([]);
  expect(waits.length).toBe(log.filter(({ type }) => type === 'WAIT_OPENED').length);
}

async function stepsOf(
  reads: Projections['reads'],
  tenant: string,
  runId: string,
): Promise<readonly StepView[]> {
  const found: StepView[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await reads.listSteps(tenant, runId, { limit: MOST, after });
    found.push(...items);
    after = next ?? undefined;
  } while (after !== undefined);
  return found;
}
