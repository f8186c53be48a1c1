/**
 * Alternating rounds of the two kinds that are compared, so that both see the same machine, and their
 * results.
 */
import { z } from 'zod';

const Spread = z.object({ median: z.number(), lowest: z.number(), highest: z.number() });
type Spread = z.infer<typeof Spread>;

/** One line of the table. */
export const Figure = z.object({
  case: z.string(),
  what: z.string(),
  unit: z.string(),
  sluice: Spread,
  /** Absent: no hand-written equivalent exists. */
  byHand: Spread.optional(),
  /** Median of the rounds' ratios, Sluice to hand-written. */
  ratio: z.number().optional(),
  target: z.object({ text: z.string(), holds: z.boolean() }).optional(),
});
export type Figure = z.infer<typeof Figure>;

export const Report = z.object({
  at: z.string(),
  machine: z.string(),
  rounds: z.number(),
  figures: z.array(Figure),
});
export type Report = z.infer<typeof Report>;

/** Values of both kinds, one pair per round. */
export interface Pairs {
  readonly sluice: readonly number[];
  readonly byHand: readonly number[];
}

export type Kind = keyof Pairs;

/**
 * Measures both kinds alternately: A B, B A, A B, …, after one round of each that is not counted.
 * @param measure returns the value of one round of that kind
 */
export async function inTurns(
  rounds: number,
  measure: (kind: Kind, round: number) => Promise<number>,
): Promise<Pairs> {
  const values = { sluice: [] as number[], byHand: [] as number[] };
  for (let round = -1; round < rounds; round++) {
    const order: Kind[] = round % 2 === 0 ? ['sluice', 'byHand'] : ['byHand', 'sluice'];
    for (const kind of order) {
      const value = await measure(kind, round);
      if (round >= 0) values[kind].push(value);
    }
  }
  return values;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
};

const spread = (values: readonly number[]): Spread => ({
  median: median(values),
  lowest: Math.min(...values),
  highest: Math.max(...values),
});

/**
 * A line that compares both kinds.
 * @param target the condition on the ratio, or on the two medians
 */
export function compared(
  about: Pick<Figure, 'case' | 'what' | 'unit'>,
  { sluice, byHand }: Pairs,
  target?: {
    readonly text: string;
    readonly holds: (ratio: number, sluice: number, byHand: number) => boolean;
  },
): Figure {
  const ratio = median(sluice.map((value, i) => value / (byHand[i] ?? NaN)));
  return {
    ...about,
    sluice: spread(sluice),
    byHand: spread(byHand),
    ratio,
    ...(target && {
      target: { text: target.text, holds: target.holds(ratio, median(sluice), median(byHand)) },
    }),
  };
}

/** A line for Sluice alone. */
export function alone(
  about: Pick<Figure, 'case' | 'what' | 'unit'>,
  values: readonly number[],
  target?: { readonly text: string; readonly holds: (median: number) => boolean },
): Figure {
  return {
    ...about,
    sluice: spread(values),
    ...(target && { target: { text: target.text, holds: target.holds(median(values)) } }),
  };
}

/** Runs the tasks with a limited concurrency. @returns the total time, ms */
export async function timed(
  total: number,
  atOnce: number,
  task: (i: number) => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(total, atOnce) }, async () => {
      while (next < total) await task(next++);
    }),
  );
  return performance.now() - started;
}
