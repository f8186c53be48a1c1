/**
 * Rewinding a run to a step: a reset of Temporal whose reason orders from which step on the run repeats its
 * work.
 *
 * Invariants
 * - One act: the order is the reason of the reset (contracts/run/rewind.ts). So the execution that continues
 *   the run always finds it, and nothing remains if Temporal refuses.
 * - Steps that began before the step keep their recorded outputs. The step and everything that begins after
 *   it is done again, under idempotency keys that were never used. The effects of the first time are not
 *   compensated.
 * - A step that was compensated in the meantime is never kept as done: such a rewind is refused.
 * - Of two concurrent rewinds of the same execution only one happens: the reset's request id is that
 *   execution's. If both name the same step, both succeed; if they name different steps, the later one gets
 *   REWIND_CONFLICT.
 * - If the answer to the reset is lost, the latest execution tells whether it was made by this rewind. What
 *   that does not settle is OUTCOME_UNKNOWN, with the `operationId` under which asking again is harmless.
 * - Another run that has the workflow id by now is never reset.
 */
import { randomBytes } from 'node:crypto';
import Long from 'long';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { compensatedStep } from '../../contracts/run/compensation.js';
import { rewindOf, rewindReason, type Rewind } from '../../contracts/run/rewind.js';
import { historyOf, resetOf } from '../../contracts/temporal-history.js';
import type { RunView } from '../../projections/index.js';
import { withRewindClaim } from '../claims/claims.js';
import { callTemporal } from '../connection/errors.js';
import { LOOK_LIMIT_MS, settled, unknownOutcome, type Act } from '../connection/outcome.js';
import { allItems } from '../reads/reads.js';
import { labelOf, readChain, taskOf, type BegunStep, type Chain, type Task } from './chain.js';
import { checkedReason, findRun, readsOf, type RunContext } from './context.js';
import { latestOf } from './executions.js';
import type { RewindOptions, Rewound } from './rewind-options.js';

/** Time limit of the reset itself, ms. */
const RESET_LIMIT_MS = 10_000;
/** Most steps that an error names as possible. */
const NAMED_STEPS = 50;
/** Bytes of randomness in the id of a rewind. */
const REWIND_ID_BYTES = 6;
const STEP_PATH_CHARACTERS = 1_000;

/**
 * Rewinds a run.
 * @throws SluiceError RUN_NOT_FOUND, REWIND_NOT_POSSIBLE, REWIND_CONFLICT, WORKFLOW_TEMPORAL_RESET_FAILED,
 *   OUTCOME_UNKNOWN, TEMPORAL_UNAVAILABLE, INPUT_INVALID
 */
export async function rewindRun(
  context: RunContext,
  runId: string,
  options: RewindOptions,
): Promise<Rewound> {
  const reason = checkedReason(options.reason);
  const { operationId: rewindId } = options;
  const { run, latest, ...found } = await lookAt(context, runId, options);
  if (found.earlier !== undefined) return rewound(run, latest.executionId, found.earlier);
  const { workflowId } = run;
  const { step, task } = found;
  const rewind: Rewind = {
    id: rewindId ?? randomBytes(REWIND_ID_BYTES).toString('hex'),
    step: step.path,
    iteration: [...step.iteration],
    actor: options.actor ?? context.actor,
    ...(reason !== undefined && { reason }),
  };
  const executionId = await reset(context, run, { latestId: latest.executionId, task, rewind });
  const done = await rewindThatMade(context, workflowId, executionId).catch((error: unknown) => {
    // The run was reset; by which request, its history would tell.
    throw unknownOutcome(actOf(run, rewind), error);
  });
  if (done === undefined || !isSame(done.rewind, rewind)) {
    const actual =
      done === undefined
        ? 'another point'
        : labelOf({ path: done.rewind.step, iteration: done.rewind.iteration });
    throw new SluiceError(
      'REWIND_CONFLICT',
      `A concurrent request rewound run ${runId} to ${actual} instead of ${labelOf(step)}.`,
      { details: { runId, executionId } },
    );
  }
  return rewound(run, executionId, done);
}

/**
 * Refuses what a rewind would refuse, and does nothing.
 * @throws SluiceError RUN_NOT_FOUND, REWIND_NOT_POSSIBLE, TEMPORAL_UNAVAILABLE, INPUT_INVALID
 */
export async function canRewind(context: RunContext, runId: string, options: RewindOptions): Promise<void> {
  await lookAt(context, runId, options);
}

