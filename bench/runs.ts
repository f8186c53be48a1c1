/**
 * npm run bench: the cost of a definition compared with the same work as a hand-written workflow, in the same
 * worker, on the same server, in the same run. The table of docs/performance.md comes from it.
 *
 *   npm run bench -- runs [--case NAME]… [--rounds N] [--json FILE] [--page]
 */
import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { Case } from './runs/cases/case.js';
import { idleCase } from './runs/cases/idle.js';
import { payloadCase, sequentialCase, sequentialLocalCase, tenMsCase } from './runs/cases/sequential.js';
import { signalCase } from './runs/cases/signal.js';
import { controlCase, depthCase, fanOutCase } from './runs/cases/structure.js';
import type { Figure, Report } from './runs/measure.js';
import { table } from './runs/table.js';
import { writePerformancePage } from './runs/page.js';

const CASES: readonly Case[] = [
  sequentialCase,
  sequentialLocalCase,
  tenMsCase,
  fanOutCase,
  controlCase,
  depthCase,
  signalCase,
  payloadCase,
  idleCase,
];

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '7' },
    json: { type: 'string' },
    page: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const chosen = CASES.filter(({ name }) => values.case === undefined || values.case.includes(name));
const unknown = values.case?.filter((name) => !CASES.some((benchCase) => benchCase.name === name)) ?? [];
if (unknown.length > 0 || !Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(`Cases are: ${CASES.map(({ name }) => name).join(', ')}; rounds are a whole number from 1.`);
  process.exit(2);
}

const figures: Figure[] = [];
for (const { name, about, run } of chosen) {
  console.error(`${name}: ${about}`);
  const found = await run({ rounds, say: (line) => console.error(`  ${line}`) });
  console.error(`\n${table(found)}\n`);
  figures.push(...found);
}
const [cpu] = cpus();
const report: Report = {
  at: new Date().toISOString(),
  machine: `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
  rounds,
  figures,
};
console.log(`${report.machine}; medians of ${rounds} rounds (lowest–highest)\n`);
console.log(table(figures));
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.page) await writePerformancePage(report);
const missed = figures.filter(({ target }) => target?.holds === false);
console.log(`\n${missed.length === 0 ? 'Every target holds.' : `${missed.length} targets do not hold.`}`);
process.exitCode = missed.length === 0 ? 0 : 1;
