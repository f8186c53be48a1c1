/**
 * The baseline: the same work as a TypeScript developer would write it, calling the same actions as plain
 * activities, without projection, ledger or audit.
 */
import * as wf from '@temporalio/workflow';
import type { ByHandActivities } from './activities.js';

const activities = wf.proxyActivities<ByHandActivities>({ startToCloseTimeout: '1 minute' });
const local = wf.proxyLocalActivities<ByHandActivities>({ startToCloseTimeout: '1 minute' });

export interface Work {
  readonly actions: number;
  /** The action's name. Default `echo`. */
  readonly action?: 'echo' | 'read' | 'sleep' | 'mark' | 'recorded';
  readonly local?: boolean;
  /** Bytes of a variable that stays in scope. */
  readonly variableBytes?: number;
  /** Concurrency. Default 1. */
  readonly concurrency?: number;
}

/** Runs actions, sequentially or with a limited concurrency. Returns how many it ran. */
export async function byHand(work: Work): Promise<number> {
  const { actions, action = 'echo', concurrency = 1, variableBytes = 0 } = work;
  const variable = 'x'.repeat(variableBytes);
  const act = (work.local === true ? local : activities)[`bench-${action}`];
  let done = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < actions) {
      const n = next++;
      const output = await act({ n, ms: 10 });
      if (output.n === n) done++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return variable.length === variableBytes ? done : -1;
}

/** The assignments and conditions that an interpreter would get; a compiler optimises most of them away. */
export function controlByHand(steps: number): Promise<number> {
  let total = 0;
  for (let i = 0; i < steps; i++) if (total >= 0) total += 1;
  return Promise.resolve(total);
}

export const go = wf.defineSignal<[{ readonly eventId: string }]>('go');
export const waiting = wf.defineQuery<boolean>('waiting');

/** Runs actions, waits for one signal, then runs one more action. */
export async function waitByHand(key: string, actions = 0): Promise<void> {
  let came = false;
  wf.setHandler(go, () => {
    came = true;
  });
  let waits = false;
  wf.setHandler(waiting, () => waits);
  for (let n = 0; n < actions; n++) await activities['bench-echo']({ n, ms: 0 });
  waits = true;
  await wf.condition(() => came);
  await activities['bench-mark']({ n: 0, ms: 0, key });
}

export const act = wf.defineUpdate<number, [{ readonly last: boolean }]>('act');

/** Takes acts of people by updates, each with a check and a record, until the last one. */
export async function reviewByHand(): Promise<void> {
  let acts = 0;
  let decided = false;
  wf.setHandler(act, async ({ last }) => {
    const n = acts++;
    await activities['bench-echo']({ n, ms: 0 });
    await activities['bench-echo']({ n, ms: 0 });
    decided ||= last;
    return n;
  });
  await wf.condition(() => decided && wf.allHandlersFinished());
}
