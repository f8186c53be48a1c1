/**
 * human.task: asks people by a task, which is a separate workflow, and waits for its end.
 *
 * Invariants
 * - [a-place-asks-once] The name of the task says the run, the step, the iteration and the rewind. So a step
 *   that runs again after a reset finds its task, and one that a rewind repeats asks anew.
 * - The frame listens from before the task is opened, and a task tells its end after it has written it
 *   (activities/tasks/open-task.ts). So no end is missed, over continue-as-new too.
 * - A step that has to stop withdraws its task: people see no task that no one waits for.
 * - A task that ended without an answer while its step waits is asked again, unless someone cancelled it.
 */
import { scheduleActivity, workflowInfo } from '@temporalio/workflow';
import { workingDuration } from '../../../contracts/calendar/working-time.js';
import { durationToMs, LONGEST_MS } from '../../../contracts/definition/index.js';
import { SluiceError, type ErrorCode } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { taskId } from '../../../contracts/naming/workflow-id.js';
import { ACTIVITY_TYPES } from '../../../contracts/run/messages.js';
import { placeKey } from '../../../contracts/run/place.js';
import { keyIn } from '../../../contracts/run/rewind.js';
import { OpenedTask, type TaskReport } from '../../../contracts/tasks/of-run.js';
import { TaskRequest, type TaskDecision } from '../../../contracts/tasks/task.js';
import { INFRASTRUCTURE_RETRY } from '../../runtime/retry-options.js';
import { isoAt, now } from '../../runtime/clock.js';
import { errorCompletion } from '../state/failure.js';
import { shortHash } from '../state/hash.js';
import { shown } from '../state/shown.js';
import { NORMAL, type Completion, type HumanTaskFrame } from '../state/state.js';
import { assignAll } from '../run/assign.js';
import { asksPolicies, authorizeStage } from '../policies/authorize-stage.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { beginEvent, save, summaryOf } from '../run/step-events.js';
import { endTask } from '../run/tasks.js';

type TaskContext = StepContext<StepOf<'human.task'>>;

/** Characters of a place in the name of a task, which has at most 512. */
const PLACE_CHARACTERS = 250;
/** Limit of one try to open a task, ms. */
const OPEN_MS = 60_000;

/** Enters the step: evaluates what is asked. */
export function beginHumanTask(context: TaskContext): undefined {
  const { lane, path } = context;
  const request = requestOf(context);
  const frame: HumanTaskFrame = { k: 'humanTask', path, at: now(), item: request.item, bytes: 0 };
  hold(context, frame, request);
  beginEvent(context, { input: { title: request.title, context: request.context } });
  lane.push(frame);
  return undefined;
}

/** Opens the task, and waits until it has ended or the lane has to stop. */
export async function continueHumanTask(
  context: StepContext,
  frame: HumanTaskFrame,
): Promise<Completion | 'parked'> {
  context.narrow('human.task');
  const { run, lane, step } = context;
  for (;;) {
    if (frame.request !== undefined) {
      if (lane.interrupted) {
        run.carriedSize.release(frame.bytes);
        return { t: 'cancel' };
      }
      if (asksPolicies(context)) {
        const answer = await authorizeStage(context, { kind: step.type });
        if (answer === 'parked') return 'parked';
        if (answer !== 'permitted' || lane.interrupted) {
          run.carriedSize.release(frame.bytes);
          return answer === 'permitted' ? { t: 'cancel' } : answer;
        }
      }
      await open(context, frame, frame.request);
    }
    const ended = () => frame.report !== undefined;
    const end = ended() ? 'ready' : await run.wait(lane, summaryOf(step), undefined, ended);
    if (end === 'parked') return 'parked';
    run.resumed();
    const where = context.where();
    if (end === 'interrupted' || lane.interrupted) {
      run.log.emit('WAIT_CANCELED', { reason: 'the branch or the run was cancelled' }, where);
      run.flusher.request();
      if (!ended()) await endTask(run, frame.item, 'withdraw', 'Its run goes on without it');
      return { t: 'cancel' };
    }
    run.log.emit('WAIT_SATISFIED', {}, where);
    if (frame.report?.decision?.status !== 'superseded') return conclude(context, frame);
    // A rewind has superseded what this step has found again: people are asked anew.
    delete frame.report;
    hold(context, frame, requestOf(context));
  }
}

