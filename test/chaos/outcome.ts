/**
 * The outcome of a run in a form that compares two runs of one definition: rows, log, ledger, children
 * and effects, without times and without the order in which lanes took turns.
 */
import type { StartedRun } from '../../client/index.js';
import type { Projections } from '../../projections/index.js';
import type { Stack } from './stack.js';

const TENANT = 'default';
const PAGE = 500;

export interface Outcome {
  readonly status: string | undefined;
  readonly state: string | null | undefined;
  readonly result: unknown;
  readonly error: unknown;
  readonly steps: readonly string[];
  readonly waits: readonly string[];
  /** Events by type and place. */
  readonly log: readonly string[];
  readonly gaps: { readonly gaps: unknown; readonly doubled: unknown };
  /** Each ledger row: its action, its key and how it ended. */
  readonly ledger: readonly string[];
  readonly children: readonly Outcome[];
}

/** Events of pauses, which depend on when the worker crashed. */
const OF_PAUSES = new Set(['RUN_WAITING', 'RUN_RESUMED', 'RUN_CONTINUED']);

/** Reads the outcome of a run. */
export async function outcomeOf(projections: Projections, runId: string): Promise<Outcome> {
  const { reads } = projections;
  const run = await reads.getRun(TENANT, runId);
  const steps = await all((after) => reads.listSteps(TENANT, runId, { after, limit: PAGE }));
  const events = await all((after) => reads.listEvents(TENANT, runId, { after, limit: PAGE }));
  const waits = await reads.listWaits(TENANT, runId);
  const ledger = await reads.listInvocations(TENANT, runId);
  const children = await all((after) =>
    reads.listRuns(TENANT, { parentRunId: runId }, { after, limit: PAGE }),
  );
  const outcomes = await Promise.all(children.map((child) => outcomeOf(projections, child.runId)));
  const { gaps, doubled } = await reads.checkContiguity(TENANT, runId);
  const told = {
    status: run?.status,
    state: run?.state,
    result: run?.result,
    error: run?.error && { ...run.error, at: '' },
    steps: steps
      .map(({ path, iteration, attempt, status, input, output, error, continued }) =>
        line(path, iteration, attempt, status, input, output, error?.code, error?.message, continued),
      )
      .sort(),
    waits: waits
      .map(({ path, iteration, kind, status, event }) => line(path, iteration, kind, status, event?.name))
      .sort(),
    log: events
      .filter(({ type }) => !OF_PAUSES.has(type))
      .map(({ type, stepPath, iteration, attempt }) => line(type, stepPath, iteration, attempt))
      .sort(),
    gaps: { gaps, doubled },
    ledger: ledger.map(({ idempotencyKey, status, output }) => line(idempotencyKey, status, output)).sort(),
    children: outcomes.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  };
  return JSON.parse(JSON.stringify(told).replaceAll(runId, 'RUN')) as Outcome;
}

function line(...parts: readonly unknown[]): string {
  return JSON.stringify(parts);
}

async function all<T>(
  page: (
    after: string | undefined,
  ) => Promise<{ readonly items: readonly T[]; readonly next: string | null }>,
): Promise<T[]> {
  const found: T[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await page(after);
    found.push(...items);
    after = next ?? undefined;
  } while (after !== undefined);
  return found;
}

/** How often each action of a run and of its children acted, by idempotency key. */
export function acted(stack: Stack, run: StartedRun): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const effect of stack.effects.reported) {
    const child = effect.workflowId.includes(run.runId);
    if (effect.point !== 'acts' || (effect.runId !== run.runId && !child)) continue;
    // A child's key holds the child's own run id; which child it is says its workflow id.
    const key = child
      ? effect.key.replace(effect.runId, effect.workflowId.replace(run.runId, 'RUN'))
      : effect.key.replace(run.runId, 'RUN');
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
