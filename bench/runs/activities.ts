/** The same work as a plain activity and as an action. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { defineAction } from '../../actions/index.js';
import type { ActionDefinition } from '../../contracts/run/action.js';

const Input = z.object({ n: z.number(), ms: z.number(), key: z.string().optional() });
type Input = z.infer<typeof Input>;
export type Act = (input: Input) => Promise<Input>;

/** Start times of actions, by key, ms on the process's clock. */
export const begun = new Map<string, number[]>();
const waiters = new Map<string, () => void>();

/** Resolves when the action with that key next begins; call it before the start. */
export function nextBegin(key: string): Promise<void> {
  return new Promise((resolve) => waiters.set(key, resolve));
}

const work: Record<'echo' | 'read' | 'sleep' | 'mark', Act> = {
  echo: (input) => Promise.resolve(input),
  read: (input) => Promise.resolve(input),
  sleep: async (input) => {
    await sleep(input.ms);
    return input;
  },
  mark: (input) => {
    const { key = '' } = input;
    const list = begun.get(key) ?? [];
    begun.set(key, [...list, performance.now()]);
    waiters.get(key)?.();
    waiters.delete(key);
    return Promise.resolve(input);
  },
};

/** The activities of the hand-written workflows; `bench-recorded` is from recorded.ts. */
export interface ByHandActivities extends Record<`bench-${keyof typeof work | 'recorded'}`, Act> {
  readonly [name: string]: Act;
}

export const byHandActivities: Omit<ByHandActivities, 'bench-recorded'> = {
  'bench-echo': work.echo,
  'bench-read': work.read,
  'bench-sleep': work.sleep,
  'bench-mark': work.mark,
};

/** The actions of the definitions. */
export const benchActions: readonly ActionDefinition[] = (['echo', 'read', 'sleep', 'mark'] as const).map(
  (name) =>
    defineAction({
      id: `bench.${name}`,
      version: 1,
      description: `What bench-${name} does.`,
      readOnly: name === 'read',
      input: Input,
      output: Input,
      run: (input) => work[name](input),
    }),
);
