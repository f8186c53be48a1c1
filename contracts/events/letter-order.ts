/**
 * The order in which many dead letters are retried or dismissed.
 *
 * Invariant: what happened first is done first, run by run; within a run the last effect is undone first, as
 * the run itself would have done it.
 */
import type { DeadLetterSummary } from './dead-letter.js';

type Letter = Pick<DeadLetterSummary, 'id' | 'kind' | 'runId' | 'createdAt'>;

/** Letters in the order in which they are acted on: those of one run together. */
export function inOrderOfRuns<T extends Letter>(letters: readonly T[]): readonly T[] {
  const oldestFirst = [...letters].sort((a, b) => compare(a.createdAt, b.createdAt) || compare(a.id, b.id));
  const byRun = new Map<string, T[]>();
  for (const letter of oldestFirst) {
    // A letter without a run stands alone.
    const group = letter.runId ?? `letter ${letter.id}`;
    byRun.set(group, [...(byRun.get(group) ?? []), letter]);
  }
  return [...byRun.values()].flatMap((ofRun) => [
    ...ofRun.filter(({ kind }) => kind === 'compensation').reverse(),
    ...ofRun.filter(({ kind }) => kind !== 'compensation'),
  ]);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
