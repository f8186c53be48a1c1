/**
 * The rewinds of a run: which ones it has learned of, and which of them is in force.
 *
 * Invariants
 * - A rewind takes effect where its step begins, and once; of two the later one wins, wherever their steps
 *   are.
 * - Children that the undone part of the run waited for are asked to end: Temporal leaves them running, and
 *   no step waits for them any longer. Detached children run on. Its tasks are superseded.
 * - What the state holds is enough for the next execution of the run, and for every execution after that one.
 */
import { getExternalWorkflowHandle, log } from '@temporalio/workflow';
import type { AfterReset } from '../../../contracts/run/rewind.js';
import { placeKey } from '../../../contracts/run/place.js';
import { now } from '../../runtime/clock.js';
import type { RunState } from '../state/state.js';
import type { Run } from './run.js';
import { supersedeUndone } from './tasks.js';

/** Applies the answer that an execution got after its reset. */
export function takeRewinds(run: Run, answer: AfterReset): void {
  const { state } = run;
  for (const id of answer.refused ?? []) {
    const reason = `CLAIM_INVALID: the order of the rewind ${id} has no claim`;
    run.log.emit('SIGNAL_REJECTED', { signal: 'rewind', reason });
  }
  for (const rewind of answer.rewinds) {
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
  const current = answer.rewinds.find(({ id }) => id === answer.own);
  if (current === undefined || state.rewinds === undefined) return;
  state.rewinds.at = now();
  run.log.emit('RUN_REWOUND', {
    generation: current.id,
    step: current.step,
    iteration: current.iteration,
    previous: answer.base,
    ...(current.reason !== undefined && { reason: current.reason }),
    ...(current.actor !== undefined && { actor: current.actor }),
  });
  for (const { workflowId, runId } of answer.children) {
    getExternalWorkflowHandle(workflowId, runId)
      .cancel()
      // The child has ended meanwhile, which is what the cancellation was for.
      .catch((thrown: unknown) => log.debug('A child had ended', { workflowId, reason: String(thrown) }));
  }
  supersedeUndone(run, answer.tasks);
  // The run's rows still show the end that this rewind undoes.
  run.flusher.request();
}

/** Notes that a step begins: a rewind that waits for it takes effect. */
export function stepBegins(state: RunState, path: string, iteration: readonly number[]): void {
  const { rewinds } = state;
  if (rewinds === undefined || rewinds.waiting.length === 0) return;
  const place = placeKey(path, iteration);
  const here = rewinds.waiting.filter((rewind) => placeKey(rewind.step, rewind.iteration) === place);
  for (const { n, id } of here) if (n > (rewinds.current?.n ?? 0)) rewinds.current = { n, id };
  const least = rewinds.current?.n ?? 0;
  rewinds.waiting = rewinds.waiting.filter(({ n }) => n > least);
}
