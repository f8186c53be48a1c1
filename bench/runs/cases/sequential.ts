/** Sequential actions: the main case for the cost of a definition. */
import { compared, inTurns, median, timed, type Figure, type Kind } from '../measure.js';
import { cpuUsed } from '../cpu.js';
import { sequence } from '../definitions.js';
import { withStack, type Stack } from '../stack.js';
import { table } from '../table.js';
import type { Work } from '../hand-written.js';
import type { Case, CaseOptions } from './case.js';

/** Targets are those of docs/performance.md. */
const LENGTHS = [
  { actions: 10, runs: 60, target: 0.8 },
  { actions: 40, runs: 20, target: 0.85 },
  { actions: 200, runs: 20, target: 0.85 },
];
const AT_ONCE = 20;
/** The length whose cost is broken down; read-only actions are measured up to it. */
const PARTED = 40;

/** Starts one run of that kind and waits for its end. */
export function runner(stack: Stack, id: string, work: Work): (kind: Kind) => Promise<string> {
  return async (kind) => {
    const run = kind === 'sluice' ? await stack.start(id, {}) : await stack.start('byHand', { ...work });
    await run.result();
    return run.workflowId;
  };
}

const pairs = (): Record<Kind, number[]> => ({ sluice: [], byHand: [] });

async function sequential({ rounds, say }: CaseOptions): Promise<readonly Figure[]> {
  return withStack(async (stack) => {
    const figures: Figure[] = [];
    for (const { actions, runs, target } of LENGTHS) {
      const { id, document, work } = sequence(`sequence-${actions}`, { actions });
      await stack.publish(document);
      const run = runner(stack, id, work);
      const about = { case: 'sequential', what: `${actions} actions` };
      say(`${actions} actions, ${AT_ONCE} runs at once`);
      const cpu = { worker: pairs(), server: pairs() };
      const many = await inTurns(rounds, async (kind, round) => {
        const before = cpuUsed(stack.serverPid);
        const ms = await timed(runs, AT_ONCE, () => run(kind));
        const after = cpuUsed(stack.serverPid);
        for (const of of ['worker', 'server'] as const) {
          if (round >= 0) cpu[of][kind].push((after[of] - before[of]) / (runs * actions));
        }
        return runs / (ms / 1_000);
      });
      figures.push(
        compared({ ...about, what: `${about.what}, ${AT_ONCE} runs at once`, unit: 'runs/s' }, many, {
          text: `>= ${target}`,
          holds: (ratio) => ratio >= target,
        }),
      );
      figures.push(
        compared({ ...about, unit: 'ms of CPU a step, worker with its store' }, cpu.worker),
        compared({ ...about, unit: 'ms of CPU a step, Temporal server' }, cpu.server),
      );
      if (actions <= PARTED) {
        say(`${actions} read-only actions, ${AT_ONCE} runs at once`);
        const reads = sequence(`reads-${actions}`, { actions, action: 'read' });
        await stack.publish(reads.document);
        const read = runner(stack, reads.id, reads.work);
        const manyReads = await inTurns(rounds, async (kind) => {
          return runs / ((await timed(runs, AT_ONCE, () => read(kind))) / 1_000);
        });
        figures.push(
          compared(
            { ...about, what: `${actions} read-only actions, ${AT_ONCE} runs at once`, unit: 'runs/s' },
            manyReads,
          ),
        );
      }
      if (actions === PARTED) {
        say(`${actions} actions by hand with two commits each, ${AT_ONCE} runs at once`);
        const parted = await inTurns(rounds, async (kind) => {
          const by: Work = kind === 'sluice' ? { actions, action: 'recorded' } : work;
          return runs / ((await timed(runs, AT_ONCE, () => runner(stack, 'byHand', by)('byHand'))) / 1_000);
        });
        figures.push(
          compared(
            {
              ...about,
              what: `${actions} actions, ${AT_ONCE} runs at once: by hand with the two commits of each, for Sluice`,
              unit: 'runs/s',
            },
            parted,
          ),
        );
      }
      say(`${actions} actions, one run at a time`);
      const perAction = await inTurns(
        rounds,
        async (kind) => (await timed(2, 1, () => run(kind))) / (2 * actions),
      );
      figures.push(
        compared(
          { ...about, what: `${about.what}, one run at a time`, unit: 'runs/s' },
          {
            sluice: perAction.sluice.map((ms) => 1_000 / (ms * actions)),
            byHand: perAction.byHand.map((ms) => 1_000 / (ms * actions)),
          },
        ),
        compared({ ...about, what: `${about.what}, one run at a time`, unit: 'ms a step' }, perAction),
      );
      const histories = {
        sluice: await stack.historyOf(await run('sluice')),
        byHand: await stack.historyOf(await run('byHand')),
      };
      const each = (what: 'events' | 'bytes') => ({
        sluice: [histories.sluice[what] / actions],
        byHand: [histories.byHand[what] / actions],
      });
      figures.push(
        compared(
          { ...about, unit: 'history events a step' },
          each('events'),
          actions === 40 ? { text: '<= 1.10', holds: (ratio) => ratio <= 1.1 } : undefined,
        ),
        compared({ ...about, unit: 'history bytes a step' }, each('bytes')),
      );
      say(`\n${table(figures.filter(({ what }) => what.startsWith(`${actions} `)))}\n`);
    }
    return figures;
  });
}

