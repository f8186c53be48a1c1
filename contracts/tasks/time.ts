/**
 * What time does to a task: a warning, a deadline with its levels, the end of a claim.
 *
 * Invariant (deadlines-happen-once): each warning, each level and each end of a claim happens once, at its
 * time or as soon after as the workflow runs, and in the order of their times.
 */
import type { TaskChange } from './change.js';
import { close, escalate, openStatus, statusOf } from './decide.js';
import { warnAt } from './due.js';
import { isOpen, type TaskState } from './task.js';

interface Deadline {
  readonly kind: 'claim' | 'warn' | 'due';
  readonly at: number;
}

/** The next time at which something happens by itself; undefined: nothing does. */
export function nextDeadline(state: TaskState): Deadline | undefined {
  if (!isOpen(state)) return undefined;
  const { claim, due, warned, overdue } = state;
  const found: Deadline[] = [];
  if (claim !== null) found.push({ kind: 'claim', at: claim.until });
  if (due !== null && !overdue) {
    const warning = warned ? undefined : warnAt(state);
    if (warning !== undefined) found.push({ kind: 'warn', at: warning });
    found.push({ kind: 'due', at: due });
  }
  return found.reduce<Deadline | undefined>(
    (first, other) => (first === undefined || other.at < first.at ? other : first),
    undefined,
  );
}

/** The change that the next deadline makes; undefined: its time has not come. */
export function passTime(state: TaskState, at: number): TaskChange | undefined {
  const next = nextDeadline(state);
  if (next === undefined || next.at > at) return undefined;
  if (next.kind === 'claim') {
    const status = openStatus(state.level);
    return { state: { ...state, status, claim: null, changedAt: at }, action: 'claim_expired', notices: [] };
  }
  if (next.kind === 'warn') {
    const key = `deadline:${state.due ?? 0}`;
    return {
      state: { ...state, warned: true },
      action: 'warned',
      notices: [{ category: 'deadline', key, to: state.assignee }],
    };
  }
  return escalate(state, { action: 'escalated', at }) ?? endOfTime(state, at);
}

function endOfTime(state: TaskState, at: number): TaskChange {
  const { end } = state.request.onDue;
  const decision = { answer: null, by: [], reason: 'The deadline has passed', at };
  if (end.kind === 'stay') {
    return { state: { ...state, overdue: true, changedAt: at }, action: 'overdue', notices: [] };
  }
  if (end.kind === 'fail') return close(state, 'expired', { ...decision, status: 'expired', outcome: null });
  return close(state, 'expired', { ...decision, status: statusOf(end.outcome), outcome: end.outcome });
}
