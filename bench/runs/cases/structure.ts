/** Fan-out, control steps, and whether a long run slows down. */
import { alone, compared, inTurns, median, timed } from '../measure.js';
import { begun } from '../activities.js';
import { control, fanOut } from '../definitions.js';
import { withStack } from '../stack.js';
import { runner } from './sequential.js';
import type { Case } from './case.js';

const FAN_OUT = { actions: 400, concurrency: 50 };
const CONTROL_STEPS = 200;
const DEPTHS = [20, 120, 1_020];
/** Gaps around a depth that are averaged. */
const AROUND = 10;

export const fanOutCase: Case = {
  name: 'fan-out',
  about: 'forEach over 400 items, 50 at once',
  run: ({ rounds, say }) =>
    withStack(async (stack) => {
      const { id, document, work } = fanOut('fan-out', FAN_OUT);
      await stack.publish(document);
      const run = runner(stack, id, work);
      say('400 items');
      const pairs = await inTurns(rounds, async (kind) => 1_000 / (await timed(1, 1, () => run(kind))));
      return [
        compared({ case: 'fan-out', what: 'forEach over 400 items, 50 at once', unit: 'runs/s' }, pairs, {
          text: '>= 0.85',
          holds: (ratio) => ratio >= 0.85,
        }),
      ];
    }),
};

export const controlCase: Case = {
  name: 'control',
  about: '200 assignments and conditions, no action',
  run: ({ rounds, say }) =>
    withStack(async (stack) => {
      await stack.publish(control('control', CONTROL_STEPS));
      say('200 steps');
      const pairs = await inTurns(rounds, (kind) =>
        timed(10, 1, async () => {
          const started =
            kind === 'sluice'
              ? await stack.start('control', {})
              : await stack.start('controlByHand', CONTROL_STEPS);
          await started.result();
        }).then((ms) => ms / 10),
      );
      const about = { case: 'control', what: '200 assignments and conditions, start and end included' };
      return [
        compared({ ...about, unit: 'ms a run' }, pairs),
        alone(
          { ...about, unit: 'ms a step' },
          pairs.sluice.map((ms) => ms / CONTROL_STEPS),
          { text: '<= 1 ms', holds: (ms) => ms <= 1 },
        ),
      ];
    }),
};

export const depthCase: Case = {
  name: 'depth',
  about: 'the gap between steps early and late in one long run',
  run: ({ rounds, say }) =>
    withStack(async (stack) => {
      const most = (DEPTHS.at(-1) ?? 0) + AROUND;
      const mark = { id: 'a', type: 'action.call', action: 'bench.mark' };
      await stack.publish({
        id: 'long',
        version: 1,
        steps: [
          { id: 'begin', type: 'transform.assign', assign: { n: 0 } },
          {
            id: 'loop',
            type: 'control.while',
            condition: { $expr: `vars.n < ${most}` },
            maxIterations: most,
            body: [
              { ...mark, input: { n: 0, ms: 0, key: { $expr: 'payload.key' } } },
              { id: 'next', type: 'transform.assign', assign: { n: { $expr: 'vars.n + 1' } } },
            ],
          },
        ],
      });
      const gaps = new Map(DEPTHS.map((depth) => [depth, [] as number[]]));
      for (let round = 0; round < rounds; round++) {
        say(`run ${round + 1} of ${rounds}`);
        const key = `depth-${round}`;
        const { result } = await stack.start('long', { key });
        await result();
        const at = begun.get(key) ?? [];
        for (const [depth, values] of gaps) {
          const from = depth - AROUND / 2;
          values.push(
            median(
              Array.from({ length: AROUND }, (_, i) => (at[from + i + 1] ?? NaN) - (at[from + i] ?? NaN)),
            ),
          );
        }
        begun.delete(key);
      }
      const [first = []] = gaps.values();
      return [...gaps].map(([depth, values]) =>
        compared(
          { case: 'depth', what: `step ${depth} against step ${DEPTHS[0]} of the same run`, unit: 'ms' },
          { sluice: values, byHand: first },
          depth === DEPTHS.at(-1) ? { text: '<= 1.20', holds: (ratio) => ratio <= 1.2 } : undefined,
        ),
      );
    }),
};
