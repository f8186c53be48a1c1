/** The state machine of a task against its table: every status with every action, and random histories. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placesOf, taskId } from '../../../contracts/naming/workflow-id.js';
import { TASK_ACTIONS, TASK_TABLE, TaskAct, confirmText, type Actor } from '../../../contracts/tasks/act.js';
import { beginTask, decide } from '../../../contracts/tasks/decide.js';
import {
  CLOSED_STATUSES,
  TaskRequest,
  TaskState,
  TaskStatus,
  isOpen,
} from '../../../contracts/tasks/task.js';
import { nextDeadline, passTime } from '../../../contracts/tasks/time.js';

const AT = 1_000_000;
const HOUR = 3_600_000;
const ACTIONS = TASK_ACTIONS;

const request = TaskRequest.parse({
  ...{ tenant: 'acme', item: 'i', kind: 'exception_review', title: 'Look', requestedBy: 'rita' },
  assignee: { role: 'admin' },
  outcomes: [{ name: 'approve' }, { name: 'reject', alone: true }, { name: 'later' }],
  exclude: { requester: true, deciders: true, accounts: ['eve'] },
  ...{ dueMs: 4 * HOUR, warnBeforeMs: HOUR },
  onDue: {
    levels: [{ assignee: { role: 'boss' } }, { assignee: { account: 'ceo' } }],
    end: { kind: 'stay' },
  },
});
const actor = (account: string, roles = ['admin', 'boss'], proven = true): Actor => ({
  ...{ account, roles, proven },
});
let requests = 0;
const act = (action: (typeof ACTIONS)[number], more: object = {}): TaskAct =>
  TaskAct.parse({
    ...{ requestId: `r${++requests}`, action, actor: 'x', reason: 'because', note: 'seen' },
    ...{ outcome: 'later', assignee: { account: 'anna' }, confirm: confirmText('i') },
    ...more,
  });
const begun = beginTask(request, AT).state;
const inStatus = (status: TaskStatus): TaskState => ({
  ...begun,
  status,
  level: status === 'escalated' ? 1 : 0,
  changesDue: status === 'changes_requested',
});
const refusalOf = (state: TaskState, ...[action, who, at = AT + 1]: [TaskAct, Actor, number?]) => {
  const outcome = decide(state, action, who, at);
  return 'refused' in outcome ? outcome.code : undefined;
};
const after = (state: TaskState, ...[action, who, at = AT + 1]: [TaskAct, Actor, number?]): TaskState => {
  const outcome = decide(state, action, who, at);
  if ('refused' in outcome) throw new Error(outcome.message);
  return outcome.state;
};

describe('the table of tasks', () => {
  it('each status allows the actions of the table and refuses all others [tasks-follow-one-table]', () => {
    for (const status of TaskStatus.options) {
      for (const action of ACTIONS) {
        const row = TASK_TABLE[action];
        const outcome = decide(inStatus(status), act(action), actor('anna'), AT + 1);
        const where = `${action} from ${status}`;
        if (!row.from.includes(status) || (action === 'resubmit' && status === 'escalated')) {
          const code = isOpen({ status }) ? 'TASK_ACTION_ILLEGAL' : 'TASK_CLOSED';
          expect(outcome, where).toMatchObject({ refused: true, code });
          continue;
        }
        const open = status === 'escalated' ? 'escalated' : 'requested';
        const outcomes = { approve: 'approved', reject: 'rejected' } as const;
        const decided = outcomes[action as keyof typeof outcomes] ?? 'answered';
        const same = status === 'in_review' && action === 'reassign' ? 'requested' : status;
        const to = { same, open, decided }[row.to as 'same'] ?? row.to;
        expect(outcome, where).toMatchObject({ state: { status: to } });
        if (row.event !== null) expect(outcome, where).not.toMatchObject({ state: { decision: null } });
      }
    }
  });

  it('each action is refused without each input that the table names', () => {
    const missing = { reason: {}, note: { reason: undefined }, assignee: {}, outcome: {}, confirm: {} };
    for (const action of ACTIONS) {
      const row = TASK_TABLE[action];
      const state = inStatus(row.from.includes('requested') ? 'requested' : (row.from[0] ?? 'requested'));
      for (const input of row.inputs) {
        const without = act(action, { ...missing[input], [input]: undefined });
        expect(refusalOf({ ...state, changesDue: true }, without, actor('anna'))).toBe('INPUT_INVALID');
      }
    }
    expect(refusalOf(begun, act('answer', { outcome: 'no' }), actor('anna'))).toBe('INPUT_INVALID');
    expect(refusalOf(begun, act('reassign', { assignee: {} }), actor('anna'))).toBe('INPUT_INVALID');
    expect(refusalOf(begun, act('override', { confirm: 'OVERRIDE J' }), actor('anna'))).toBe('INPUT_INVALID');
  });

  it('only a proven person whom the task means, and does not exclude, decides it', () => {
    for (const action of ACTIONS.filter((name) => TASK_TABLE[name].reviewer)) {
      for (const who of [
        actor('anna', ['admin'], false),
        actor('anna', ['writer']),
        actor('rita', ['admin']),
        actor('eve', ['admin']),
      ]) {
        expect(refusalOf(begun, act(action), who), `${action} by ${who.account}`).toBe('TASK_FORBIDDEN');
      }
    }
    expect(refusalOf(begun, act('override'), actor('rita'))).toBe('TASK_FORBIDDEN');
    expect(refusalOf(begun, act('comment'), actor('eve', [], false))).toBeUndefined();
  });
});

describe('the workflow of a task', () => {
  it('its id holds the tenant, and no caller can choose it for a run [ids-of-tenants-never-meet]', () => {
    const id = taskId('acme', 'run/steps[0]');
    expect(id).toBe('sluice.task/acme/run/steps[0]');
    for (const tenant of ['default', 'acme']) expect(placesOf(tenant, id)).toEqual([`~${tenant}/${id}`]);
  });
});

describe('a claim', () => {
  const claimed = after(begun, act('claim'), actor('anna'));

  it('keeps others away until it is released or has expired', () => {
    for (const action of ['claim', 'release', 'approve', 'reject', 'answer', 'request_change'] as const) {
      expect(refusalOf(claimed, act(action), actor('bob')), action).toBe('TASK_CLAIMED');
    }
    expect(after(claimed, act('release'), actor('anna'))).toMatchObject({ status: 'requested', claim: null });
    const until = AT + 1 + request.claimMs;
    expect(nextDeadline(claimed)).toEqual({ kind: 'claim', at: until });
    expect(passTime(claimed, until - 1)).toBeUndefined();
    expect(passTime(claimed, until)?.state).toMatchObject({ status: 'requested', claim: null });
    expect(after(claimed, act('claim'), actor('anna'), AT + 5).claim?.until).toBe(AT + 5 + request.claimMs);
  });
});

describe('changes and rounds', () => {
  const asked = after(begun, act('request_change'), actor('anna'), AT + HOUR);
  const again = after(asked, act('resubmit'), actor('rob'), AT + 3 * HOUR);

  it('each turn has the whole time, and a new round begins without decisions', () => {
    expect(asked).toMatchObject({ status: 'changes_requested', due: AT + 5 * HOUR });
    expect(again).toMatchObject({ status: 'requested', round: 2, due: AT + 7 * HOUR, votes: [] });
  });

  it('who resubmitted it, and who decided before, does not decide', () => {
    expect(refusalOf(again, act('approve'), actor('rob'))).toBe('TASK_FORBIDDEN');
    expect(refusalOf(again, act('approve'), actor('anna'))).toBe('TASK_FORBIDDEN');
    expect(after(again, act('approve'), actor('bob')).status).toBe('approved');
  });

  it('a requester who let the time pass can still resubmit', () => {
    const late = passTime(passTime(asked, AT + 4 * HOUR)?.state ?? asked, AT + 5 * HOUR)?.state ?? asked;
    expect(late).toMatchObject({ status: 'escalated', changesDue: true });
    expect(after(late, act('resubmit'), actor('rita')).status).toBe('escalated');
  });

  it('an assignment back to an earlier person has a separate notification', () => {
    const there = decide(begun, act('reassign', { assignee: { account: 'bob' } }), actor('boss'), AT);
    const back = decide(
      'state' in there ? there.state : begun,
      ...([act('reassign'), actor('boss'), AT] as const),
    );
    const keys = [there, back].map((change) => ('notices' in change ? change.notices[0]?.key : ''));
    expect(new Set(keys).size).toBe(2);
  });
});

describe('a quorum', () => {
  const asks = (quorum: object[], more: object = {}) =>
    beginTask(TaskRequest.parse({ ...request, assignee: {}, quorum, ...more }), AT).state;
  const both = actor('both', ['finance', 'legal']);

  it('distinct people fill the seats, each one at most [tasks-need-distinct-people]', () => {
    const two = asks([
      { count: 1, role: 'finance' },
      { count: 1, role: 'legal' },
    ]);
    const one = after(two, act('approve'), both);
    expect(one).toMatchObject({ status: 'requested', decision: null });
    expect(refusalOf(one, act('approve'), both)).toBe('TASK_ACTION_ILLEGAL');
    for (const role of ['finance', 'legal']) {
      expect(after(one, act('approve'), actor('other', [role])).decision?.by).toEqual(['both', 'other']);
    }
    const three = asks([
      { count: 2, role: 'finance' },
      { count: 1, role: 'legal' },
    ]);
    const people = [actor('f', ['finance']), actor('l', ['legal']), actor('m', ['legal'])];
    const voted = people.reduce((state, who) => after(state, act('approve'), who), three);
    expect(voted).toMatchObject({ decision: null, votes: [{}, {}, {}] });
    expect(refusalOf(one, act('approve'), actor('none', ['sales']))).toBe('TASK_FORBIDDEN');
  });

  it('decisions for different outcomes do not add up, and one rejection is enough', () => {
    const two = asks([{ count: 2 }]);
    const split = after(after(two, act('approve'), actor('a')), act('answer'), actor('b'));
    expect(split.decision).toBeNull();
    expect(after(split, act('reject'), actor('c')).status).toBe('rejected');
    expect(after(split, act('answer'), actor('c')).decision).toMatchObject({ outcome: 'later' });
  });

  it('it is met exactly where an exhaustive search finds people for all seats', () => {
    const role = fc.constantFrom('a', 'b', 'c');
    const people = fc.array(fc.uniqueArray(role), { maxLength: 5 });
    const seats = fc.array(fc.record({ count: fc.integer({ min: 1, max: 2 }), role }), {
      ...{ minLength: 1, maxLength: 3 },
    });
    fc.assert(
      fc.property(people, seats, (rolesOfAll, quorum) => {
        let state = asks(quorum);
        for (const [i, roles] of rolesOfAll.entries()) {
          const voted = decide(state, act('approve'), actor(`p${i}`, roles), AT);
          if ('state' in voted) state = voted.state;
        }
        const needed = quorum.flatMap(({ count, role: needs }) => Array<string>(count).fill(needs));
        const found = (left: readonly string[], free: readonly (readonly string[])[]): boolean =>
          left.length === 0 ||
          free.some(
            (roles, i) => roles.includes(left[0] ?? '') && found(left.slice(1), free.toSpliced(i, 1)),
          );
        expect(state.status === 'approved').toBe(found(needed, rolesOfAll));
      }),
      { numRuns: 300 },
    );
  });
});

describe('time', () => {
  it('a task warns once, goes up level by level, and then stays open [deadlines-happen-once]', () => {
    const seen: string[] = [];
    let state = begun;
    for (let change = passTime(state, AT + 100 * HOUR); change; change = passTime(state, AT + 100 * HOUR)) {
      seen.push(change.action);
      // As if the workflow had slept: each turn begins when the one before was handled.
      state = { ...change.state, due: change.state.due === null ? null : AT + HOUR };
    }
    expect(seen).toEqual(['warned', 'escalated', 'warned', 'escalated', 'warned', 'overdue']);
    expect(state).toMatchObject({ status: 'escalated', level: 2, assignee: { account: 'ceo' } });
    expect(nextDeadline(state)).toBeUndefined();
  });

  it.each([
    [{ kind: 'fail' }, 'expired', null],
    [{ kind: 'outcome', outcome: 'reject' }, 'rejected', 'reject'],
  ])('the last deadline ends a task as its request says: %o', (end, status, outcome) => {
    const state = beginTask(TaskRequest.parse({ ...request, onDue: { levels: [], end } }), AT).state;
    const warned = passTime(state, AT + 3 * HOUR)?.state ?? state;
    expect(passTime(warned, AT + 4 * HOUR)?.state).toMatchObject({ status, decision: { outcome, by: [] } });
  });
});

describe('any history [closed-tasks-stay-closed]', () => {
  const step = fc.record({
    action: fc.constantFrom(...ACTIONS),
    account: fc.constantFrom('anna', 'bob', 'rita', 'eve'),
    roles: fc.subarray(['admin', 'boss']),
    proven: fc.boolean(),
    wait: fc.integer({ min: 0, max: 2 * HOUR }),
  });

  it('a task has a decision exactly if it has ended, and nothing changes it afterwards [one-decision-wins]', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let state = begun;
        let at = AT;
        const keys: string[] = [];
        for (const { action, account, roles, proven, wait } of steps) {
          at += wait;
          for (let change = passTime(state, at); change; change = passTime(state, at)) {
            expect(isOpen(state)).toBe(true);
            keys.push(...change.notices.map(({ key }) => key));
            state = change.state;
          }
          const before = state;
          const outcome = decide(state, act(action), { account, roles, proven }, at);
          if ('refused' in outcome) continue;
          keys.push(...outcome.notices.map(({ key }) => key));
          state = outcome.state;
          if (!isOpen(before)) expect(state).toBe(before);
          expect(TaskState.parse(state)).toEqual(state);
          expect(isOpen(state)).toBe(state.decision === null);
          expect(state.claim !== null).toBe(state.status === 'in_review');
          expect(CLOSED_STATUSES).not.toContain(isOpen(state) ? state.status : undefined);
        }
        expect(new Set(keys).size).toBe(keys.length);
      }),
      { numRuns: 500 },
    );
  });
});
