/**
 * npm run bench -- sequential: what encryption costs. Actions one after another with a key ring (payloads in
 * Temporal and value columns in the database) against the same without, each on its own stack, in alternating
 * rounds.
 *
 *   npm run bench -- sequential [--rounds N] [--actions N]…
 */
import { parseArgs } from 'node:util';
import { cpuUsed } from './runs/cpu.js';
import { sequence } from './runs/definitions.js';
import { compared, inTurns, timed, type Figure, type Kind } from './runs/measure.js';
import { withStack, type Stack } from './runs/stack.js';
import { table } from './runs/table.js';

const AT_ONCE = 20;
/** The columns of the table: what `inTurns` calls the two kinds. */
const NAMES = { sluice: 'encrypted', byHand: 'in clear' };

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    actions: { type: 'string', multiple: true, default: ['10', '40'] },
  },
});
const rounds = Number(values.rounds);
const lengths = values.actions.map(Number);
if (![rounds, ...lengths].every((number) => Number.isSafeInteger(number) && number > 0)) {
  console.error('Rounds and actions are whole numbers from 1.');
  process.exit(2);
}

async function measure(stacks: Record<Kind, Stack>, actions: number): Promise<readonly Figure[]> {
  const { id, document } = sequence(`sequence-${actions}`, { actions });
  for (const stack of Object.values(stacks)) await stack.publish(document);
  const run = async (kind: Kind): Promise<string> => {
    const { workflowId, result } = await stacks[kind].start(id, {});
    await result();
    return workflowId;
  };
  const about = { case: 'sequential', what: `${actions} actions` };
  const cpu = { worker: pairs(), server: pairs() };
  console.error(`${actions} actions, ${AT_ONCE} runs at once`);
  const many = await inTurns(rounds, async (kind, round) => {
    const before = cpuUsed(stacks[kind].serverPid);
    const ms = await timed(AT_ONCE, AT_ONCE, () => run(kind));
    const after = cpuUsed(stacks[kind].serverPid);
    for (const of of ['worker', 'server'] as const) {
      if (round >= 0) cpu[of][kind].push((after[of] - before[of]) / (AT_ONCE * actions));
    }
    return AT_ONCE / (ms / 1_000);
  });
  console.error(`${actions} actions, one run at a time`);
  const one = await inTurns(rounds, async (kind) => (await timed(2, 1, () => run(kind))) / (2 * actions));
  const bytes = async (kind: Kind) => (await stacks[kind].historyOf(await run(kind))).bytes / actions;
  const histories = { sluice: [await bytes('sluice')], byHand: [await bytes('byHand')] };
  return [
    compared({ ...about, what: `${about.what}, ${AT_ONCE} runs at once`, unit: 'runs/s' }, many),
    compared({ ...about, what: `${about.what}, one run at a time`, unit: 'ms a step' }, one),
    compared({ ...about, unit: 'ms of CPU a step, worker with its store' }, cpu.worker),
    compared({ ...about, unit: 'ms of CPU a step, Temporal server' }, cpu.server),
    compared({ ...about, unit: 'history bytes a step' }, histories),
  ];
}

const pairs = (): Record<Kind, number[]> => ({ sluice: [], byHand: [] });

const figures = await withStack((byHand) =>
  withStack(
    async (sluice) => {
      const found: Figure[] = [];
      for (const actions of lengths) found.push(...(await measure({ sluice, byHand }, actions)));
      return found;
    },
    { encrypted: true },
  ),
);
console.log(`Medians of ${rounds} rounds (lowest–highest)\n\n${table(figures, NAMES)}`);
