/** Starts the run of a case, does to it what the script says, and waits for its end. */
import { randomUUID } from 'node:crypto';
import { expect, vi } from 'vitest';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { RunError } from '../../../contracts/errors.js';
import type { RunProgress } from '../../../contracts/run/messages.js';
import type { Act, DefinitionCase } from './case-schema.js';
import { countOf, isText } from './log-lines.js';
import type { Handle, World } from './world.js';

export type End =
  | { readonly kind: 'result'; readonly result: Json }
  | { readonly kind: 'error'; readonly type: string; readonly error: RunError }
  | { readonly kind: 'canceled' };

export interface Played {
  readonly handle: Handle;
  readonly end: End;
}

/** Plays a case to its end. */
export async function play(world: World, one: DefinitionCase): Promise<Played> {
  const handle = await world.start(one.type, one.payload, one.memo);
  for (const act of one.script) await perform(world, handle, act);
  return { handle, end: await endOf(handle) };
}

/** How a run ended, as any Temporal client sees it. */
export async function endOf(handle: Handle): Promise<End> {
  try {
    return { kind: 'result', result: (await handle.result()) as Json };
  } catch (thrown) {
    if (!(thrown instanceof WorkflowFailedError)) throw thrown;
    if (thrown.cause instanceof CancelledFailure) return { kind: 'canceled' };
    if (!(thrown.cause instanceof ApplicationFailure)) throw thrown;
    const { type, details } = thrown.cause;
    return { kind: 'error', type: type ?? '', error: RunError.parse(details?.[0]) };
  }
}

async function perform(world: World, handle: Handle, act: Act): Promise<void> {
  const runId = handle.firstExecutionRunId;
  if ('until' in act) {
    const what = `${act.until} × ${act.times}`;
    await world.seen(runId, what, (log) => countOf(log, act.until) >= act.times);
  } else if ('sees' in act) {
    await vi.waitFor(() => tells(handle, act.sees), { timeout: 60_000, interval: 50 });
  } else if ('event' in act) {
    const signal: JsonObject = {
      eventId: act.id ?? randomUUID(),
      eventName: act.event,
      ...(act.source !== undefined && { source: act.source }),
      ...(act.key !== undefined && { correlationKey: act.key }),
      ...(act.payload !== undefined && { payload: act.payload }),
      ...(act.ago !== undefined && { receivedAt: new Date(Date.now() - act.ago).toISOString() }),
    };
    await handle.signal('event', signal);
  } else if ('signal' in act) {
    await handle.signal(act.signal, ...act.args);
  } else if ('open' in act) {
    world.test.open(runId, act.open);
  } else if ('query' in act) {
    expect(await handle.query(act.query, ...act.args)).toMatchObject(act.answer as object);
  } else if ('terminate' in act) {
    await childOf(world, runId).terminate('by the test');
  } else {
    await (act.cancel === 'run' ? handle : childOf(world, runId)).cancel();
  }
}

/** Throws where the run's own lines of progress do not have the line. */
async function tells(handle: Handle, named: string): Promise<void> {
  const { lines } = await handle.query<RunProgress>('progress');
  const told = lines.some(({ type, stepId, iteration, attempt }) => {
    const place = iteration.length > 0 ? `[${iteration.join(',')}]` : '';
    return isText(`${type} ${stepId}${place}${attempt > 1 ? `#${attempt}` : ''}`, named);
  });
  if (!told) throw new Error(`The run does not tell ${named}`);
}

function childOf(
  world: World,
  runId: string,
): { cancel(): Promise<unknown>; terminate(why: string): Promise<unknown> } {
  const started = world.log(runId).findLast((event) => event.type === 'CHILD_STARTED');
  if (started?.type !== 'CHILD_STARTED') throw new Error('The run has started no child');
  return world.client.workflow.getHandle(started.data.workflowId);
}