/** What a rewind rests on: the run, its latest execution, and where to go, or that it has happened. */
async function lookAt(context: RunContext, runId: string, options: RewindOptions) {
  const target = checkedPlace(options);
  const run = await findRun(context, runId, options);
  const { workflowId } = run;
  const call = { ...context.call, workflowId };
  const { latest, chain } = await callTemporal(call, async () => {
    const execution = await latestOf(context.temporal, workflowId, runId);
    if (execution === undefined) {
      throw impossible(run, 'Temporal does not know it, or another run has its workflow id');
    }
    return {
      latest: execution,
      chain: await readChain(context.temporal, workflowId, execution.executionId),
    };
  });
  const { operationId: rewindId } = options;
  if (rewindId !== undefined) {
    // A caller that lost the answer asks again: the rewind has happened already.
    const earlier = await callTemporal(call, () => rewindThatMade(context, workflowId, latest.executionId));
    if (earlier?.rewind.id === rewindId) return { run, latest, earlier };
  }
  const { step, task } = checkpoint(run, chain, target);
  await refuseCompensated(context, run, chain, step);
  return { run, latest, earlier: undefined, step, task };
}

function rewound(
  { runId, workflowId }: RunView,
  executionId: string,
  { rewind, resetFrom }: DoneRewind,
): Rewound {
  return {
    runId,
    workflowId,
    executionId,
    resetExecutionId: resetFrom,
    stepPath: rewind.step,
    iteration: rewind.iteration,
    generation: rewind.id,
  };
}

function isSame(a: Rewind, b: Rewind): boolean {
  return a.step === b.step && a.iteration.join(',') === b.iteration.join(',');
}

/** The step that the caller names. */
interface Target {
  readonly path: string;
  readonly iteration: readonly number[] | undefined;
}

function checkedPlace({ stepPath, iteration, operationId }: RewindOptions): Target {
  const problems = [
    ...(typeof stepPath === 'string' &&
    /^steps\[\d+\]/.test(stepPath) &&
    stepPath.length <= STEP_PATH_CHARACTERS
      ? []
      : ['stepPath: a path such as steps[1].then[0]']),
    ...(iteration === undefined ||
    (Array.isArray(iteration) &&
      iteration.every((index) => Number.isSafeInteger(index) && Number(index) >= 0))
      ? []
      : ['iteration: a list of whole numbers from 0']),
    ...(operationId === undefined || /^[A-Za-z0-9]{1,40}$/.test(operationId)
      ? []
      : ['operationId: 1 to 40 letters and digits']),
  ];
  if (problems.length === 0) return { path: stepPath, iteration };
  throw new SluiceError('INPUT_INVALID', problems.join('; '), { details: problems });
}

/** The step that the caller names, and the task in which it began. */
function checkpoint(
  run: RunView,
  chain: Chain,
  { path, iteration }: Target,
): { readonly step: BegunStep; readonly task: Task } {
  const possible = possibleSteps(chain).slice(0, NAMED_STEPS);
  if (compensatedStep(path) !== undefined) {
    throw impossible(
      run,
      `${path} is a compensation; rewind to the step that it compensates, ${compensatedStep(path)}`,
      possible,
    );
  }
  const step = chain.steps.find(
    (begun) =>
      begun.path === path && (iteration === undefined || begun.iteration.join(',') === iteration.join(',')),
  );
  if (step === undefined) {
    const others = chain.steps.filter((begun) => begun.path === path).map(labelOf);
    const why =
      others.length > 0
        ? `it ran only as ${others.slice(0, NAMED_STEPS).join('; ')}`
        : 'it has not begun, or is not recorded yet';
    throw impossible(run, `${labelOf({ path, iteration: iteration ?? [] })}: ${why}`, possible);
  }
  const task = taskOf(chain, step);
  if (task === undefined) {
    throw impossible(run, `the history in which ${labelOf(step)} began is gone`, possible);
  }
  const alreadyCancelled = chain.cancelled.some(
    ({ executionId, eventId }) => executionId === task.executionId && eventId < task.finishedId,
  );
  if (alreadyCancelled) {
    throw impossible(
      run,
      `its cancellation was requested before ${labelOf(step)} began, and would remain; rewind to a step from before the request`,
      possible,
    );
  }
  return { step, task };
}

function possibleSteps({ steps }: Chain): readonly string[] {
  return steps.filter(({ path }) => compensatedStep(path) === undefined).map(labelOf);
}

