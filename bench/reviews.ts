/**
 * npm run bench -- reviews: tasks of people. How long an act takes, what a page of the inbox takes at each
 * size, and what open tasks cost one worker: memory, and how late their timers are.
 *
 *   npm run bench -- reviews [--acts N] [--sizes 1000,10000,100000] [--open N]
 *
 * Acts are compared with a hand-written workflow that takes the same updates with two plain activities each.
 * The ratios of the pages and of the writes are those that must hold anywhere. `--open 0` leaves that part
 * out.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { taskId } from '../contracts/naming/workflow-id.js';
import { openProjections } from '../projections/index.js';
import { compared, inTurns, type Kind } from './runs/measure.js';
import { benchServer, withStack } from './runs/stack.js';
import { table } from './runs/table.js';
import { inboxPage, loadTasks } from './support/load-tasks.js';

const MOST_GROWTH = 1.5;
const ROUNDS = 5;

const { values } = parseArgs({
  options: {
    acts: { type: 'string', default: '300' },
    sizes: { type: 'string', default: '1000,10000,100000' },
    open: { type: 'string', default: '10000' },
  },
});
const acts = Number(values.acts);
const open = Number(values.open);
const sizes = values.sizes.split(',').map(Number);
if (![acts, open + 1, ...sizes].every((number) => Number.isSafeInteger(number) && number > 0)) {
  console.error('Acts and sizes are whole numbers from 1, and open tasks from 0.');
  process.exit(2);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const quantile = (all: readonly number[], q: number): number => {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
};

/** Claim, comment, approve: three acts of each task, one after the other. */
async function latency(): Promise<void> {
  await withStack(async ({ client }) => {
    const of: Record<Kind, number[]> = { sluice: [], byHand: [] };
    let serial = 0;
    const timedAct = async (kind: Kind, workflowId: string, name: string, act: object): Promise<void> => {
      const handle = client.workflow.getHandle(workflowId);
      const began = performance.now();
      await handle.executeUpdate<unknown, [object]>(name, { args: [act] });
      of[kind].push(performance.now() - began);
    };
    const one = async (kind: Kind): Promise<void> => {
      const item = `t-${++serial}`;
      const workflowId = taskId('default', item);
      const request = { tenant: 'default', item, title: 'Pay this', requestedBy: 'rita', dueMs: 3_600_000 };
      const [type, args] = kind === 'sluice' ? ['sluice.task', [request]] : ['reviewByHand', []];
      const handle = await client.workflow.start(type, { args, workflowId, taskQueue: 'bench' });
      for (const action of ['claim', 'comment', 'approve']) {
        const about = { actor: 'anna', reason: 'as ordered', note: 'seen', last: action === 'approve' };
        if (kind === 'sluice') await timedAct(kind, workflowId, 'task', { action, ...about });
        else await timedAct(kind, workflowId, 'act', about);
      }
      await handle.result();
    };
    const each = Math.ceil(acts / 3 / ROUNDS);
    const p99: Record<Kind, number[]> = { sluice: [], byHand: [] };
    const p50 = await inTurns(ROUNDS, async (kind, round) => {
      of[kind] = [];
      for (let i = 0; i < each; i++) await one(kind);
      if (round >= 0) p99[kind].push(quantile(of[kind], 0.99));
      return quantile(of[kind], 0.5);
    });
    const about = { case: 'reviews', unit: 'ms' };
    const figures = [
      compared({ ...about, what: 'an act, p50' }, p50),
      compared({ ...about, what: 'an act, p99' }, p99),
    ];
    say(`Acts one after the other, ${ROUNDS} rounds of ${3 * each}\n\n${table(figures)}\n`);
  });
}

/** The inbox at each size, and what a write takes there. @returns whether neither grows with the size */
async function inbox(): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const projections = await openProjections({ url: `surrealkv://${directory}/db` });
  try {
    const pages: number[] = [];
    const writes: number[] = [];
    say('The inbox: a page of 50, and the write of one act');
    for (const [i, size] of sizes.entries()) {
      const began = performance.now();
      const written = await loadTasks(projections, sizes[i - 1] ?? 0, size);
      const seconds = (performance.now() - began) / 1_000;
      const times = await inboxPage(projections);
      pages.push(quantile(times, 0.5));
      writes.push(quantile(written, 0.5));
      say(
        `  ${String(size).padStart(6)} tasks   page p50 ${quantile(times, 0.5).toFixed(2)} ms   p99 ${quantile(times, 0.99).toFixed(2)} ms   write p50 ${quantile(written, 0.5).toFixed(2)} ms   (loaded in ${seconds.toFixed(0)} s)`,
      );
    }
    return [growth('page', pages), growth('write', writes)].every(Boolean);
  } finally {
    await projections.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

function growth(what: string, medians: readonly number[]): boolean {
  const ratio = (medians.at(-1) ?? NaN) / (medians[0] ?? NaN);
  const holds = ratio <= MOST_GROWTH;
  const verdict = holds ? 'holds' : 'DOES NOT HOLD';
  say(`  ${what}: last / first ${ratio.toFixed(2)} (at most ${MOST_GROWTH}: ${verdict})`);
  return holds;
}

/** Open tasks on a separate worker. @returns whether each deadline happened once */
async function openTasks(): Promise<boolean> {
  const server = await benchServer();
  try {
    const script = fileURLToPath(new URL('runs/open-tasks.ts', import.meta.url));
    const { address, namespace } = server;
    const args = ['--expose-gc', '--import', 'tsx', script, address, namespace, String(open)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    return (await new Promise<number | null>((resolve) => child.once('close', resolve))) === 0;
  } finally {
    await server.stop();
  }
}

await latency();
const grows = !(await inbox());
const misses = open > 0 && !(await openTasks());
process.exitCode = grows || misses ? 1 : 0;
