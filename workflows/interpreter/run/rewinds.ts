/**
 * The generation in which a run does things: which rewinds it was told of, and which of them have taken effect.
 *
 * Invariants
 * - A rewind takes effect where its step begins, and once; of two the later one wins, wherever their steps stand.
 * - Children that the undone part of the run waited for are asked to end: Temporal leaves them running, and nobody
 *   waits for them any more. Detached ones are their own.
 * - What the state holds is enough for the next execution of the run, and of what comes of that one.
 */
import { getExternalWorkflowHandle, log } from '@temporalio/workflow';
import type { AfterReset } from '../../../contracts/run/rewind.js';
import { now } from '../../runtime/clock.js';
import type { RunState } from '../state/state.js';
import type { Run } from './run.js';

/** Takes what an execution was told after its reset. */
export function takeRewinds(run: Run, told: AfterReset): void {
  const { state } = run;
  for (const rewind of told.rewinds) {
    const rewinds = (state.rewinds ??= { waiting: [], count: 0, known: [], at: now() });
    if (rewinds.known.includes(rewind.id)) continue;
    rewinds.known.push(rewind.id);
    rewinds.waiting.push({
      n: ++rewinds.count,
      id: rewind.id,
      step: rewind.step,
      iteration: rewind.iteration,
    });
  }
  const own = told.rewinds.find(({ id }) => id === told.own);
  if (own === undefined || state.rewinds === undefined) return;
  state.rewinds.at = now();
  run.log.emit('RUN_REWOUND', {
    generation: own.id,
    step: own.step,
    iteration: own.iteration,
    previous: told.base,
    ...(own.reason !== undefined && { reason: own.reason }),
    ...(own.actor !== undefined && { actor: own.actor }),
  });
  for (const { workflowId, runId } of told.children) {
    getExternalWorkflowHandle(workflowId, runId)
      .cancel()
      // It has ended meanwhile: that is all that was wanted.
      .catch((thrown: unknown) => log.debug('A child had ended', { workflowId, reason: String(thrown) }));
  }
  // The run's rows still tell the end that this rewind took back.
  run.flusher.request();
}

/** A step begins: a rewind that waits for it takes effect. */
export function stepBegins(state: RunState, path: string, iteration: readonly number[]): void {
  const { rewinds } = state;
  if (rewinds === undefined || rewinds.waiting.length === 0) return;
  const here = rewinds.waiting.filter(
    (one) => one.step === path && one.iteration.join(',') === iteration.join(','),
  );
  for (const { n, id } of here) if (n > (rewinds.current?.n ?? 0)) rewinds.current = { n, id };
  const least = rewinds.current?.n ?? 0;
  rewinds.waiting = rewinds.waiting.filter((one) => one.n > least);
}
