/**
 * Undoing a scope: its entries from the last to the first, one after the other.
 *
 * States of an entry: kept → attempt n running → (waits for the next) → undone, or given up: STEP_FAILED and
 * COMPENSATION_FAILED, of which the database makes a dead letter. What could break it:
 * - A cancellation while it runs: the frame shields the lane, and its activities are in nobody's scope.
 * - A crash: all that it knows is in the frame and the stack, so replay goes on where it was; the activity
 *   repeats under the same idempotency key.
 * - Continue-as-new: between two entries, and while an attempt waits, never while one runs.
 * - A failure of one entry ends that entry only; the scope's own completion is what it was before.
 * - A full history: what can't be run any more becomes a dead letter, and the run ends in order.
 */
import { log, metricMeter, workflowInfo } from '@temporalio/workflow';
import { compensationPath, type CompensationRequest } from '../../../contracts/run/compensation.js';
import type { ActionEnvelope } from '../../../contracts/run/activity.js';
import type { ActionCallStep } from '../../../contracts/definition/index.js';
import { SluiceError, type RunError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { summarize } from '../../../contracts/summary.js';
import { now } from '../../runtime/clock.js';
import { errorCompletion, type ErrorCompletion } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import { openFrames, type Completion, type SagaEntry, type UndoFrame } from '../state/state.js';
import type { Where } from '../events/event-log.js';
import { summaryOf } from '../run/step-events.js';
import { nextAttemptAt } from '../run/retry.js';
import { runActivity } from '../run/run-activity.js';
import { drop, entriesOf } from './stack.js';

/** Says that a scope is being undone, and pushes the frame that does it. */
export function beginUndo(run: Run, lane: Lane, scope: string, path: string, pending: Completion): void {
  const steps = entriesOf(run, scope).length;
  run.state.status = 'COMPENSATING';
  run.log.emit('RUN_COMPENSATING', { scope: path === '' ? null : path, steps });
  lane.push({ k: 'undo', path, at: now(), scope, pending });
}

/** Undoes what is left of the scope; then the completion that the scope had. */
export async function continueUndo(run: Run, lane: Lane, frame: UndoFrame): Promise<Completion | 'parked'> {
  for (;;) {
    const entry = entriesOf(run, frame.scope).at(-1);
    if (entry === undefined) break;
    if (run.parking) return 'parked';
    const outcome = await undo(run, lane, entry);
    if (outcome === 'parked') return 'parked';
    if (outcome !== 'undone') giveUp(run, entry, outcome);
    drop(run, entry);
    if (run.budget.spent) await run.breathe();
  }
  const others = openFrames(run.root.state).filter((open) => open.k === 'undo' && open !== frame);
  if (frame.path !== '' && others.length === 0) {
    run.state.status = 'RUNNING';
    run.log.emit('RUN_RESUMED', {});
  }
  return frame.pending;
}

async function undo(run: Run, lane: Lane, entry: SagaEntry): Promise<'undone' | 'parked' | ErrorCompletion> {
  const step = stepOf(run, entry);
  for (;;) {
    if (entry.retryAt !== undefined) {
      run.flusher.request();
      const pause = await run.pause(lane, `retry undo ${summaryOf(step)}`, entry.retryAt);
      if (pause === 'parked') return 'parked';
    }
    // Neither pause is ever interrupted: the frame shields its lane.
    if ((await run.slot(lane, run.slots)) === 'parked') return 'parked';
    delete entry.retryAt;
    entry.attempt++;
    entry.attemptAt = now();
    begins(run, step, entry);
    const outcome = await attempt(run, step, entry);
    run.slots.give();
    const about = { id: idOf(entry), kind: KIND, startedAt: entry.attemptAt };
    if (outcome.t !== 'error') {
      const output = outcome.t === 'normal' ? outcome.output : undefined;
      run.log.emit(
        'STEP_SUCCEEDED',
        { ...about, ...(output !== undefined && { output: summarize(output) }) },
        where(entry),
      );
      return 'undone';
    }
    const { error } = outcome;
    const policy = step.compensate?.retry ?? run.definition.defaults?.retry;
    const retryAt =
      entry.undo.problem === undefined ? nextAttemptAt(policy, entry.attempt, outcome) : undefined;
    if (retryAt === undefined) {
      run.log.emit('STEP_FAILED', { ...about, error }, where(entry));
      return outcome;
    }
    run.log.emit('STEP_RETRYING', { ...about, error, nextAt: retryAt }, where(entry));
    entry.retryAt = retryAt;
  }
}

const KIND = 'compensation';

const idOf = ({ id }: SagaEntry): string => compensationPath(id);

const where = ({ path, iteration, attempt }: SagaEntry): Where => ({
  stepPath: compensationPath(path),
  iteration,
  attempt,
});

function stepOf(run: Run, entry: SagaEntry): ActionCallStep {
  const step = run.stepAt(entry.path);
  if (step.type !== 'action.call') throw new SluiceError('STATE_CORRUPT', `${entry.path} is no action.call`);
  return step;
}

function begins(run: Run, step: ActionCallStep, entry: SagaEntry): void {
  const { action, version, key, input } = entry.undo;
  run.log.emit(
    'STEP_STARTED',
    {
      id: idOf(entry),
      kind: KIND,
      ...(step.name !== undefined && { name: step.name }),
      action,
      actionVersion: version,
      key,
      undoes: entry.path,
      ...(input !== null && { input: summarize(input) }),
    },
    where(entry),
  );
}

function attempt(run: Run, step: ActionCallStep, entry: SagaEntry): Completion | Promise<Completion> {
  const { undo: how, attempt: number } = entry;
  const path = compensationPath(entry.path);
  if (how.problem !== undefined) {
    return errorCompletion(new SluiceError('COMPENSATION_INVALID', how.problem), path, number);
  }
  return runActivity<Completion>(
    run,
    {
      action: how.action,
      input: how.input,
      bytes: jsonSize(how.input) + jsonSize(entry.context),
      heartbeatMs: step.heartbeatMs,
      summary: `undo ${summaryOf(step)}`,
      envelope: (events) => envelopeOf(run, entry, events),
    },
    undefined,
    {
      succeeded: ({ output }) => ({ t: 'normal', output }),
      failed: (thrown) => errorCompletion(thrown, path, number),
    },
  );
}

function envelopeOf(run: Run, entry: SagaEntry, events: ActionEnvelope['events']): ActionEnvelope {
  const { version, key, timeoutMs, secrets, tags } = entry.undo;
  return {
    run: run.header,
    actor: run.state.start.actor,
    step: {
      path: compensationPath(entry.path),
      id: entry.id,
      iteration: [...entry.iteration],
      attempt: entry.attempt,
    },
    actionVersion: version,
    idempotencyKey: key,
    timeoutMs,
    system: run.state.prepared.system,
    ...(secrets !== undefined && { secrets }),
    ...(tags !== undefined && { tags }),
    compensation: payloadOf(entry),
    events,
  };
}

function payloadOf(entry: SagaEntry): CompensationRequest['payload'] {
  return {
    type: 'compensation',
    stage_name: entry.id,
    workflow_id: workflowInfo().workflowId,
    original_context: entry.context,
    artifacts_to_undo: [...entry.artifacts],
  };
}

/** Best effort, by name: a compensation that has failed for good is logged, counted and becomes a dead letter. */
function giveUp(run: Run, entry: SagaEntry, { error }: { readonly error: RunError }): void {
  const request: CompensationRequest = {
    ...entry.undo,
    step: { path: entry.path, id: entry.id, iteration: [...entry.iteration] },
    attempts: entry.attempt,
    payload: payloadOf(entry),
  };
  run.log.emit('COMPENSATION_FAILED', { request, error }, where(entry));
  log.warn('A compensation failed: what it was to undo stands', { step: entry.id, code: error.code });
  metricMeter
    .createCounter('sluice_compensations_failed', undefined, 'Compensations that ended in a dead letter')
    .add(1, { definition: run.header.definition, action: entry.undo.action } satisfies Record<string, Json>);
}
