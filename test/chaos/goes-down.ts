/**
 * The shape of a crash test: undisturbed runs, runs of the same kind that are each brought to a critical
 * point, one end of the worker for all of them, a new worker, and then the comparison.
 */
import { expect } from 'vitest';
import type { StartedRun } from '../../client/index.js';
import type { Json } from '../../contracts/json.js';
import type { Effect, Hold } from './effects.js';
import { acted, outcomeOf, type Outcome } from './outcome.js';
import { Stack, type PublishChange } from './stack.js';
import type { WorkerProcess } from './worker-process.js';

/** How a run of an example is started, and which events it gets later. */
export interface Kind {
  readonly start: (stack: Stack, workflowId: string) => Promise<StartedRun>;
  /** Brings it to its end, where it does not get there by itself. */
  readonly finish?: (stack: Stack, run: StartedRun) => Promise<void>;
}

/** Where the worker goes down for one run. */
export interface Disturbed {
  readonly kind: Kind;
  /** Name of the undisturbed run that it must end like. */
  readonly like: string;
  /** Where its actions are held; absent: nowhere. */
  readonly at?: (effect: Effect) => boolean;
  /** How many are held there. Default 1. */
  readonly held?: number;
  /** The steps whose waits are open when the worker goes down. */
  readonly waitsAt?: readonly string[];
  /** True: the kind's `finish` is what brings it there. Default: it comes after the worker went down. */
  readonly finishFirst?: boolean;
}

export interface GoesDown {
  /** Definitions to publish, children first. */
  readonly files: readonly string[];
  readonly change?: PublishChange;
  readonly undisturbed: Readonly<Record<string, Kind>>;
  readonly disturbed: Readonly<Record<string, Disturbed>>;
  /** Ends the worker. */
  readonly down: (worker: WorkerProcess) => Promise<void>;
}

/** Ends the worker as a crash does. */
export const killed = (worker: WorkerProcess): Promise<void> => worker.kill();

/** Ends the worker as a deployment does: it must stop by itself, with exit code 0. */
export async function stopped(worker: WorkerProcess): Promise<void> {
  worker.terminate();
  expect(await worker.ended()).toBe(0);
}

/** Runs all of it. */
export async function goesDown(options: GoesDown): Promise<void> {
  trial += 1;
  await Stack.with({}, async (stack) => {
    const first = await stack.startWorker();
    for (const file of options.files) await stack.publish(file, options.change);
    const runs: Record<string, StartedRun> = {};
    const results: Record<string, Json> = {};
    const end = async (name: string): Promise<void> => {
      results[name] = await stack.end(runs[name] as StartedRun);
    };
    await Promise.all(
      Object.entries(options.undisturbed).map(async ([name, kind]) => {
        const run = await kind.start(stack, idOf(name));
        runs[name] = run;
        await kind.finish?.(stack, run);
        await end(name);
      }),
    );
    for (const [name, disturbed] of Object.entries(options.disturbed)) {
      const hold: Hold = (effect) => belongs(effect, runs[name], name) && disturbed.at?.(effect) === true;
      stack.effects.hold(hold);
      runs[name] = await disturbed.kind.start(stack, idOf(name));
    }
    for (const [name, disturbed] of Object.entries(options.disturbed)) {
      const { kind, at, held = 1, waitsAt = [], finishFirst = false } = disturbed;
      const run = runs[name] as StartedRun;
      if (finishFirst) await kind.finish?.(stack, run);
      if (at !== undefined) await stack.effects.held(held, (effect) => belongs(effect, run, name));
      for (const step of waitsAt) await stack.waits(run, step);
    }
    await options.down(first);
    stack.effects.releaseAll();

    const second = await stack.startWorker();
    await Promise.all(
      Object.entries(options.disturbed).map(async ([name, { kind, finishFirst = false }]) => {
        if (!finishFirst) await kind.finish?.(stack, runs[name] as StartedRun);
        await end(name);
      }),
    );
    const outcomes = await stack.rows(second, async (projections) => {
      const found: Record<string, Outcome> = {};
      for (const [name, run] of Object.entries(runs)) found[name] = await outcomeOf(projections, run.runId);
      return found;
    });
    for (const [name, disturbed] of Object.entries(options.disturbed)) {
      compare(stack, name, disturbed, { runs, results, outcomes });
    }
  });
}

function compare(
  stack: Stack,
  name: string,
  { like, at, held = 1 }: Disturbed,
  seen: {
    readonly runs: Readonly<Record<string, StartedRun>>;
    readonly results: Readonly<Record<string, Json>>;
    readonly outcomes: Readonly<Record<string, Outcome>>;
  },
): void {
  expect(seen.outcomes[name]?.gaps, name).toEqual({ gaps: [], doubled: [] });
  expect(plain(seen.outcomes[name], name), name).toEqual(plain(seen.outcomes[like], like));
  expect(plain(seen.results[name], name), name).toEqual(plain(seen.results[like], like));
  const effects = acted(stack, seen.runs[name] as StartedRun);
  const reference = acted(stack, seen.runs[like] as StartedRun);
  // The same keys as undisturbed; and only what was under way when the worker went down acted again.
  expect(Object.keys(effects).sort(), name).toEqual(Object.keys(reference).sort());
  const again = Object.values(effects).filter((count) => count > 1);
  expect(again, name).toEqual(at === undefined ? [] : Array.from({ length: held }, () => 2));
}

// The tests of a file share a Temporal server: a failed test leaves runs open, whose ids the next can't use.
let trial = 0;

/** A workflow id, which tells the run's children as well. */
function idOf(name: string): string {
  return `run-${trial}-${name.replaceAll(' ', '-')}`;
}

function belongs(effect: Effect, run: StartedRun | undefined, name: string): boolean {
  return effect.workflowId === idOf(name) || (run !== undefined && effect.workflowId.includes(run.runId));
}

/** Without the names of this run and of its actions' ids. */
function plain(value: unknown, name: string): unknown {
  const text = JSON.stringify(value ?? null).replaceAll(idOf(name), 'WORKFLOW');
  return JSON.parse(text.replace(/\b([a-z]{2,3}|EX)_[0-9a-fA-F]{12}\b/g, '$1_ID'));
}