/** Refuses a rewind that would keep a step which was compensated since. */
async function refuseCompensated(
  context: RunContext,
  run: RunView,
  { steps }: Chain,
  step: BegunStep,
): Promise<void> {
  const reads = readsOf(context);
  const kept = new Map<string, BegunStep>(
    steps.flatMap((begun) =>
      begun.seq < step.seq && begun.key !== undefined ? [[`${begun.key}/compensate`, begun] as const] : [],
    ),
  );
  const compensated: BegunStep[] = [];
  for await (const { idempotencyKey } of allItems((page) =>
    reads.pageInvocations(run.tenant, run.runId, page),
  )) {
    const keptStep = kept.get(idempotencyKey);
    if (keptStep !== undefined) compensated.push(keptStep);
  }
  const first = compensated.sort((a, b) => a.seq - b.seq)[0];
  if (first === undefined) return;
  throw impossible(
    run,
    `${compensated.map(labelOf).join(', ')} began before ${labelOf(step)} and was compensated since; rewind to ${labelOf(first)} or to a step before it`,
    steps
      .filter(({ seq }) => seq <= first.seq)
      .map(labelOf)
      .slice(0, NAMED_STEPS),
  );
}

function impossible(
  { runId, workflowId }: RunView,
  why: string,
  possible: readonly string[] = [],
): SluiceError {
  return new SluiceError('REWIND_NOT_POSSIBLE', `Run ${runId}: ${why}.`, {
    details: { runId, workflowId, possible: [...possible] },
  });
}

interface ResetRequest {
  readonly latestId: string;
  readonly task: Task;
  readonly rewind: Rewind;
}

/** Resets the run. @returns the execution that continues it */
async function reset(
  context: RunContext,
  run: RunView,
  { latestId, task: { executionId, finishedId }, rewind }: ResetRequest,
): Promise<string> {
  const { temporal, call } = context;
  const { workflowId, runId } = run;
  const ask = async (): Promise<string> => {
    const answer = await temporal.withDeadline(Date.now() + RESET_LIMIT_MS, () =>
      temporal.workflowService.resetWorkflowExecution({
        namespace: temporal.options.namespace,
        workflowExecution: { workflowId, runId: executionId },
        reason: rewindReason(withRewindClaim(temporal, workflowId, rewind, executionId)),
        workflowTaskFinishEventId: Long.fromNumber(finishedId),
        requestId: `sluice-rewind/${latestId}`,
        // Signals that came later are kept: the waits that open again get them again.
        resetReapplyExcludeTypes: [],
      }),
    );
    return answer.runId;
  };
  /** The execution that a rewind has made out of the latest one; whose rewind it is, the caller looks up. */
  const look = (): Promise<string | undefined> =>
    temporal.withDeadline(Date.now() + LOOK_LIMIT_MS, async () => {
      const now = await latestOf(temporal, workflowId, runId);
      if (now === undefined || now.executionId === latestId) return undefined;
      const done = await rewindThatMade(context, workflowId, now.executionId);
      return done === undefined ? undefined : now.executionId;
    });
  try {
    return await callTemporal({ ...call, workflowId }, () => settled(actOf(run, rewind), ask, look));
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'OUTCOME_UNKNOWN') throw error;
    throw new SluiceError(
      'WORKFLOW_TEMPORAL_RESET_FAILED',
      `Run ${runId} was not reset: ${messageOf(error)}`,
      {
        cause: error,
        details: { runId, workflowId },
      },
    );
  }
}

/** What a rewind does, for the error where its effect is not known. */
function actOf({ runId, workflowId }: RunView, { id, step, iteration }: Rewind): Act {
  return {
    what: `run ${runId} was rewound to ${labelOf({ path: step, iteration })}`,
    details: { runId, workflowId, operationId: id },
  };
}

/** A rewind that happened. */
interface DoneRewind {
  readonly rewind: Rewind;
  /** The execution that was reset. */
  readonly resetFrom: string;
}

/** The rewind that made an execution; undefined if none did. */
async function rewindThatMade(
  { temporal }: RunContext,
  workflowId: string,
  executionId: string,
): Promise<DoneRewind | undefined> {
  for await (const event of historyOf(temporal, workflowId, executionId)) {
    const found = resetOf(event);
    if (found?.made !== executionId) continue;
    const rewind = rewindOf(event.workflowTaskFailedEventAttributes?.failure?.message ?? '');
    return rewind && { rewind, resetFrom: found.resetFrom };
  }
  return undefined;
}
