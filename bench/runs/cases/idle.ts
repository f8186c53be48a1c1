/**
 * The cost of a run that only waits: memory of the worker that caches it, and replay once it is evicted.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { compared, inTurns, type Figure, type Kind } from '../measure.js';
import { sequence } from '../definitions.js';
import { benchServer, withStack } from '../stack.js';
import type { Case, CaseOptions } from './case.js';

const POPULATIONS = [2_000, 10_000];
const ACTIONS = 40;
const REPLAYS = 5;

const Told = z.object({ waiting: z.number(), rss: z.number() });

/** Resident memory of a separate worker without runs, and with waiting runs of that kind, bytes. */
async function memory(kind: Kind, address: string, namespace: string): Promise<readonly number[]> {
  const script = fileURLToPath(new URL('../idle-worker.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', script, kind, address, namespace, POPULATIONS.join(',')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`The worker of the waiting runs ended with ${code}`);
  return output
    .trim()
    .split('\n')
    .map((line) => Told.parse(JSON.parse(line)).rss);
}

async function resident({ say }: CaseOptions): Promise<readonly Figure[]> {
  const bytes = { sluice: [] as readonly number[], byHand: [] as readonly number[] };
  for (const kind of ['byHand', 'sluice'] as const) {
    say(`${POPULATIONS.join(' and ')} waiting runs: ${kind}`);
    const server = await benchServer();
    try {
      bytes[kind] = await memory(kind, server.address, server.namespace);
    } finally {
      await server.stop();
    }
  }
  return POPULATIONS.map((population, i) => {
    const each = (kind: Kind) => [
      ((bytes[kind][i + 1] ?? NaN) - (bytes[kind][0] ?? NaN)) / population / 1024,
    ];
    return compared(
      { case: 'idle', what: `${population} waiting runs`, unit: 'KiB a run' },
      { sluice: each('sluice'), byHand: each('byHand') },
      { text: '<= 1.30', holds: (ratio) => ratio <= 1.3 },
    );
  });
}

/** With a cache of one run, each query of another run replays it first. */
const replay = ({ rounds, say }: CaseOptions): Promise<readonly Figure[]> =>
  withStack(
    async (stack) => {
      const { document } = sequence('replayed', { actions: ACTIONS });
      const { steps } = document as { steps: object[] };
      const wait = { id: 'w', type: 'event.wait', eventName: 'GO' };
      await stack.publish({ id: 'replayed', version: 1, steps: [...steps, wait] } as never);
      const runs = {
        sluice: await stack.start('replayed', {}),
        byHand: await stack.start('waitByHand', 'replayed', ACTIONS),
      };
      const ask = async (kind: Kind): Promise<boolean> => {
        const handle = stack.client.workflow.getHandle(runs[kind].workflowId);
        if (kind === 'byHand') return handle.query<boolean>('waiting');
        return (await handle.query<{ waits: unknown[] }>('state')).waits.length > 0;
      };
      for (const kind of ['sluice', 'byHand'] as const) while (!(await ask(kind)));
      say(`replay after ${ACTIONS} actions`);
      const pairs = await inTurns(rounds, async (kind) => {
        let ms = 0;
        for (let i = 0; i < REPLAYS; i++) {
          await ask(kind === 'sluice' ? 'byHand' : 'sluice');
          const started = performance.now();
          await ask(kind);
          ms += performance.now() - started;
        }
        return ms / REPLAYS;
      });
      return [
        compared(
          { case: 'idle', what: `query of an evicted run, after ${ACTIONS} actions`, unit: 'ms' },
          pairs,
        ),
      ];
    },
    { cachedWorkflows: 1 },
  );

export const idleCase: Case = {
  name: 'idle',
  about: 'memory of waiting runs, and replay of an evicted one',
  run: async (options) => {
    return [...(await resident(options)), ...(await replay(options))];
  },
};
