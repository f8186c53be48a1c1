/**
 * What running again would repeat: the step that failed, and the effects that the ledger knows from there on.
 *
 * Invariants
 * - The failed step is the one that the run's error names, where it began last; else the last one that failed
 *   without `onError`, compensations left out. It is read from the rows, so Temporal decides when the run is
 *   rewound.
 * - An effect is told by its place, action and outcome, never by its values.
 * - A failed or unfinished use of an action is told too: it may have had its effect.
 */
import { SluiceError } from '../../contracts/errors.js';
import { compensatedStep } from '../../contracts/run/compensation.js';
import { placeKey } from '../../contracts/run/place.js';
import type { RunSummary, StepView } from '../../projections/index.js';
import { allItems, type RunReads } from '../reads/reads.js';

/** Where a step is. */
export interface StepPlace {
  readonly stepPath: string;
  readonly iteration: readonly number[];
}

/** A use of an action that running again repeats. */
export interface RepeatedEffect extends StepPlace {
  readonly action: string;
  /** `SUCCEEDED`: it is done twice; `STARTED` and `FAILED`: it may have been done. */
  readonly status: 'STARTED' | 'SUCCEEDED' | 'FAILED';
}

/** Effects of one run, in the order in which their steps began. */
export interface Repeated {
  readonly effects: readonly RepeatedEffect[];
  /** How many more there are. */
  readonly moreEffects: number;
}

/** Most effects that are named for one run. */
const NAMED_EFFECTS = 50;

type Run = Pick<RunSummary, 'tenant' | 'runId'>;

/** The steps of a run in the order in which they began, without compensations. */
export async function stepsOf(reads: RunReads, { tenant, runId }: Run): Promise<readonly StepView[]> {
  const steps: StepView[] = [];
  for await (const step of allItems((page) => reads.listSteps(tenant, runId, page))) {
    if (step.undoes === null) steps.push(step);
  }
  return steps;
}

/**
 * The step at which a run failed.
 * @param errorPath the step that the run's error names; null if it names none
 */
export function findFailedStep(steps: readonly StepView[], errorPath: string | null): StepView | undefined {
  const failed = steps.filter(({ status, continued }) => status === 'FAILED' && !continued);
  // A block fails with the step inside it, which began later: the last one is the innermost.
  return failed.findLast(({ path }) => path === errorPath) ?? failed.at(-1);
}

/** The place of that step. @throws SluiceError REWIND_NOT_POSSIBLE if no step failed */
export function failedStep(runId: string, steps: readonly StepView[], errorPath: string | null): StepPlace {
  const step = findFailedStep(steps, errorPath);
  if (step !== undefined) return { stepPath: step.path, iteration: step.iteration };
  throw new SluiceError('REWIND_NOT_POSSIBLE', `Run ${runId}: no step of it has failed; name the step.`, {
    details: { runId, possible: [] },
  });
}

/** What of the ledger is done again from a step on, or from the start. */
export async function repeatedFrom(
  reads: RunReads,
  { tenant, runId }: Run,
  steps: readonly StepView[],
  from?: StepPlace,
): Promise<Repeated> {
  const order = new Map<string, number>();
  for (const { path, iteration } of steps) {
    const place = placeKey(path, iteration);
    if (!order.has(place)) order.set(place, order.size);
  }
  const first = from === undefined ? 0 : (order.get(placeKey(from.stepPath, from.iteration)) ?? 0);
  const found: { readonly at: number; readonly effect: RepeatedEffect }[] = [];
  for await (const use of allItems((page) => reads.pageInvocations(tenant, runId, page))) {
    if (compensatedStep(use.path) !== undefined) continue;
    // The ledger knows what no row of a step tells any more; it counts as repeated.
    const at = order.get(placeKey(use.path, use.iteration)) ?? Infinity;
    if (at < first) continue;
    const { path: stepPath, iteration, action, status } = use;
    found.push({ at, effect: { stepPath, iteration, action, status } });
  }
  const effects = found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).map(({ effect }) => effect);
  return {
    effects: effects.slice(0, NAMED_EFFECTS),
    moreEffects: Math.max(0, effects.length - NAMED_EFFECTS),
  };
}