export const sequentialCase: Case = {
  name: 'sequential',
  about: 'actions one after another',
  run: sequential,
};

const LOCAL = { actions: 40, runs: 20 };

/**
 * `local: true` compared with regular activities by hand: the gain for an author who can do without their
 * guarantees.
 */
export const sequentialLocalCase: Case = {
  name: 'sequential-local',
  about: 'local actions one after another, against regular activities and against local ones',
  run: ({ rounds, say }) =>
    withStack(async (stack) => {
      const { actions, runs } = LOCAL;
      const { id, document, work } = sequence('sequence-local', { actions, local: true });
      await stack.publish(document);
      const reads = sequence('reads-local', { actions, action: 'read', local: true });
      await stack.publish(reads.document);
      const perSecond = (run: (kind: Kind) => Promise<string>) => async (kind: Kind) =>
        runs / ((await timed(runs, AT_ONCE, () => run(kind))) / 1_000);
      const about = { case: 'sequential-local', unit: 'runs/s' };
      say('against regular activities');
      const regular = await inTurns(rounds, perSecond(runner(stack, id, { ...work, local: false })));
      say('read-only ones against regular activities');
      const regularReads = await inTurns(
        rounds,
        perSecond(runner(stack, reads.id, { ...reads.work, local: false })),
      );
      say('against local activities');
      const local = await inTurns(rounds, perSecond(runner(stack, id, work)));
      return [
        compared(
          { ...about, what: `${actions} local actions against regular activities, ${AT_ONCE} at once` },
          regular,
          { text: '>= 2.00', holds: (ratio) => ratio >= 2 },
        ),
        compared(
          {
            ...about,
            what: `${actions} local read-only actions against regular activities, ${AT_ONCE} at once`,
          },
          regularReads,
        ),
        compared(
          { ...about, what: `${actions} local actions against local activities, ${AT_ONCE} at once` },
          local,
        ),
      ];
    }),
};

/** A workload of published comparisons of workflow engines. */
export const tenMsCase: Case = {
  name: 'ten-ms',
  about: '40 actions of 10 ms one after another',
  run: ({ rounds, say }) =>
    withStack(async (stack) => {
      const { id, document, work } = sequence('ten-ms', { actions: 40, action: 'sleep' });
      await stack.publish(document);
      const run = runner(stack, id, work);
      say('one run at a time');
      const perAction = await inTurns(rounds, (kind) => timed(2, 1, () => run(kind)).then((ms) => ms / 2));
      say(`${AT_ONCE} runs at once`);
      const many = await inTurns(rounds, async (kind) => {
        return AT_ONCE / ((await timed(AT_ONCE, AT_ONCE, () => run(kind))) / 1_000);
      });
      const about = { case: 'ten-ms', what: '40 actions of 10 ms' };
      return [
        compared({ ...about, what: `${about.what}, one run at a time`, unit: 'ms a run' }, perAction),
        compared({ ...about, what: `${about.what}, ${AT_ONCE} runs at once`, unit: 'runs/s' }, many),
      ];
    }),
};

/** The cost of a variable that no action names. */
export const payloadCase: Case = {
  name: 'payload',
  about: '40 actions with 200 KB in scope',
  run: ({ rounds, say }) =>
    withStack(async (stack) => {
      const small = sequence('small', { actions: 40 });
      const large = sequence('large', { actions: 40, variableBytes: 200 * 1024 });
      await stack.publish(small.document);
      await stack.publish(large.document);
      const run = runner(stack, large.id, large.work);
      say('throughput');
      const many = await inTurns(rounds, async (kind) => {
        return AT_ONCE / ((await timed(AT_ONCE, AT_ONCE, () => run(kind))) / 1_000);
      });
      const bytes = async (id: string): Promise<number> => {
        const sizes: number[] = [];
        for (let i = 0; i < 3; i++) {
          const { workflowId, result } = await stack.start(id, {});
          await result();
          sizes.push((await stack.historyOf(workflowId)).bytes);
        }
        return median(sizes);
      };
      const growth = (await bytes('large')) - (await bytes('small'));
      const about = { case: 'payload', what: '40 actions, 200 KB in a variable' };
      return [
        compared({ ...about, what: `${about.what}, ${AT_ONCE} runs at once`, unit: 'runs/s' }, many),
        {
          ...about,
          unit: 'history bytes more than without it',
          sluice: { median: growth, lowest: growth, highest: growth },
          target: { text: 'none beside the assignment itself: <= 4,096', holds: growth <= 4_096 },
        },
      ];
    }),
};
