/**
 * Compensation of a scope: runs the compensations of its entries from the last to the first, one after the
 * other.
 *
 * States of an entry: kept → attempt n running → (waits for the next) → compensated, or given up: STEP_FAILED
 * and COMPENSATION_FAILED, which the database turns into a dead letter. What could break it:
 * - A cancellation while it runs: the frame shields the lane, and its activities belong to no
 *   CancellationScope.
 * - A crash: the frame and the stack hold everything, so replay goes on at the same point; the activity
 *   repeats under the same idempotency key.
 * - Continue-as-new: between two entries, and while an attempt waits, never while one runs.
 * - A failure of one entry ends that entry only; the scope's completion is the same as before.
 * - A full history: entries that can no longer run become dead letters, and the run ends in order.
 */
import { log, metricMeter, workflowInfo } from '@temporalio/workflow';
import { compensationPath, type CompensationRequest } from '../../../contracts/run/compensation.js';
import type { ActionEnvelope } from '../../../contracts/run/activity.js';
import { SluiceError, type RunError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { summarize } from '../../../contracts/summary.js';
import { now } from '../../runtime/clock.js';
import { errorCompletion, type ErrorCompletion } from '../state/failure.js';
import type { Run } from '../run/run.js';
import { StepContext, type StepOf } from '../run/step-context.js';
import {
  openFrames,
  type Completion,
  type CompensationEntry,
  type CompensationFrame,
} from '../state/state.js';
import type { Where } from '../events/event-log.js';
import { summaryOf } from '../run/step-events.js';
import { nextAttemptAt } from '../run/retry.js';
import { runActivity } from '../run/run-activity.js';
import { drop, entriesOf } from './stack.js';

/** The kind that a compensation has in run events. */
const KIND = 'compensation';

/** What is counted, by definition and action. A replay counts nothing. */
const COUNTERS = {
  dispatched: () =>
    metricMeter.createCounter('sluice_compensations_dispatched', undefined, 'Attempts that began'),
  attemptFailed: () =>
    metricMeter.createCounter('sluice_compensation_attempts_failed', undefined, 'Attempts that failed'),
  succeeded: () =>
    metricMeter.createCounter('sluice_compensations_succeeded', undefined, 'Compensations that succeeded'),
  failed: () => metricMeter.createCounter('sluice_compensations_failed', undefined, 'Compensations given up'),
};

function count(run: Run, entry: CompensationEntry, what: keyof typeof COUNTERS): void {
  COUNTERS[what]().add(1, {
    definition: run.header.definition,
    action: entry.undo.action,
  } satisfies Record<string, Json>);
}

/**
 * Emits that a compensation scope is compensated, and pushes the frame that does it.
 * @param pending how the scope ends afterwards
 */
export function beginCompensation(context: StepContext, scope: string, pending: Completion): void {
  const { run, lane, path } = context;
  const steps = entriesOf(run, scope).length;
  run.state.status = 'COMPENSATING';
  run.log.emit('RUN_COMPENSATING', { scope: path === '' ? null : path, steps });
  lane.push({ k: 'undo', path, at: now(), scope, pending });
}

/** Runs the compensations that are left in the scope; then the scope ends as it would have ended before. */
export async function continueCompensation(
  context: StepContext,
  frame: CompensationFrame,
): Promise<Completion | 'parked'> {
  const { run } = context;
  for (;;) {
    const entry = entriesOf(run, frame.scope).at(-1);
    if (entry === undefined) break;
    if (run.parking) return 'parked';
    const outcome = await compensate(context, entry);
    if (outcome === 'parked') return 'parked';
    if (outcome !== 'compensated') giveUp(run, entry, outcome);
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

type ActionContext = StepContext<StepOf<'action.call'>>;

async function compensate(
  { run, lane }: StepContext,
  entry: CompensationEntry,
): Promise<'compensated' | 'parked' | ErrorCompletion> {
  const context: StepContext = new StepContext(run, lane, entry.path);
  context.narrow('action.call');
  const { step } = context;
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
    emitStart(context, entry);
    count(run, entry, 'dispatched');
    const outcome = await attempt(context, entry);
    run.slots.give();
    const about = { id: idOf(entry), kind: KIND, startedAt: entry.attemptAt };
    if (outcome.t !== 'error') {
      const output = outcome.t === 'normal' ? outcome.output : undefined;
      run.log.emit(
        'STEP_SUCCEEDED',
        { ...about, ...(output !== undefined && { output: summarize(output) }) },
        where(entry),
      );
      count(run, entry, 'succeeded');
      return 'compensated';
    }
    const { error } = outcome;
    count(run, entry, 'attemptFailed');
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

const idOf = ({ id }: CompensationEntry): string => compensationPath(id);

const where = ({ path, iteration, attempt: number }: CompensationEntry): Where => ({
  stepPath: compensationPath(path),
  iteration,
  attempt: number,
});

function emitStart({ run, step }: ActionContext, entry: CompensationEntry): void {
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

function attempt({ run, step }: ActionContext, entry: CompensationEntry): Completion | Promise<Completion> {
  const { undo: compensation, attempt: number } = entry;
  const path = compensationPath(entry.path);
  if (compensation.problem !== undefined) {
    return errorCompletion(new SluiceError('COMPENSATION_INVALID', compensation.problem), path, number);
  }
  return runActivity<Completion>(
    run,
    {
      action: compensation.action,
      input: compensation.input,
      bytes: jsonSize(compensation.input) + jsonSize(entry.context),
      heartbeatMs: step.heartbeatMs,
      summary: `undo ${summaryOf(step)}`,
      envelope: (events) => compensationEnvelope(run, entry, events),
    },
    undefined,
    {
      succeeded: ({ output }) => ({ t: 'normal', output }),
      failed: (thrown) => errorCompletion(thrown, path, number),
    },
  );
}

function compensationEnvelope(
  run: Run,
  entry: CompensationEntry,
  events: ActionEnvelope['events'],
): ActionEnvelope {
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

function payloadOf(entry: CompensationEntry): CompensationRequest['payload'] {
  return {
    type: 'compensation',
    stage_name: entry.id,
    workflow_id: workflowInfo().workflowId,
    original_context: entry.context,
    artifacts_to_undo: [...entry.artifacts],
  };
}

/** Compensation is best effort: one that has failed for good is logged, counted and becomes a dead letter. */
function giveUp(run: Run, entry: CompensationEntry, { error }: { readonly error: RunError }): void {
  const request: CompensationRequest = {
    ...entry.undo,
    step: { path: entry.path, id: entry.id, iteration: [...entry.iteration] },
    attempts: entry.attempt,
    payload: payloadOf(entry),
  };
  run.log.emit('COMPENSATION_FAILED', { request, error }, where(entry));
  log.warn('A compensation failed; the effect of its step remains', { step: entry.id, code: error.code });
  count(run, entry, 'failed');
}
