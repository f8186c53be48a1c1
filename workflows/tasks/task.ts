/**
 * `sluice.task`: the workflow of one task. It owns the state, the clock and the decision.
 *
 * Invariants
 * - (one-decision-wins) An act is decided in one piece, without a pause between its check against the state
 *   and the change. What needs an activity (who acts, whether the answer fits) is found out before.
 * - An act is answered after its entry is in the database. A refusal is an entry too, except for what the
 *   validator refuses: that leaves no trace.
 * - (deadlines-happen-once) Time goes first: a deadline that has passed takes effect before an act.
 * - Only this workflow's loop writes, one write after the other.
 */
import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  currentUpdateInfo,
  scheduleActivity,
  setHandler,
  defineQuery,
  defineSignal,
  defineUpdate,
  workflowInfo,
} from '@temporalio/workflow';
import { PinnedCalendar } from '../../contracts/calendar/pinned.js';
import { SluiceError } from '../../contracts/errors.js';
import { isJsonObject, jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { ACTIVITY_TYPES } from '../../contracts/run/messages.js';
import { TaskAct, TASK_TABLE, type Actor } from '../../contracts/tasks/act.js';
import type { TaskChange } from '../../contracts/tasks/change.js';
import { beginTask, checkLegal, decide, outcomeOf } from '../../contracts/tasks/decide.js';
import { TASK_QUERY, TASK_SIGNAL, TASK_UPDATE } from '../../contracts/tasks/messages.js';
import {
  CarriedTask,
  CheckedActor,
  type RememberedAnswer,
  type TaskAnswer,
  type TaskEntry,
  type TaskNotice,
} from '../../contracts/tasks/record.js';
import { TaskRequest, type TaskDecision, type TaskState } from '../../contracts/tasks/task.js';
import { nextDeadline, passTime } from '../../contracts/tasks/time.js';
import { startFailure } from '../interpreter/state/failure.js';
import { ClaimGate, isProven } from '../runtime/claims.js';
import { now } from '../runtime/clock.js';
import { scheduleFor } from '../runtime/priority.js';
import { INFRASTRUCTURE_RETRY } from '../runtime/retry-options.js';
import { AnswerMemory } from './memory.js';

/** History length at which it continues as new. */
const HISTORY_EVENTS = 1_000;
/** Bytes of one act. */
const ACT_BYTES = 64 * 1024;
/** The actor of what the run or an operator's cancellation does. */
const SLUICE: Actor = { account: 'sluice', roles: [], proven: true };

/** How an act went: one of the two is null. */
type Outcome = Pick<RememberedAnswer, 'answer' | 'refused'>;

type Act = readonly [by: Actor | null, act?: TaskAct];

/**
 * Runs a task to its end.
 * @param request a TaskRequest @param carried what the execution before it has carried over
 * @returns the decision
 * @throws ApplicationFailure INPUT_INVALID, WORKFLOW_ID_FOREIGN, TASK_EXISTS
 */
export async function runTask(request: unknown, carried: unknown): Promise<TaskDecision> {
  const [asked, before] = [parseRequest(request), parseCarried(carried)];
  scheduleFor(asked.tenant);
  const calendar = before === undefined ? await calendarOf(asked) : null;
  return await new Task(asked, before ?? calendar).run();
}

/**
 * The calendar that the task counts by, to keep; null: it counts plain time.
 * @throws ApplicationFailure CALENDAR_NOT_FOUND
 */
async function calendarOf({ tenant, calendar: name }: TaskRequest): Promise<PinnedCalendar | null> {
  if (name === undefined) return null;
  try {
    const read = await scheduleActivity<unknown>(ACTIVITY_TYPES.readCalendar, [{ tenant, name }], {
      ...{ startToCloseTimeout: '1m', retry: INFRASTRUCTURE_RETRY, summary: name },
    });
    return PinnedCalendar.parse(read);
  } catch (thrown) {
    if (thrown instanceof ActivityFailure && thrown.cause instanceof ApplicationFailure) throw thrown.cause;
    throw thrown;
  }
}

function parseRequest(value: unknown): TaskRequest {
  const parsed = TaskRequest.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw startFailure(new SluiceError('INPUT_INVALID', `Not a request of a task: ${problems.join('; ')}`));
  }
  const { tenant, item } = parsed.data;
  if (jsonSize(parsed.data) > LIMITS.inlineBytes) {
    throw startFailure(
      new SluiceError('INPUT_INVALID', `What a task asks is limited to ${LIMITS.inlineBytes} bytes`),
    );
  }
  const { workflowId } = workflowInfo();
  if (workflowId !== taskId(tenant, item)) {
    throw startFailure(
      new SluiceError('WORKFLOW_ID_FOREIGN', `The task ${item} of "${tenant}" is not ${workflowId}`),
    );
  }
  return parsed.data;
}

