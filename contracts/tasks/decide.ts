/**
 * The state machine of a task: an act gives the next state, or a refusal. Pure: no clock, no I/O.
 *
 * Invariants
 * - (closed-tasks-stay-closed) No act and no time changes a task that has ended; a comment changes no state.
 * - (one-decision-wins) The first act that closes a task is its decision; a later one is refused.
 * - Each turn has the whole time: the clock starts anew when the task is requested, when changes are asked
 *   for (the requester's turn), when it is submitted again, and at each level of escalation.
 * - What an act changes is in its records and notices, which the same unit of work writes.
 */
import type { PinnedCalendar } from '../calendar/pinned.js';
import type { ErrorCode } from '../errors.js';
import { TASK_TABLE, confirmText, type Actor, type TaskAct, type TaskAction } from './act.js';
import type { NoticeDraft, TaskChange } from './change.js';
import { fitsSeat, isFilled, isMeant } from './quorum.js';
import {
  isOpen,
  type Assignee,
  type TaskDecision,
  type TaskRequest,
  type TaskState,
  type Vote,
} from './task.js';
import { dueAt, type Due } from './due.js';

/** Why an act is refused. */
export interface TaskRefusal {
  readonly refused: true;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Rounds, and so resubmissions, that a task can have. */
const MOST_ROUNDS = 100;

/** A task as it begins. */
export function beginTask(request: TaskRequest, at: number, calendar?: PinnedCalendar): TaskChange {
  const state: TaskState = {
    ...{ request, status: 'requested', round: 1, level: 0, assignee: request.assignee, assignments: 1 },
    ...{ claim: null, votes: [], deciders: [], requesters: [request.requestedBy] },
    ...(calendar && { calendar }),
    ...turn(calendar, request, at),
    ...{ changesDue: false, requestedAt: at, changedAt: at, decision: null },
  };
  return { state, action: 'requested', notices: [assigned(state)] };
}

/**
 * What the state alone refuses: an action that the status does not allow, or a missing input. The validator
 * of an update asks it, so that such an act leaves no trace in the history.
 */
export function checkLegal(
  { request, status, changesDue }: TaskState,
  act: TaskAct,
): TaskRefusal | undefined {
  const row = TASK_TABLE[act.action];
  if (!row.from.includes(status)) {
    return isOpen({ status })
      ? refuse('TASK_ACTION_ILLEGAL', `${act.action} is not possible while the task is ${status}`)
      : refuse('TASK_CLOSED', `The task is ${status}`);
  }
  if (act.action === 'resubmit' && !changesDue) {
    return refuse('TASK_ACTION_ILLEGAL', 'No changes were asked for');
  }
  if (row.kinds?.includes(request.kind) === false) {
    return refuse('TASK_ACTION_ILLEGAL', `A task of kind ${request.kind} has no ${act.action}`);
  }
  for (const input of row.inputs) {
    const value = input === 'note' ? (act.note ?? act.reason) : act[input];
    if (value === undefined) return refuse('INPUT_INVALID', `${act.action} needs ${input}`);
  }
  if (act.action === 'reassign' && act.assignee?.account === undefined && act.assignee?.role === undefined) {
    return refuse('INPUT_INVALID', 'reassign needs an account or a role');
  }
  if (act.action === 'override' && act.confirm !== confirmText(request.item)) {
    return refuse('INPUT_INVALID', `override needs the text "${confirmText(request.item)}"`);
  }
  const outcome = outcomeOf(act);
  if (outcome !== undefined && !request.outcomes.some(({ name }) => name === outcome)) {
    const names = request.outcomes.map(({ name }) => name).join(', ');
    return refuse('INPUT_INVALID', `"${outcome}" is not an outcome of the task; it has: ${names}`);
  }
  return undefined;
}

/** The state after an act, or why the act is refused. @param at when the workflow decides it */
export function decide(state: TaskState, act: TaskAct, actor: Actor, at: number): TaskChange | TaskRefusal {
  const illegal = checkLegal(state, act) ?? checkActor(state, act.action, actor, at);
  if (illegal !== undefined) return illegal;
  const { request, round, level } = state;
  const changed = (next: Partial<TaskState>, notices: readonly NoticeDraft[] = []): TaskChange => ({
    ...{ state: { ...state, changedAt: at, ...next }, action: act.action, notices },
  });
  switch (act.action) {
    case 'claim':
      return changed({ status: 'in_review', claim: { account: actor.account, until: at + request.claimMs } });
    case 'release':
      return changed({ status: openStatus(level), claim: null });
    case 'approve':
    case 'reject':
    case 'answer':
      return vote(state, act, actor, at);
    case 'request_change': {
      const deciders = union(state.deciders, [...state.votes.map(({ account }) => account), actor.account]);
      return changed(
        {
          ...{ status: 'changes_requested', changesDue: true, claim: null, votes: [], deciders },
          ...turn(state.calendar, request, at),
        },
        [{ category: 'changes', key: `changes:${round}`, to: { account: state.requesters.at(-1) } }],
      );
    }
    case 'resubmit': {
      if (round >= MOST_ROUNDS) {
        return refuse('TASK_ACTION_ILLEGAL', `The task has had ${MOST_ROUNDS} rounds`);
      }
      const requesters = union(state.requesters, [actor.account]);
      const next = assign(state, state.assignee);
      return changed(
        {
          ...{ status: openStatus(level), changesDue: false, round: round + 1, requesters },
          ...{ ...next.fields, ...turn(state.calendar, spanOf(request, level), at) },
        },
        [next.notice],
      );
    }
    case 'comment':
      return { state, action: 'comment', notices: [] };
    case 'reassign': {
      const { fields, notice } = assign(state, { ...state.assignee, ...act.assignee });
      const status = state.status === 'in_review' ? openStatus(level) : state.status;
      return changed({ status, ...fields }, [notice]);
    }
    case 'escalate':
      return (
        escalate(state, { action: 'escalate', at, to: act.assignee }) ??
        refuse('TASK_ACTION_ILLEGAL', 'The task has no further level; name an assignee')
      );
    case 'override':
      return close(state, act.action, decisionOf('overridden', null, [actor.account], act, at));
    case 'withdraw':
      return close(state, act.action, decisionOf('withdrawn', null, [], act, at));
    case 'supersede':
      return close(state, act.action, decisionOf('superseded', null, [], act, at));
  }
}

/**
 * One level up. @param to who gets it; absent: who the request names for the level
 * @returns undefined: there is no further level
 */
export function escalate(
  state: TaskState,
  how: { readonly action: TaskChange['action']; readonly at: number; readonly to?: Assignee | undefined },
): TaskChange | undefined {
  const { request, level } = state;
  const next = request.onDue.levels[level];
  const assignee = how.to ?? next?.assignee;
  if (assignee === undefined) return undefined;
  const { fields, notice } = assign(state, assignee);
  return {
    state: {
      ...{ ...state, status: 'escalated', level: level + 1, changedAt: how.at, ...fields },
      ...turn(state.calendar, spanOf(request, level + 1), how.at),
    },
    action: how.action,
    notices: [{ category: 'escalation', key: `escalation:${level + 1}`, to: assignee }, notice],
  };
}

/** Ends a task. */
export function close(state: TaskState, action: TaskChange['action'], decision: TaskDecision): TaskChange {
  const { status, at } = decision;
  return {
    state: { ...state, status, claim: null, due: null, changedAt: at, decision },
    action,
    notices: [{ category: 'decision', key: 'decision', to: { account: state.requesters.at(-1) } }],
  };
}

/** The status that an outcome gives. */
export function statusOf(outcome: string): 'approved' | 'rejected' | 'answered' {
  if (outcome === 'approve') return 'approved';
  return outcome === 'reject' ? 'rejected' : 'answered';
}

/** The status of an open task that no one has claimed. */
export function openStatus(level: number): 'requested' | 'escalated' {
  return level > 0 ? 'escalated' : 'requested';
}

function checkActor(state: TaskState, action: TaskAction, actor: Actor, at: number): TaskRefusal | undefined {
  const { request, claim } = state;
  const row = TASK_TABLE[action];
  const held = claim !== null && claim.until > at && claim.account !== actor.account;
  if (row.respectsClaim && held) {
    return refuse('TASK_CLAIMED', `${claim.account} has claimed the task`);
  }
  if (action === 'comment' || row.permission === 'system') return undefined;
  if (!actor.proven) return refuse('TASK_FORBIDDEN', 'Nothing proves who acts');
  // An override decides the task alone, so who may not decide it may not override it.
  if (!row.reviewer && action !== 'override') return undefined;
  const { exclude } = request;
  const excluded =
    exclude.accounts.includes(actor.account) ||
    (exclude.requester && state.requesters.includes(actor.account)) ||
    (exclude.deciders && state.deciders.includes(actor.account));
  if (excluded) return refuse('TASK_FORBIDDEN', `${actor.account} is excluded from deciding the task`);
  if (action === 'override') return undefined;
  const seated = request.quorum.some((seats) => fitsSeat(seats, state.assignee, actor));
  if (!seated || !isMeant(state.assignee, actor)) {
    return refuse('TASK_FORBIDDEN', `The task is not assigned to ${actor.account}`);
  }
  return undefined;
}

function vote(state: TaskState, act: TaskAct, actor: Actor, at: number): TaskChange | TaskRefusal {
  const outcome = outcomeOf(act) ?? '';
  const { account, roles } = actor;
  if (state.votes.some((cast) => cast.account === account)) {
    return refuse('TASK_ACTION_ILLEGAL', `${account} has decided in this round`);
  }
  const cast: Vote = { account, roles: [...roles], outcome, answer: act.answer ?? null, at };
  const votes = [...state.votes, cast];
  const alike = votes.filter((other) => other.outcome === outcome);
  const alone = state.request.outcomes.some((known) => known.name === outcome && known.alone);
  if (!alone && !isFilled(state.request.quorum, state.assignee, alike)) {
    const status = state.status === 'in_review' ? openStatus(state.level) : state.status;
    return {
      state: { ...state, status, claim: null, votes, changedAt: at },
      action: act.action,
      notices: [],
    };
  }
  const by = alone ? [account] : alike.map((counted) => counted.account);
  return close({ ...state, votes }, act.action, decisionOf(statusOf(outcome), outcome, by, act, at));
}

function decisionOf(
  ...[status, outcome, by, act, at]: [
    TaskDecision['status'],
    string | null,
    readonly string[],
    TaskAct,
    number,
  ]
): TaskDecision {
  return { status, outcome, answer: act.answer ?? null, by: [...by], reason: act.reason ?? '', at };
}

/** The outcome that an act decides for, if it decides. */
export function outcomeOf({ action, outcome }: Pick<TaskAct, 'action' | 'outcome'>): string | undefined {
  if (action === 'approve' || action === 'reject') return action;
  return action === 'answer' ? outcome : undefined;
}

/** A new assignee: the claim ends, and each assignment has its notification. */
function assign(state: TaskState, assignee: Assignee) {
  const fields = { assignee, claim: null, assignments: state.assignments + 1 };
  return { fields, notice: assigned(fields) };
}

function assigned({ assignee, assignments }: Pick<TaskState, 'assignee' | 'assignments'>): NoticeDraft {
  return { category: 'assignment', key: `assignment:${assignments}`, to: assignee };
}

/** The time of a turn at a level: its own, or that of the task. */
function spanOf(request: TaskRequest, level: number): Due {
  const own = request.onDue.levels[level - 1];
  return (own?.dueMs ?? own?.dueDays) === undefined ? request : (own as Due);
}

function turn(
  calendar: PinnedCalendar | undefined,
  due: Due,
  at: number,
): Pick<TaskState, 'due' | 'warned' | 'overdue'> {
  return { due: dueAt(calendar, due, at), warned: false, overdue: false };
}

function union(known: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...known, ...more])];
}

function refuse(code: ErrorCode, message: string): TaskRefusal {
  return { refused: true, code, message };
}
