/** What holds for the log of every run that has ended. */
import {
  RUN_TRANSITIONS,
  type RunStatus,
  STEP_TRANSITIONS,
  type StepStatus,
} from '../../../contracts/run/run.js';
import type { RunEvent, RunEventType } from '../../../contracts/run/run-events.js';
import { linesOf } from './log-lines.js';

const RUN_STATUS: Partial<Record<RunEventType, RunStatus>> = {
  RUN_STARTED: 'RUNNING',
  RUN_WAITING: 'WAITING',
  RUN_RESUMED: 'RUNNING',
  RUN_COMPENSATING: 'COMPENSATING',
  RUN_SUCCEEDED: 'SUCCEEDED',
  RUN_FAILED: 'FAILED',
  RUN_CANCELED: 'CANCELED',
};
const STEP_STATUS: Partial<Record<RunEventType, StepStatus>> = {
  STEP_STARTED: 'RUNNING',
  STEP_RETRYING: 'RETRYING',
  STEP_SUCCEEDED: 'SUCCEEDED',
  STEP_FAILED: 'FAILED',
  STEP_SKIPPED: 'SKIPPED',
  STEP_CANCELED: 'CANCELED',
  WAIT_OPENED: 'WAITING',
  WAIT_SATISFIED: 'RUNNING',
  WAIT_TIMED_OUT: 'RUNNING',
  WAIT_CANCELED: 'RUNNING',
};
const WAIT_STATUS: Partial<Record<RunEventType, string>> = {
  WAIT_OPENED: 'WAITING',
  WAIT_SATISFIED: 'SATISFIED',
  WAIT_TIMED_OUT: 'TIMED_OUT',
  WAIT_CANCELED: 'CANCELED',
};

export interface FoldedLog {
  readonly run: RunStatus;
  /** Of each attempt, by `path[iteration]#attempt`. */
  readonly rows: ReadonlyMap<string, StepStatus>;
  /** Of the last attempt, by step id and iteration. */
  readonly steps: ReadonlyMap<string, StepStatus>;
  readonly waits: ReadonlyMap<string, string>;
}

/** Name of a step's row. */
export function rowName(path: string, iteration: readonly number[], attempt: number): string {
  return `${path}[${iteration.join(',')}]#${attempt}`;
}

/**
 * Follows a log to its end.
 * @throws Error that lists every rule that the log breaks: numbers with gaps, illegal transitions, steps and
 * waits that are open in the end, time that goes back
 */
export function foldLog(log: readonly RunEvent[]): FoldedLog {
  const problems: string[] = [];
  let run: RunStatus | undefined;
  const rows = new Map<string, StepStatus>();
  const steps = new Map<string, StepStatus>();
  const waits = new Map<string, string>();
  let at = 0;
  for (const [index, { event, text, step }] of linesOf(log).entries()) {
    if (event.seq !== index + 1) problems.push(`event ${index + 1} has the number ${event.seq}`);
    if (event.at < at) problems.push(`${text} (${event.seq}) goes back in time`);
    at = event.at;
    const status = RUN_STATUS[event.type];
    if (status !== undefined) {
      if (run !== undefined && !RUN_TRANSITIONS[run].includes(status)) {
        problems.push(`${text}: the run was ${run}`);
      }
      run = status;
    }
    if (step === undefined) continue;
    const row = rowName(event.stepPath ?? '', event.iteration ?? [], event.attempt ?? 1);
    const next = STEP_STATUS[event.type];
    if (next !== undefined) {
      const before = rows.get(row);
      if (before !== undefined && !STEP_TRANSITIONS[before].includes(next)) {
        problems.push(`${text} (${event.seq}): the step was ${before}`);
      }
      rows.set(row, next);
      steps.set(step, next);
    }
    const wait = WAIT_STATUS[event.type];
    if (wait !== undefined) waits.set(step, wait);
  }
  if (log[0]?.type !== 'RUN_STARTED') problems.push('the log does not begin with RUN_STARTED');
  if (run === undefined || run === 'RUNNING' || run === 'WAITING') {
    problems.push(`in the end the run is ${run}`);
  }
  for (const [row, status] of rows) {
    if (status === 'RUNNING' || status === 'WAITING') problems.push(`in the end ${row} is ${status}`);
  }
  for (const [step, status] of waits) {
    if (status === 'WAITING') problems.push(`in the end the wait of ${step} is open`);
  }
  if (problems.length > 0) {
    const shown = linesOf(log).map((line) => `${line.event.seq} ${line.text}`);
    throw new Error(`The log is wrong:\n- ${problems.join('\n- ')}\n${shown.join('\n')}`);
  }
  return { run: run as RunStatus, rows, steps, waits };
}