function parseCarried(value: unknown): CarriedTask | undefined {
  return value === undefined ? undefined : CarriedTask.parse(value);
}

class Task {
  private state: TaskState;
  /** The last entry, and the last one that is in the database. */
  private seq = 0;
  private written = 0;
  private entries: TaskEntry[] = [];
  private notices: TaskNotice[] = [];
  private readonly memory: AnswerMemory;
  private readonly updates = new ClaimGate('sluice-claimed-act');
  private readonly signals = new ClaimGate('sluice-claimed-end');
  /** Why nothing can be written; it ends the task. */
  private broken: Error | undefined;

  /** @param from what the execution before has carried over; at the beginning the calendar, or null */
  constructor(request: TaskRequest, from: CarriedTask | PinnedCalendar | null) {
    const carried = from !== null && 'answers' in from ? from : undefined;
    this.memory = new AnswerMemory(carried?.answers ?? []);
    if (carried === undefined) {
      const begun = beginTask(request, now(), (from as PinnedCalendar | null) ?? undefined);
      this.state = begun.state;
      this.enter(begun, [null]);
    } else {
      this.state = carried.state;
      this.seq = this.written = carried.seq;
    }
  }

  async run(): Promise<TaskDecision> {
    setHandler(defineQuery<TaskState>(TASK_QUERY), () => this.state);
    // A cancellation does not cut an act in two.
    const answer = (value: unknown) => CancellationScope.nonCancellable(() => this.answer(value));
    setHandler(defineUpdate<TaskAnswer, [unknown]>(TASK_UPDATE), answer, {
      validator: (value) => this.validate(parseAct(value)),
    });
    setHandler(defineSignal<[unknown]>(TASK_SIGNAL), (value) => {
      if (!this.signals.refuses(() => isProven(value, `signal ${TASK_SIGNAL}`))) this.end(value);
    });
    // A cancelled task is withdrawn: its rows have to say so.
    void CancellationScope.current().cancelRequested.catch(() => {
      this.end({ action: 'withdraw', reason: 'The workflow of the task was cancelled' });
    });
    return await CancellationScope.nonCancellable(() => this.loop());
  }

  private async loop(): Promise<TaskDecision> {
    for (;;) {
      this.passTime();
      if (this.entries.length > 0) {
        await this.write();
        continue;
      }
      const { decision } = this.state;
      if (decision !== null && allHandlersFinished()) return decision;
      if (this.isLong() && allHandlersFinished()) {
        const carried: CarriedTask = { state: this.state, seq: this.seq, answers: this.memory.carried() };
        await continueAsNew(this.state.request, carried);
      }
      const next = nextDeadline(this.state);
      const woken = () =>
        this.entries.length > 0 || ((this.state.decision !== null || this.isLong()) && allHandlersFinished());
      if (next === undefined) await condition(woken);
      else await condition(woken, Math.max(1, next.at - now()));
    }
  }

  private isLong(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    return continueAsNewSuggested || historyLength > HISTORY_EVENTS;
  }

  private passTime(): void {
    for (let change = passTime(this.state, now()); change; change = passTime(this.state, now())) {
      this.enter(change, [null]);
    }
  }

  /** Refuses what the state alone refuses. Known requests pass: they get their answer again. */
  private validate(act: TaskAct): void {
    if (this.memory.knows(act)) return;
    if (TASK_TABLE[act.action].permission === 'system') {
      throw refusal('TASK_ACTION_ILLEGAL', `Only Sluice itself can ${act.action} a task`);
    }
    if (jsonSize(act) > ACT_BYTES) throw refusal('INPUT_INVALID', `An act is limited to ${ACT_BYTES} bytes`);
    const illegal = checkLegal(this.state, act);
    if (illegal !== undefined) throw refusal(illegal.code, illegal.message);
  }

  private async answer(value: unknown): Promise<TaskAnswer> {
    const act = parseAct(value);
    const proven = !this.updates.refuses(() => isProven(value, `signal ${TASK_UPDATE}`));
    let known: Outcome | undefined = this.find(act);
    if (known === undefined && this.memory.knows(act)) {
      await condition(() => !this.memory.knows(act) || this.find(act) !== undefined);
      known = this.find(act);
    }
    if (known === undefined) {
      this.memory.begin(act);
      try {
        const outcome = await this.perform(act, proven);
        this.memory.end(act, outcome);
        known = outcome;
      } catch (thrown) {
        this.memory.end(act);
        throw thrown;
      }
    }
    if (known.answer !== null) return known.answer;
    throw refusal(known.refused?.code ?? 'INTERNAL', known.refused?.message ?? '');
  }

