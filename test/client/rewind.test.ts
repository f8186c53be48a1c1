/** A run that is taken back to a step: that step and what came after it is done again, what came before is kept. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../actions/index.js';
import { createSluiceClient, type SluiceClient, type StartedRun } from '../../client/index.js';
import { SluiceError } from '../../contracts/errors.js';
import { withSluice, type SluiceTest } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

interface Outside {
  /** What happened, in order: `NAME n`, the n counting that name. */
  readonly done: string[];
  readonly keys: string[];
  fails: boolean;
}

/** Actions that are counted; `test.fragile` fails for as long as it is told to. */
function outside() {
  const seen: Outside = { done: [], keys: [], fails: false };
  const action = (id: string, act: () => void) =>
    defineAction({
      id,
      version: 1,
      description: 'Is counted.',
      input: z.string(),
      output: z.object({ name: z.string(), n: z.number() }),
      run: (name, { idempotencyKey }) => {
        act();
        seen.keys.push(idempotencyKey);
        const n = seen.done.filter((one) => one.startsWith(`${name} `)).length + 1;
        seen.done.push(`${name} ${n}`);
        return { name, n };
      },
    });
  const actions = [
    action('test.do', () => undefined),
    action('test.fragile', () => {
      if (seen.fails) throw new SluiceError('BROKEN', 'Broken', { retryable: false });
    }),
  ];
  return { seen, actions };
}

interface World {
  readonly sluice: SluiceTest;
  readonly client: SluiceClient;
  readonly seen: Outside;
}

async function withWorld(
  test: (world: World) => Promise<void>,
  tuning: { readonly historyEvents?: number } = {},
): Promise<void> {
  const { seen, actions } = outside();
  await withSluice({ actions, tuning }, async (sluice) => {
    const client = await createSluiceClient({
      ...sluice.temporal,
      taskQueue: sluice.taskQueue,
      tenant: sluice.tenant,
      actor: 'olga',
      reads: sluice.projections.reads,
    });
    try {
      await test({ sluice, client, seen });
    } finally {
      await client.close();
    }
  });
}

const resultOf = ({ client }: World, { workflowId }: StartedRun): Promise<unknown> => client.result(workflowId);

const call = (id: string, more = '') =>
  `{ id: ${id}, type: action.call, action: test.do, input: ${id}, saveAs: vars.${id}${more} }`;

const THREE = `
id: three-${randomUUID().slice(0, 8)}
version: 1
steps:
  - ${call('a')}
  - ${call('b')}
  - ${call('c')}
result: { a: { $expr: vars.a.n }, b: { $expr: vars.b.n }, c: { $expr: vars.c.n } }
`;

describe('A run that is rewound', () => {
  it('does the step and what came after it again, and keeps what came before', () =>
    withWorld(async (world) => {
      const { sluice, client, seen } = world;
      const run = await sluice.startSource(THREE);
      expect(await resultOf(world, run)).toEqual({ a: 1, b: 1, c: 1 });
      await waitFor(async () => (await client.runs.get(run.runId)).status === 'SUCCEEDED');
      const rewound = await client.runs.rewind(run.runId, { stepPath: 'steps[1]', reason: 'b was wrong' });
      expect(rewound).toMatchObject({ runId: run.runId, workflowId: run.workflowId, stepPath: 'steps[1]' });
      expect(await resultOf(world, run)).toEqual({ a: 1, b: 2, c: 2 });
      expect(seen.done).toEqual(['a 1', 'b 1', 'c 1', 'b 2', 'c 2']);
      expect(new Set(seen.keys).size, 'no key twice').toBe(5);

      const shown = await waitFor(async () => {
        const view = await client.runs.get(run.runId);
        return view.status === 'SUCCEEDED' && view;
      });
      expect(shown.result).toEqual({ a: 1, b: 2, c: 2 });
      const { items } = await client.runs.events(run.runId, { limit: 500 });
      expect(items.map(({ seq }) => seq)).toEqual(items.map((_, i) => i + 1));
      expect(items.filter(({ type }) => type === 'RUN_REWOUND')).toMatchObject([
        { data: { step: 'steps[1]', reason: 'b was wrong', actor: 'olga', previous: run.runId } },
      ]);
    }));
});
