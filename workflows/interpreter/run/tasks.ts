/**
 * What a run hears of its human tasks: their reports, and acts that people signal to the run.
 *
 * Invariants
 * - Both signals are known only to runs whose definition has a human.task, so every other run treats them as
 *   it always did: as unknown ones.
 * - A report counts for the frame that waits for its task, and once; any other is recorded and ignored.
 * - An act that cannot be read, or that the task refuses, is recorded and changes nothing. An act proves
 *   nothing about its actor (activities/tasks/act-on-task.ts).
 * - A task whose frame a rewind has undone is superseded.
 */
import { log, scheduleActivity, uuid4 } from '@temporalio/workflow';
import { walkSteps } from '../../../contracts/definition/index.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { ACTIVITY_TYPES, SIGNALS } from '../../../contracts/run/messages.js';
import {
  ActedOnTask,
  endedUnanswered,
  isOfPlace,
  REPORT_SIGNAL,
  SignalledAct,
  TaskReport,
  type EndTask,
} from '../../../contracts/tasks/of-run.js';
import { INFRASTRUCTURE_RETRY } from '../../runtime/retry-options.js';
import { openFrames, type HumanTaskFrame } from '../state/state.js';
import type { Run } from './run.js';

/** Bytes of an act, as the task itself limits it. */
const ACT_BYTES = 64 * 1024;
const REASON_CHARACTERS = 1_000;

/** Whether the definition asks people. */
export function asksPeople(run: Run): boolean {
  for (const { step } of walkSteps(run.definition)) if (step.type === 'human.task') return true;
  return false;
}

/** Takes the signal of a task that has ended. It never throws. */
export function takeReport(run: Run, payload: unknown): void {
  const unclaimed = run.doors.unclaimed(payload, REPORT_SIGNAL);
  if (unclaimed !== undefined) {
    reject(run, REPORT_SIGNAL, unclaimed);
    return;
  }
  const parsed = TaskReport.safeParse(payload);
  if (!parsed.success) {
    reject(run, REPORT_SIGNAL, 'not the report of a task');
    return;
  }
  const { item, decision } = parsed.data;
  const frame = framesOf(run).find(
    ({ request, item: own }) => own === item || (request !== undefined && isOfPlace(own, item)),
  );
  // The place asks again while the report of an earlier task of it may still be on its way.
  const old = frame?.request !== undefined && decision !== null && endedUnanswered(decision.status);
  if (frame === undefined || old) {
    reject(run, REPORT_SIGNAL, `no step waits for the task ${item}`);
    return;
  }
  frame.report ??= parsed.data;
}

/** Takes the signal `humanTask`. It never throws. */
export function takeAct(run: Run, payload: unknown): void {
  const parsed = SignalledAct.safeParse(payload);
  if (!parsed.success || jsonSize(parsed.data) > ACT_BYTES) {
    reject(run, SIGNALS.humanTask, 'not an act: {step or item, action, actor, reason, outcome, answer}');
    return;
  }
  const { step, item, ...act } = parsed.data;
  const open = framesOf(run).filter(
    (frame) =>
      frame.request === undefined &&
      frame.report === undefined &&
      (item === undefined || frame.item === item) &&
      (step === undefined || run.stepAt(frame.path).id === step),
  );
  const [frame] = open;
  if (frame === undefined || open.length > 1) {
    const many = `${open.length} open tasks fit; name the step or the item`;
    reject(run, SIGNALS.humanTask, frame === undefined ? 'no open task fits' : many);
    return;
  }
  void pass(run, frame.item, { requestId: `signal-${uuid4()}`, ...act });
}

/** Passes an act on to its task. */
async function pass(run: Run, item: string, act: Json): Promise<void> {
  const { tenant } = run.header;
  const refused = await run.operations.activity<string | null>(
    undefined,
    () =>
      scheduleActivity(ACTIVITY_TYPES.actOnTask, [{ tenant, item, act }], {
        startToCloseTimeout: '1m',
        retry: INFRASTRUCTURE_RETRY,
        summary: 'act on a task',
      }),
    {
      succeeded: (answer) => ActedOnTask.safeParse(answer).data?.refused ?? null,
      failed: (thrown) => String(thrown),
    },
  );
  if (refused !== null) reject(run, SIGNALS.humanTask, refused);
}

/** Ends a task without a decision. Nothing cancels this, and the run does not end before. */
export async function endTask(
  run: Run,
  item: string,
  action: EndTask['action'],
  reason: string,
): Promise<void> {
  const { tenant } = run.header;
  try {
    await run.operations.errand(() =>
      scheduleActivity(ACTIVITY_TYPES.endTask, [{ tenant, item, action, reason }], {
        startToCloseTimeout: '1m',
        retry: INFRASTRUCTURE_RETRY,
        summary: `${action} a task`,
      }),
    );
  } catch (thrown) {
    // Temporal repeats everything that a repetition can fix: a defect, for which the run does not stay.
    log.error('A task could not be ended', { item, error: String(thrown) });
  }
}

/** Supersedes the tasks that a rewind has undone: no frame of this run waits for them. */
export function supersedeUndone(run: Run, items: readonly string[]): void {
  const kept = framesOf(run).map(({ item }) => item);
  for (const item of items) {
    if (kept.some((own) => isOfPlace(item, own))) continue;
    void endTask(run, item, 'supersede', 'Its run was rewound, and asks again');
  }
}

function framesOf(run: Run): HumanTaskFrame[] {
  return openFrames(run.state.root).filter((frame) => frame.k === 'humanTask');
}

function reject(run: Run, signal: string, reason: string): void {
  run.log.emit('SIGNAL_REJECTED', { signal, reason: reason.slice(0, REASON_CHARACTERS) });
  run.flusher.request();
}