  private find(act: TaskAct): Outcome | undefined {
    try {
      return this.memory.find(act);
    } catch (thrown) {
      throw startFailure(thrown);
    }
  }

  private async perform(act: TaskAct, proven: boolean): Promise<Outcome> {
    const actor = await this.check(act, proven);
    // No pause from here to the change.
    this.passTime();
    const before = this.state;
    const outcome =
      'code' in actor ? { refused: true as const, ...actor } : decide(before, act, actor, now());
    const by: Actor = 'code' in actor ? { account: act.actor, roles: [], proven } : actor;
    if ('refused' in outcome) {
      const { code, message } = outcome;
      const refused = { code, message };
      this.log(act.action, [by, act], refused);
      await this.isWritten(this.seq);
      return { answer: null, refused };
    }
    this.enter(outcome, [by, act]);
    const { seq } = this;
    const { status, round, level, decision } = this.state;
    const answer = { status, round, level, seq, decided: decision !== null && before.decision === null };
    await this.isWritten(seq);
    return { answer, refused: null };
  }

  /** Who acts, or why that is refused. */
  private async check(
    act: TaskAct,
    proven: boolean,
  ): Promise<Actor | { readonly code: string; readonly message: string }> {
    const { tenant, item, outcomes, form: common } = this.state.request;
    const form = outcomes.find(({ name }) => name === outcomeOf(act))?.form ?? common;
    try {
      const checked = await scheduleActivity<unknown>(
        ACTIVITY_TYPES.checkTaskAct,
        [{ tenant, item, ...(form !== undefined && { form }), act, proven }],
        { startToCloseTimeout: '1m', retry: INFRASTRUCTURE_RETRY, summary: act.action },
      );
      return CheckedActor.parse(checked);
    } catch (thrown) {
      if (!(thrown instanceof ActivityFailure) || !(thrown.cause instanceof ApplicationFailure)) throw thrown;
      const { type, message } = thrown.cause;
      return { code: type ?? 'INTERNAL', message };
    }
  }

  /** Ends the task without a decision. What is not such a request is ignored. */
  private end(value: unknown): void {
    const given = isJsonObject(value) ? value : {};
    const act = TaskAct.safeParse({ requestId: 'end', actor: SLUICE.account, ...given });
    if (!act.success || TASK_TABLE[act.data.action].permission !== 'system') return;
    const outcome = decide(this.state, act.data, SLUICE, now());
    if (!('refused' in outcome)) this.enter(outcome, [SLUICE, act.data]);
  }

  private enter({ state, action, notices }: TaskChange, act: Act): void {
    this.state = state;
    this.log(action, act);
    this.notices.push(...notices.map((notice) => ({ ...notice, at: now() })));
  }

  private log(action: string, [by, act]: Act, refused: TaskEntry['refused'] = null): void {
    const { status, round, level } = this.state;
    this.entries.push({
      ...{ seq: ++this.seq, at: now(), action, actor: by?.account ?? null, roles: [...(by?.roles ?? [])] },
      ...{ proven: by?.proven ?? true, requestId: act?.requestId ?? null, given: givenOf(act) },
      ...{ status, round, level, refused },
    });
  }

  private async write(): Promise<void> {
    const { seq, state, entries, notices } = this;
    this.entries = [];
    this.notices = [];
    try {
      await scheduleActivity(
        ACTIVITY_TYPES.recordTask,
        [{ state, entries, notices }, workflowInfo().firstExecutionRunId],
        { startToCloseTimeout: '1m', retry: INFRASTRUCTURE_RETRY, summary: entries.at(-1)?.action ?? '' },
      );
    } catch (thrown) {
      const cause = thrown instanceof ActivityFailure ? thrown.cause : undefined;
      this.broken = cause instanceof ApplicationFailure ? cause : startFailure(thrown);
      await condition(allHandlersFinished);
      throw this.broken;
    }
    this.written = seq;
  }

  private async isWritten(seq: number): Promise<void> {
    await condition(() => this.written >= seq || this.broken !== undefined);
    if (this.broken !== undefined) throw this.broken;
  }
}

/** What the sender of an act wrote, without what the entry has elsewhere. */
function givenOf(act: TaskAct | undefined): Json {
  if (act === undefined) return null;
  const { reason, note, outcome, answer, evidence, assignee } = act;
  return JSON.parse(JSON.stringify({ reason, note, outcome, answer, evidence, assignee })) as Json;
}

function parseAct(value: unknown): TaskAct {
  const given = isJsonObject(value) ? value : {};
  const parsed = TaskAct.safeParse({ requestId: currentUpdateInfo()?.id, ...given });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw refusal('INPUT_INVALID', problems.join('; '));
}

function refusal(code: string, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}