/** Keeps what is asked until the task is open. @throws SluiceError INPUT_TOO_LARGE, STATE_TOO_LARGE */
function hold({ run }: TaskContext, frame: HumanTaskFrame, request: TaskRequest): void {
  const asked = request as unknown as Json;
  run.fitting(asked, 'INPUT_TOO_LARGE', 'What the task asks', LIMITS.inlineBytes);
  frame.bytes = jsonSize(asked);
  run.carriedSize.hold(frame.bytes);
  frame.item = request.item;
  frame.request = asked;
}

async function open(context: TaskContext, frame: HumanTaskFrame, request: Json): Promise<void> {
  const { run, step } = context;
  run.budget.command(frame.bytes);
  let opened: OpenedTask;
  try {
    opened = await run.operations.activity<OpenedTask>(
      undefined,
      () =>
        scheduleActivity(ACTIVITY_TYPES.openTask, [request], {
          // In the history of a run, this names its tasks (activities/after-reset.ts).
          activityId: frame.item,
          startToCloseTimeout: OPEN_MS,
          retry: INFRASTRUCTURE_RETRY,
          summary: summaryOf(step),
        }),
      {
        succeeded: (answer) => OpenedTask.parse(answer),
        failed: (thrown) => {
          throw thrown;
        },
      },
    );
  } finally {
    run.carriedSize.release(frame.bytes);
  }
  delete frame.request;
  const { item, decision } = opened;
  frame.item = item;
  if (decision !== null) frame.report ??= { item, decision, error: null };
  run.log.emit(
    'WAIT_OPENED',
    { kind: 'human', child: { workflowId: taskId(run.header.tenant, item) } },
    context.where(),
  );
}

/** The end of the step, by how its task has ended. */
function conclude(context: TaskContext, frame: HumanTaskFrame): Completion {
  const { run, lane, step } = context;
  const { item, decision, error } = frame.report as TaskReport;
  if (decision === null) {
    return failed(frame, (error?.code ?? 'INTERNAL') as ErrorCode, error?.message ?? 'The task has failed');
  }
  if (decision.status === 'withdrawn' || decision.status === 'superseded') {
    return failed(frame, 'TASK_WITHDRAWN', `The task ${item} was withdrawn: ${decision.reason}`);
  }
  if (decision.outcome === null && decision.status === 'expired') {
    return failed(frame, 'TASK_EXPIRED', `No one decided the task ${item} in time`);
  }
  const output = outputOf(item, decision);
  run.setEvent(lane, {
    ...{ id: item, source: 'sluice.task', name: 'TASK_ENDED', correlationKey: item },
    ...{ payload: output, receivedAt: isoAt(decision.at) },
  });
  save(context, output);
  if (step.assign !== undefined) assignAll(context, step.assign);
  return { ...NORMAL, output } as Completion;
}

function outputOf(item: string, decision: TaskDecision): Json {
  const { status, outcome, answer, by, reason, at } = decision;
  return { item, status, outcome, answer, by, reason, at: isoAt(at) };
}

function failed(frame: HumanTaskFrame, code: ErrorCode, message: string): Completion {
  return errorCompletion(
    new SluiceError(code, message, { details: { item: frame.report?.item ?? frame.item } }),
    frame.path,
  );
}

