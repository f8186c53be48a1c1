/** The views of a run: the queries `state` and `progress`, and the details in the Web UI. */
import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import {
  ProgressQuery,
  type ProgressLine,
  type RunProgress,
  type RunStateView,
} from '../../../contracts/run/messages.js';
import { jsonSize } from '../../../contracts/json.js';
import { placeLabel } from '../../../contracts/run/place.js';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { isoAt } from '../../runtime/clock.js';
import type { Lane } from '../lane/lane.js';
import { isoOrNull, type Run } from '../run/run.js';
import type { EventWaitFrame, HumanTaskFrame, TimerFrame } from '../state/state.js';

type WaitFrame = EventWaitFrame | TimerFrame | HumanTaskFrame;

/** Lines of progress that a run keeps, and how many of them it carries into its next execution. */
const LINES = 500;
const LINES_CARRIED = 100;
const LINES_CARRIED_BYTES = 64 * 1024;
/** Characters of an error in a line of progress. */
const DETAIL_CHARACTERS = 300;

/** Keeps the newest lines of progress and the counts of steps up to date. */
export function watchProgress(run: Run): void {
  run.log.onEvent((event) => {
    const { recent, counts } = run.state;
    recent.push(lineOf(run, event));
    if (recent.length > LINES * 2) recent.splice(0, recent.length - LINES);
    if (event.type === 'STEP_STARTED') counts.running++;
    if (event.type === 'STEP_SUCCEEDED') counts.succeeded++;
    if (event.type === 'STEP_FAILED') counts.failed++;
    const ends =
      event.type === 'STEP_SUCCEEDED' ||
      event.type === 'STEP_FAILED' ||
      event.type === 'STEP_CANCELED' ||
      event.type === 'STEP_RETRYING';
    // Steps that end at once have no start event: only steps that had one were counted as running.
    if (ends && 'startedAt' in event.data) counts.running = Math.max(0, counts.running - 1);
  });
}

/** The lines that the next execution starts with. */
export function carriedLines(run: Run): ProgressLine[] {
  const lines = run.state.recent.slice(-LINES_CARRIED);
  while (jsonSize(lines) > LINES_CARRIED_BYTES) lines.shift();
  return lines;
}

/** Answer of the query `progress`; an argument of another shape asks for everything. */
export function progressOf(run: Run, argument: unknown): RunProgress {
  const parsed = ProgressQuery.safeParse(argument ?? undefined);
  const since = parsed.success ? parsed.data.since : 0;
  const { running, succeeded, failed } = run.state.counts;
  return {
    status: run.state.status,
    state: run.state.stateName,
    lastSeq: run.state.seq,
    steps: { running, succeeded, failed, waiting: run.waiting },
    lines: run.state.recent.filter((line) => line.seq > since).slice(-LINES),
    error: run.failure ?? null,
  };
}

/** Answer of the query `state`. */
export function stateOf(run: Run): RunStateView {
  return {
    runId: run.header.runId,
    workflowId: workflowInfo().workflowId,
    definition: run.header.definition,
    version: run.header.version,
    status: run.state.status,
    state: run.state.stateName,
    vars: run.root.vars,
    waits: openWaits(run).map((frame) => {
      const step = run.stepAt(frame.path);
      const base = { stepPath: frame.path, stepId: step.id };
      if (frame.k === 'humanTask') {
        return {
          ...base,
          kind: 'human' as const,
          eventNames: [],
          correlationKey: frame.item,
          deadline: null,
        };
      }
      return frame.k === 'eventWait'
        ? {
            ...base,
            kind: 'event' as const,
            eventNames: [...frame.names],
            correlationKey: frame.key,
            deadline: isoOrNull(frame.deadline),
          }
        : {
            ...base,
            kind: 'time' as const,
            eventNames: [],
            correlationKey: null,
            deadline: isoAt(frame.until),
          };
    }),
    lastSeq: run.state.seq,
    error: run.failure ?? null,
  };
}

/** Shows in markdown what the run does or waits for. */
export function describe(run: Run): void {
  const { status, stateName } = run.state;
  const lines = [`**${status}**${stateName === null ? '' : ` · state \`${stateName}\``}`];
  for (const frame of openWaits(run)) {
    const step = run.stepAt(frame.path);
    const name = step.name ?? step.id;
    if (frame.k === 'timer') {
      lines.push(`- ${name}: until ${isoAt(frame.until)}`);
    } else if (frame.k === 'humanTask') {
      lines.push(`- ${name}: waits for people, in the task \`${frame.item}\``);
    } else {
      const key = frame.key === null ? '' : ` with key \`${frame.key}\``;
      const until = frame.deadline === undefined ? '' : `, until ${isoAt(frame.deadline)}`;
      lines.push(`- ${name}: waits for \`${frame.names.join('`, `')}\`${key}${until}`);
    }
  }
  setCurrentDetails(lines.join('\n'));
}

function openWaits(run: Run): WaitFrame[] {
  const found: WaitFrame[] = [];
  const visit = (lane: Lane): void => {
    const top = lane.top;
    if (top?.k === 'eventWait' || top?.k === 'timer') found.push(top);
    if (top?.k === 'humanTask' && top.request === undefined) found.push(top);
    for (const child of lane.children) visit(child);
  };
  visit(run.root);
  return found;
}

function lineOf(run: Run, event: RunEvent): ProgressLine {
  const step = event.stepPath === undefined ? undefined : run.stepAt(event.stepPath);
  return {
    seq: event.seq,
    at: isoAt(event.at),
    type: event.type,
    stepPath: event.stepPath ?? null,
    stepId: 'id' in event.data ? event.data.id : (step?.id ?? null),
    name: step?.name ?? null,
    iteration: [...(event.iteration ?? [])],
    attempt: event.attempt ?? 1,
    detail: detailOf(event),
  };
}

function detailOf(event: RunEvent): string | null {
  switch (event.type) {
    case 'STEP_STARTED':
      return event.data.action ?? event.data.kind;
    case 'STEP_FAILED':
    case 'STEP_RETRYING':
    case 'COMPENSATION_FAILED':
    case 'RUN_FAILED':
      return `${event.data.error.code}: ${event.data.error.message}`.slice(0, DETAIL_CHARACTERS);
    case 'STATE_SET':
      return event.data.state;
    case 'WAIT_OPENED':
      return (
        event.data.eventNames?.join(', ') ??
        (event.data.deadline === undefined ? null : `until ${isoAt(event.data.deadline)}`)
      );
    case 'WAIT_SATISFIED':
    case 'EVENT_RECEIVED':
      return event.data.eventName ?? null;
    case 'EVENT_DROPPED':
    case 'SIGNAL_REJECTED':
    case 'RUN_CONTINUED':
      return event.data.reason;
    case 'RUN_REWOUND':
      return placeLabel(event.data.step, event.data.iteration);
    case 'CHILD_STARTED':
      return event.data.workflowId;
    default:
      return null;
  }
}
