/**
 * npm run bench -- projections [embedded|server]: commits of one step, pages of lists, bytes of a run.
 *
 * Every figure is measured in this run, on this machine; the ratio of the list pages is the one that must
 * hold anywhere: a page at 100,000 runs takes at most 1.5 times what it takes at 1,000.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openProjections, type Projections, type ProjectionsOptions } from '../projections/index.js';
import type { RunFilter } from '../projections/reads/runs/list-runs.js';
import {
  event,
  execution,
  invocation,
  runStartedAs,
  stepStarted,
  stepSucceeded,
} from '../test/projections/support/runs.js';
import { surrealBinary } from '../test/support/requirements.js';
import { startServer } from '../test/support/servers/surreal-server.js';
import { loadRuns } from './support/load-runs.js';

const CALLERS = [1, 16, 64];
const MEASURE_MS = 2_000;
const WARM_UP_MS = 500;
const SIZES = [1_000, 10_000, 100_000];
const PAGES = 300;
const PAGE = 50;
const MOST_GROWTH = 1.5;
const STORED_RUNS = 300;
const STEPS = 5;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
const holder = { holder: 'bench', forMs: 60_000 };

/** One step of a run: two commits, as an action makes them. */
async function step(projections: Projections, of: ReturnType<typeof execution>, n: number, times: number[]) {
  const path = `steps[${n}]`;
  const use = invocation(`${of.run.runId}:${n}`, path);
  const seq = 2 * n + 2;
  const before = n === 0 ? runStartedAs(of) : stepSucceeded(seq - 1, `steps[${n - 1}]`);
  const began = performance.now();
  await projections.beginAction(of, [before, stepStarted(seq, path, use.idempotencyKey)], use, holder);
  const half = performance.now();
  const outcome = { status: 'SUCCEEDED', output: { ok: true, n }, artifacts: [] } as const;
  await projections.finishAction(of, use, { outcome, writes: [], holder: 'bench' });
  times.push(half - began, performance.now() - half);
}

async function commits(projections: Projections): Promise<void> {
  for (const callers of CALLERS) {
    let times: number[] = [];
    let stop = false;
    const work = Array.from({ length: callers }, async () => {
      while (!stop) {
        const of = execution();
        for (let n = 0; n < 10 && !stop; n++) await step(projections, of, n, times);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    times = [];
    const measured = times;
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
    const seconds = (performance.now() - began) / 1_000;
    const done = [...measured].sort((a, b) => a - b);
    stop = true;
    await Promise.all(work);
    say(
      `  ${String(callers).padStart(2)} callers   ${Math.round(done.length / seconds)} commits/s   p50 ${quantile(done, 0.5).toFixed(2)} ms   p99 ${quantile(done, 0.99).toFixed(2)} ms`,
    );
  }
}

const FILTERS: readonly RunFilter[] = [
  {},
  { status: 'WAITING' },
  { definition: 'definition-2', status: 'SUCCEEDED' },
  { state: 'charged' },
];

/** Median time of a page, ms: first pages and pages after them, over several filters. */
async function pageTime({ reads }: Projections): Promise<number> {
  const times: number[] = [];
  for (let i = 0; times.length < PAGES; i++) {
    const filter = FILTERS[i % FILTERS.length] ?? {};
    let after: string | undefined;
    for (let page = 0; page < 3; page++) {
      const began = performance.now();
      const found = await reads.listRuns('bench', filter, { limit: PAGE, after });
      times.push(performance.now() - began);
      if (page < 2 && found.next === null && found.items.length === 0) throw new Error('An empty page');
      after = found.next ?? undefined;
    }
  }
  return quantile(
    times.slice(FILTERS.length * 3).sort((a, b) => a - b),
    0.5,
  );
}

async function lists(projections: Projections): Promise<boolean> {
  const times: number[] = [];
  for (const [i, size] of SIZES.entries()) {
    const began = performance.now();
    await loadRuns(projections, SIZES[i - 1] ?? 0, size);
    const seconds = (performance.now() - began) / 1_000;
    const time = await pageTime(projections);
    times.push(time);
    say(
      `  ${String(size).padStart(6)} runs   page of ${PAGE}: p50 ${time.toFixed(2)} ms   (loaded in ${seconds.toFixed(0)} s)`,
    );
  }
  const ratio = (times.at(-1) ?? NaN) / (times[0] ?? NaN);
  const holds = ratio <= MOST_GROWTH;
  say(`  last / first ${ratio.toFixed(2)} (at most ${MOST_GROWTH}: ${holds ? 'holds' : 'DOES NOT HOLD'})`);
  return holds;
}

async function bytesOf(directory: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) total += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return total;
}

interface Place {
  /** Options of the database of this measurement. */
  options(name: string): ProjectionsOptions;
  /** The directory of its rows. */
  directory(name: string): string;
}

async function bytes(place: Place): Promise<void> {
  const empty = await openProjections(place.options('bytes'));
  await empty.close();
  const before = await bytesOf(place.directory('bytes'));
  const projections = await openProjections(place.options('bytes'));
  for (let i = 0; i < STORED_RUNS; i++) {
    const of = execution();
    for (let n = 0; n < STEPS; n++) await step(projections, of, n, []);
    await projections.commitEvents(of, [
      stepSucceeded(2 * STEPS + 1, `steps[${STEPS - 1}]`),
      event(2 * STEPS + 2, 'RUN_SUCCEEDED', { result: { ok: true } }),
    ]);
  }
  await projections.close();
  const each = ((await bytesOf(place.directory('bytes'))) - before) / STORED_RUNS;
  say(
    `  ${Math.round(each)} bytes a run of ${STEPS} actions on disk (${STORED_RUNS} runs, log of the store included)`,
  );
}

async function measure(name: string, place: Place): Promise<boolean> {
  say(`${name}: a step's transaction`);
  const first = await openProjections(place.options('commits'));
  await commits(first);
  await first.close();
  say(`${name}: bytes stored`);
  await bytes(place);
  say(`${name}: a list page`);
  const second = await openProjections(place.options('lists'));
  const holds = await lists(second);
  await second.close();
  return holds;
}

const only = process.argv[2];
const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
let holds = true;
try {
  if (only !== 'server') {
    holds = await measure('embedded', {
      options: (name) => ({ url: `surrealkv://${directory}/${name}` }),
      directory: (name) => join(directory, name),
    });
  }
  if (only !== 'embedded') {
    if (surrealBinary !== undefined) {
      const server = await startServer({ store: `surrealkv://${directory}/server` });
      try {
        const at = { url: server.url, username: 'root', password: 'root' };
        const kept = await measure('server', {
          options: (name) => ({ ...at, database: name }),
          directory: () => join(directory, 'server'),
        });
        holds &&= kept;
      } finally {
        await server.kill();
      }
    } else {
      say('server: NOT MEASURED, there is no SurrealDB server (SURREAL_CLI_PATH)');
    }
  }
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
process.exitCode = holds ? 0 : 1;
