/** Shared by the example actions: they take a little time, and derive ids from the step's idempotency key. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { ActionContext } from '../../actions/index.js';

/** Takes time, as a service would; the action's signal ends it. */
export async function pretendToWork(context: Pick<ActionContext, 'signal'>, ms: number): Promise<void> {
  await wait(ms, undefined, { signal: context.signal });
}

/** An id such as `ch_3f9a0c81d2b4`, equal for every repetition of the step. */
export function idOf(prefix: string, { idempotencyKey }: Pick<ActionContext, 'idempotencyKey'>): string {
  return `${prefix}_${createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 12)}`;
}
