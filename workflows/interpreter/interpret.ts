/**
 * The life of one execution of a run: start, lanes, continue-as-new or end.
 *
 * States: started → running ⇄ waiting → ended, or → parked → continued as new. What could break it:
 * - A signal or a query in any state: handlers are sync, throw nothing, and see a run that is consistent
 *   between two awaits.
 * - Cancellation while parking: the run does not continue as new; its lanes go on from their frames and see
 *   the cancellation there. A continue-as-new after a cancel request would end the run FAILED.
 * - A continue-as-new is thrown here, outside of every lane, so no handler of a definition sees it
 *   (continue-as-new-is-not-an-error).
 * - A defect in a definition is a coded failure; Temporal retries nothing except a lost worker.
 */
import {
  CancellationScope,
  CancelledFailure,
  condition,
  defineSignal,
  makeContinueAsNewFunc,
  setDefaultSignalHandler,
  setHandler,
  upsertMemo,
  workflowInfo,
  type Workflow,
} from '@temporalio/workflow';
import { SluiceError } from '../../contracts/errors.js';
import { jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { SIGNALS } from '../../contracts/run/messages.js';
import { REPORT_SIGNAL } from '../../contracts/tasks/of-run.js';
import { cancelReason } from '../runtime/cancel-reason.js';
import { now } from '../runtime/clock.js';
import type { ContinueReason, HistoryLimits } from './lane/budget.js';
import { errorCompletion, runFailure } from './state/failure.js';
import { beginRunCompensation } from './compensation/scopes.js';
import { createMachine } from './machine.js';
import { Queries } from './surface/queries.js';
import { recordRefusal } from './run/refused.js';
import { Resets } from './run/resets.js';
import { takeRewinds } from './run/rewinds.js';
import { Run } from './run/run.js';
import { announce } from './run/search-attributes.js';
import { asksPeople, takeAct, takeReport } from './run/tasks.js';
import { Snapshots } from './surface/snapshot.js';
import { startRun, type Started } from './start.js';
import { Doors } from './state/doors.js';
import { NORMAL, type Completion, type RunState } from './state/state.js';
import { STEP_KINDS } from './steps/kinds.js';
import { carriedLines, describe, watchProgress } from './surface/views.js';

const MACHINE = createMachine(STEP_KINDS);

/**
 * Runs the definition that the workflow type names.
 * @param payload as the definition's payloadSchema describes it
 * @param carried the state of the execution before; only for a run that continues as new
 * @returns the run's result
 * @throws ApplicationFailure with the code of the run's error; CancelledFailure for a run that was cancelled
 */
export async function interpret(payload: unknown, carried: unknown): Promise<Json> {
  const cancelled = CancellationScope.current().cancelRequested;
  const queries = new Queries();
  return await CancellationScope.nonCancellable(async () => {
    const resets = new Resets();
    const doors = new Doors();
    let started: Started;
    try {
      // Not cancellable: a run that is cancelled before its first step still starts, and then ends as
      // cancelled.
      started = await startRun(payload, carried, resets, doors);
    } catch (thrown) {
      const refusal = errorCompletion(thrown, null);
      queries.refused = refusal.error;
      await recordRefusal(refusal.error, thrown);
      throw runFailure(refusal);
    }
    const run = new Run({ ...started, resets, doors, limits: limitsOf(started), runLane: MACHINE });
    queries.run = run;
    return await live(run, started.resumed, cancelled);
  });
}

function limitsOf({ state }: Started): HistoryLimits {
  return {
    historyEvents: state.prepared.limits?.historyEvents ?? LIMITS.historyEvents,
    historyEventsMost: state.prepared.limits?.historyEventsMost ?? LIMITS.historyEventsMost,
  };
}

async function live(run: Run, resumed: boolean, cancelled: Promise<never>): Promise<Json> {
  watchProgress(run);
  const snapshots = new Snapshots(run);
  run.onQuiet = () => {
    snapshots.emit();
    describe(run);
  };
  if (resumed) resume(run);
  else begin(run);
  run.resets.listen((answer) => takeRewinds(run, answer));
  void run.flusher.work();
  void run.inbox.work();
  cancelled.catch(() => requestCancel(run));
  const end = await (async () => {
    const outcome = execute(run);
    // After the lanes have opened their waits again: a signal that arrived meanwhile finds them in their
    // order.
    handleMessages(run, snapshots);
    return await outcome;
  })();
  return await finish(run, end);
}

function begin(run: Run): void {
  const { state, payload } = run;
  const { prepared, start } = state;
  announce(state);
  upsertMemo({
    definition: prepared.pin.id,
    definitionVersion: prepared.pin.version,
    definitionHash: prepared.pin.hash,
  });
  run.log.emit('RUN_STARTED', {
    definition: prepared.pin,
    semantics: state.semantics,
    workflowId: workflowInfo().workflowId,
    actor: start.actor,
    system: prepared.system,
    payload: payload,
    parent: start.parent ?? null,
    root: start.root ?? null,
    ...(start.rerunOf !== undefined && { rerunOf: start.rerunOf }),
    trigger: start.trigger ?? null,
    correlationKeys: start.correlationKeys,
  });
}

function resume(run: Run): void {
  const info = workflowInfo();
  const reason = (info.memo?.[CONTINUE_MEMO] as ContinueReason | undefined) ?? 'history';
  run.log.emit('RUN_CONTINUED', { reason, previous: info.continuedFromExecutionRunId ?? '' });
}

/**
 * Runs the root lane to completion, then its compensation. Loops because a cancellation that arrives while
 * parking aborts the continue-as-new.
 */
async function execute(run: Run): Promise<LastCompletion> {
  // RUN_STARTED holds the payload and is attached to every action until one has committed it. A large payload
  // is committed by a flush first: attached to each of hundreds of lanes that start together, it would fill
  // the history.
  if (jsonSize(run.payload) > LIMITS.ridingPayloadBytes && !run.log.isEmpty) await run.flusher.drain();
  let ended = false;
  const watch = async (): Promise<void> => {
    for (;;) {
      await condition(() => ended || run.parkingDue);
      if (ended) return;
      run.parkIfDue();
      await condition(() => ended || !run.parking);
    }
  };
  const guardHistory = async (): Promise<void> => {
    await condition(() => ended || run.budget.historyFull);
    if (!ended) run.root.stopOperations();
  };
  void watch();
  void guardHistory();
  void watchDeadline(run, () => ended);
  try {
    for (;;) {
      const outcome = await run.runLane(run.root);
      if (outcome === 'ended') {
        const end = resultOf(run, endOf(run));
        if (!beginRunCompensation(run, end)) return end;
        continue;
      }
      // The next execution was not made by a reset, so its state must hold the rewinds that this one learned
      // of.
      const reset = run.resets.pending();
      if (reset !== undefined) await reset;
      await condition(() => run.flusher.idle || run.cancelRequested);
      if (!run.cancelRequested) await continueRun(run);
      run.parking = false;
    }
  } finally {
    ended = true;
  }
}

/** Most bytes of state and payload that a run continues as new with; Temporal takes 2 MiB. */
const CARRIED_MOST = 2_000_000;

/** Bytes to free beyond what is too much: each event that leaves the buffer adds a line to the log. */
const SHED_MARGIN = 50_000;

/** Memo key that tells the next execution why the run continued as new. */
const CONTINUE_MEMO = 'continuedBecause';

/**
 * Continues as new. If the state is too large for that, the run ends in order, before Temporal terminates it.
 */
async function continueRun(run: Run): Promise<void> {
  const reason = run.budget.continueReason ?? 'history';
  let { state, bytes } = gatherState(run);
  // Large events that became dead letters: their flush makes room.
  while (run.log.hasAlone) {
    await condition(() => !run.log.hasAlone || run.cancelRequested);
    if (run.cancelRequested) return;
    ({ state, bytes } = gatherState(run));
  }
  if (bytes > CARRIED_MOST) {
    stop(
      run,
      new SluiceError(
        'STATE_TOO_LARGE',
        `The run would continue with ${bytes} bytes of state; the limit is ${CARRIED_MOST}`,
        { details: { bytes, limit: CARRIED_MOST } },
      ),
    );
    return;
  }
  const continueAsNew = makeContinueAsNewFunc<Workflow>({
    memo: { ...workflowInfo().memo, [CONTINUE_MEMO]: reason },
  });
  await continueAsNew(run.payload, state);
}

/** The state to continue with. Events leave it for their audit rows, or dead letters, if it is too large. */
function gatherState(run: Run): { readonly state: RunState; readonly bytes: number } {
  run.inbox.giveAll();
  const gather = (): { readonly state: RunState; readonly bytes: number } => {
    const state = carriedState(run);
    return { state, bytes: jsonSize(state) + jsonSize(run.payload) };
  };
  let gathered = gather();
  const excess = gathered.bytes - CARRIED_MOST;
  if (excess > 0 && run.inbox.shed(excess + SHED_MARGIN)) gathered = gather();
  // What waits for its flush will be gone.
  if (gathered.bytes > CARRIED_MOST && !run.log.hasAlone) {
    run.inbox.returnHeld();
    gathered = gather();
  }
  return gathered;
}

function carriedState(run: Run): RunState {
  return { ...run.snapshot(), recent: carriedLines(run) };
}

/** The definition's timeout of the whole run: an orderly cancellation, after which the run has failed. */
async function watchDeadline(run: Run, ended: () => boolean): Promise<void> {
  const { timeoutMs } = run.definition;
  if (timeoutMs === undefined) return;
  const due = (): number => (run.state.rewinds?.at ?? run.state.startedAt) + timeoutMs;
  for (;;) {
    const left = due() - now();
    const before = left <= 0 ? ended() : await condition(ended, left, { summary: 'timeout of the run' });
    if (before) return;
    // The timer may be older than a rewind, from which the timeout counts anew.
    const reset = run.resets.pending();
    if (reset !== undefined) await reset;
    if (due() <= now()) break;
  }
  stop(run, new SluiceError('RUN_TIMEOUT', `The run did not end within ${timeoutMs} ms`));
}

/** How the root lane ended. If the run cancelled itself, the error behind the cancellation. */
function endOf(run: Run): Completion {
  const end = run.root.state.end ?? NORMAL;
  return end.t === 'cancel' && run.stoppedBy ? errorCompletion(run.stoppedBy, null) : end;
}

/** Ends the run with an error that nothing in it can catch; its `finally` blocks run. */
function stop(run: Run, error: SluiceError): void {
  // A run that was already cancelled ends as cancelled, however long its cleanup takes.
  if (run.cancelRequested) return;
  run.stoppedBy = error;
  stopLanes(run);
}

function requestCancel(run: Run): void {
  if (run.cancelRequested) return;
  run.log.emit('RUN_CANCEL_REQUESTED', cancelReason());
  run.flusher.request();
  stopLanes(run);
}

function stopLanes(run: Run): void {
  run.cancelRequested = true;
  run.root.cancel();
}

/** Ends the run: its last event, the last flush, its result or failure. */
async function finish(run: Run, last: LastCompletion): Promise<Json> {
  if (last.t === 'error') {
    run.state.status = 'FAILED';
    run.failure = last.error;
    run.log.emit('RUN_FAILED', { error: last.error });
  } else if (last.t === 'cancel') {
    run.state.status = 'CANCELED';
    run.log.emit('RUN_CANCELED', {});
  } else {
    run.state.status = 'SUCCEEDED';
    run.log.emit('RUN_SUCCEEDED', { result: last.value });
  }
  if (run.operations.onErrand) await condition(() => !run.operations.onErrand);
  await run.flusher.drain();
  describe(run);
  if (last.t === 'error') throw runFailure(last);
  if (last.t === 'cancel') throw new CancelledFailure('The run was cancelled');
  return last.value;
}

type LastCompletion = Extract<Completion, { t: 'error' | 'cancel' | 'return' }>;

function resultOf(run: Run, end: Completion): LastCompletion {
  if (end.t === 'error' || end.t === 'cancel' || end.t === 'return') return end;
  try {
    const { result } = run.definition;
    const value = result === undefined ? null : run.evaluator.mapping(run.root, result, { at: 'result' });
    return { t: 'return', value: run.fitting(value, 'RESULT_TOO_LARGE', 'The result') };
  } catch (thrown) {
    return errorCompletion(thrown, 'result');
  }
}

/** Characters of an unknown signal's name in the log. */
const SIGNAL_CHARACTERS = 256;

function handleMessages(run: Run, snapshots: Snapshots): void {
  setHandler(
    defineSignal<[unknown, ...unknown[]]>(SIGNALS.event),
    (payload, ...more) => {
      const before = run.state.seq;
      run.inbox.receive(payload, more);
      // A lane that goes on with the event soon starts a carrier for the run events about it.
      if (run.state.seq !== before && !run.inbox.hasTaker) run.flusher.request();
    },
    {
      description:
        'An event for the waits of this run: {eventId, source?, eventName, correlationKey?, payload?, receivedAt?}',
    },
  );
  setHandler(
    defineSignal<[unknown]>(SIGNALS.resync),
    (payload) => {
      const reason = run.doors.unclaimed(payload, SIGNALS.resync);
      if (reason === undefined) snapshots.request(payload);
      else run.log.emit('SIGNAL_REJECTED', { signal: SIGNALS.resync, reason });
    },
    { description: 'Asks the run to write its whole picture to the projection again: {reason?}' },
  );
  if (asksPeople(run)) {
    setHandler(defineSignal<[unknown]>(REPORT_SIGNAL), (payload) => takeReport(run, payload), {
      description: 'How a task of this run has ended; tasks send it',
    });
    setHandler(defineSignal<[unknown]>(SIGNALS.humanTask), (payload) => takeAct(run, payload), {
      description:
        'An act on an open task of this run: {step? or item?, action, actor, roles?, reason?, outcome?, answer?}',
    });
  }
  setDefaultSignalHandler((name) => {
    run.log.emit('SIGNAL_REJECTED', { signal: name.slice(0, SIGNAL_CHARACTERS), reason: 'no such signal' });
    run.flusher.request();
  });
}