/** @throws SluiceError INPUT_INVALID, DURATION_INVALID, EXPRESSION_* */
function requestOf(context: TaskContext): TaskRequest {
  const { run, step, path, iteration } = context;
  const { start, rewinds } = run.state;
  const place = placeKey(path, iteration);
  const { definition, runId, tenant } = run.header;
  // Persisted: tasks have this name, so its spelling never changes.
  const base = `${definition}/${runId}/${place.length > PLACE_CHARACTERS ? shortHash(place) : place}`;
  const value = (mapping: Json | undefined): Json | undefined =>
    mapping === undefined ? undefined : context.mapping(mapping, true);
  const time = (key: string, mapping: Json | undefined): number | undefined =>
    mapping === undefined ? undefined : spanOf(key, context.mapping(mapping, true));
  const dueOf = (
    mapping: Json | undefined,
  ): { readonly dueMs?: number | undefined; readonly dueDays?: number } =>
    step.calendar === undefined || mapping === undefined
      ? { dueMs: time('due', mapping) }
      : workingSpan(context.mapping(mapping, true));
  const people = (who: { account?: Json | undefined; role?: Json | undefined } = {}) => ({
    account: value(who.account),
    role: value(who.role),
  });
  const { escalate = [], outcome, fail } = step.onDue ?? {};
  const asked = {
    tenant,
    item: keyIn(rewinds?.current, base),
    kind: step.kind,
    taskType: step.taskType,
    title: context.mapping(step.title, true),
    description: value(step.description),
    context: value(step.context),
    form: step.form,
    outcomes: step.outcomes?.map((one) => (typeof one === 'string' ? { name: one } : one)),
    requestedBy: value(step.requestedBy) ?? start.actor,
    run: {
      ...{ workflowId: workflowInfo().workflowId, runId, definition, stepId: step.id, path },
      iteration: [...iteration],
    },
    assignee: people(step.assignee),
    exclude: step.exclude && { ...step.exclude, accounts: value(step.exclude.accounts) },
    quorum: step.quorum?.map(({ count, role, accounts }) => ({
      ...{ count, role: value(role), accounts: value(accounts) },
    })),
    priority: value(step.priority),
    ...(step.calendar === undefined ? {} : { calendar: value(step.calendar) }),
    ...dueOf(step.due),
    warnBeforeMs: time('warnBefore', step.warnBefore),
    claimMs: time('claimFor', step.claimFor),
    onDue: {
      levels: escalate.map(({ due: own, ...who }) => ({ assignee: people(who), ...dueOf(own) })),
      end: endOf(outcome, fail),
    },
  };
  const parsed = TaskRequest.safeParse(asked);
  if (parsed.success) return JSON.parse(JSON.stringify(parsed.data)) as TaskRequest;
  const problems = parsed.error.issues.map(({ path: at, message }) =>
    at.length === 0 ? message : `${at.join('.')}: ${message}`,
  );
  throw new SluiceError('INPUT_INVALID', `What ${step.id} asks: ${problems.join('; ')}`, {
    details: { problems },
  });
}

function endOf(outcome: string | undefined, fail: true | undefined): object {
  if (outcome !== undefined) return { kind: 'outcome', outcome };
  return { kind: fail === true ? 'fail' : 'stay' };
}

/** Working time of a task: `P2DT4H` is two working days and four hours. */
function workingSpan(value: Json): { readonly dueMs?: number; readonly dueDays?: number } {
  const work = typeof value === 'string' ? workingDuration(value) : { days: 0, ms: value };
  if (work === undefined || typeof work.ms !== 'number' || work.ms < 0 || work.days + work.ms === 0) {
    throw new SluiceError(
      'DURATION_INVALID',
      `due gave ${shown(value)}, which is not a working time such as PT4H or P2D`,
      { details: { field: 'due' } },
    );
  }
  return { ...(work.days > 0 && { dueDays: work.days }), ...(work.ms > 0 && { dueMs: Math.ceil(work.ms) }) };
}

/** A time span of a task, ms. */
function spanOf(key: string, value: Json): number {
  const ms = typeof value === 'string' ? durationToMs(value) : value;
  if (typeof ms === 'number' && Number.isFinite(ms) && ms > 0 && ms <= LONGEST_MS) return Math.ceil(ms);
  throw new SluiceError('DURATION_INVALID', `${key} gave ${shown(value)}`, { details: { field: key } });
}
