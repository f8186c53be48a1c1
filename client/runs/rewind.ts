/**
 * Taking a run back to a step: a reset of Temporal's, whose reason says from which step on things are done again.
 *
 * Invariants
 * - One act: the order is the reset's own reason (contracts/run/rewind.ts), so an execution that goes on from there always
 *   finds it, and nothing is left behind where Temporal refuses.
 * - What began before the step stays as it is: its recorded outputs are taken. The step and all that begins after it
 *   is done again, under idempotency keys that were never used. What was done the first time is not undone.
 * - A step whose effect was compensated in the meantime is never kept as if it stood: such a rewind is refused.
 * - Of two rewinds of the same execution at once one is made: the reset's request id is that execution's. Two that
 *   mean the same step are one and both succeed; of two that mean different ones the later is REWIND_CONFLICT.
 * - Another run that has come to the workflow id is never reset away.
 */
import { randomBytes } from 'node:crypto';
import Long from 'long';
import { SluiceError } from '../../contracts/errors.js';
import { undoneBy } from '../../contracts/run/compensation.js';
import { rewindOf, rewindReason, type Rewind } from '../../contracts/run/rewind.js';
import type { RunView } from '../../projections/index.js';
import { calling } from '../connection/errors.js';
import { everything } from '../reads/reads.js';
import { historyOf, placeName, readChain, taskOf, type BegunStep, type Chain, type Task } from './chain.js';
import { checkedReason, findRun, readsOf, type RunContext } from './context.js';
import { latestOf } from './executions.js';
import type { RewindOptions, Rewound } from './rewind-options.js';

/** How long Temporal may take for the reset itself. */
const RESET_LIMIT_MS = 10_000;
/** Steps that an error names as possible. */
const NAMED = 50;

/**
 * Rewinds a run.
 * @throws SluiceError RUN_NOT_FOUND, REWIND_NOT_POSSIBLE, REWIND_CONFLICT, WORKFLOW_TEMPORAL_RESET_FAILED,
 *   TEMPORAL_UNAVAILABLE, INPUT_INVALID
 */
export async function rewindRun(
  context: RunContext,
  runId: string,
  options: RewindOptions,
): Promise<Rewound> {
  const wanted = checkedPlace(options);
  const reason = checkedReason(options.reason);
  const run = await findRun(context, runId, options);
  const { workflowId } = run;
  const call = { ...context.call, workflowId, needsWorker: false };
  const { latest, chain } = await calling(call, async () => {
    const found = await latestOf(context.temporal, workflowId, runId);
    if (found === undefined) {
      throw impossible(run, 'Temporal does not know it, or another run has its workflow id');
    }
    return { latest: found, chain: await readChain(context.temporal, workflowId, found.executionId) };
  });
  const { operationId } = options;
  if (operationId !== undefined) {
    // Asked again, because the answer was lost: what it made is there.
    const before = await calling(call, () => madeBy(context, workflowId, latest.executionId));
    if (before?.rewind.id === operationId) return rewound(run, latest.executionId, before);
  }
  const { step, task } = checkpoint(run, chain, wanted);
  await refuseCompensated(context, run, chain, step);
  const rewind: Rewind = {
    id: operationId ?? randomBytes(6).toString('hex'),
    step: step.path,
    iteration: [...step.iteration],
    actor: options.actor ?? context.actor,
    ...(reason !== undefined && { reason }),
  };
  const executionId = await reset(context, run, latest.executionId, task, rewind);
  const made = await calling(call, () => madeBy(context, workflowId, executionId));
  if (made === undefined || !isSame(made.rewind, rewind)) {
    throw new SluiceError(
      'REWIND_CONFLICT',
      `Run ${runId} was taken back to ${made === undefined ? 'another point' : placeName({ path: made.rewind.step, iteration: made.rewind.iteration })} by somebody else, and not to ${placeName(step)}.`,
      { details: { runId, executionId } },
    );
  }
  return rewound(run, executionId, made);
}

function rewound({ runId, workflowId }: RunView, executionId: string, { rewind, from }: Made): Rewound {
  return {
    runId,
    workflowId,
    executionId,
    resetExecutionId: from,
    stepPath: rewind.step,
    iteration: rewind.iteration,
    generation: rewind.id,
  };
}

function isSame(a: Rewind, b: Rewind): boolean {
  return a.step === b.step && a.iteration.join(',') === b.iteration.join(',');
}

interface Wanted {
  readonly path: string;
  readonly iteration: readonly number[] | undefined;
}

function checkedPlace({ stepPath, iteration, operationId }: RewindOptions): Wanted {
  const problems = [
    ...(typeof stepPath === 'string' && /^steps\[\d+\]/.test(stepPath) && stepPath.length <= 1_000
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

/** The step that is meant, and the task in which it began. */
function checkpoint(
  run: RunView,
  chain: Chain,
  { path, iteration }: Wanted,
): { readonly step: BegunStep; readonly task: Task } {
  const can = { steps: possible(chain).slice(0, NAMED) };
  if (undoneBy(path) !== undefined) {
    throw impossible(
      run,
      `${path} is a compensation; go back to the step that it undoes, ${undoneBy(path)}`,
      can,
    );
  }
  const step = chain.steps.find(
    (one) =>
      one.path === path && (iteration === undefined || one.iteration.join(',') === iteration.join(',')),
  );
  if (step === undefined) {
    const others = chain.steps.filter((one) => one.path === path).map(placeName);
    const why =
      others.length > 0
        ? `it ran only as ${others.slice(0, NAMED).join('; ')}`
        : 'it has not begun, or is not recorded yet';
    throw impossible(run, `${placeName({ path, iteration: iteration ?? [] })}: ${why}`, can);
  }
  const task = taskOf(chain, step);
  if (task === undefined) throw impossible(run, `the history in which ${placeName(step)} began is gone`, can);
  const before = chain.cancelled.some(
    ({ executionId, eventId }) => executionId === task.executionId && eventId < task.finishedId,
  );
  if (before) {
    throw impossible(
      run,
      `its cancellation had been requested before ${placeName(step)} began, and would stay; go back to a step from before that`,
      can,
    );
  }
  return { step, task };
}

function possible({ steps }: Chain): readonly string[] {
  return steps.filter(({ path }) => undoneBy(path) === undefined).map(placeName);
}

/** What was undone since can't be kept as if it stood. */
async function refuseCompensated(
  context: RunContext,
  run: RunView,
  { steps }: Chain,
  step: BegunStep,
): Promise<void> {
  const reads = readsOf(context);
  const kept = new Map<string, BegunStep>(
    steps.flatMap((one) =>
      one.seq < step.seq && one.key !== undefined ? [[`${one.key}/compensate`, one] as const] : [],
    ),
  );
  const undone: BegunStep[] = [];
  for await (const { idempotencyKey } of everything((page) =>
    reads.pageInvocations(run.tenant, run.runId, page),
  )) {
    const compensated = kept.get(idempotencyKey);
    if (compensated !== undefined) undone.push(compensated);
  }
  const first = undone.sort((a, b) => a.seq - b.seq)[0];
  if (first === undefined) return;
  throw impossible(
    run,
    `${undone.map(placeName).join(', ')} began before ${placeName(step)} and was compensated since; go back to ${placeName(first)} or to a step before it`,
    {
      steps: steps
        .filter(({ seq }) => seq <= first.seq)
        .map(placeName)
        .slice(0, NAMED),
    },
  );
}

function impossible(
  { runId, workflowId }: RunView,
  why: string,
  can: { readonly steps: readonly string[] } = { steps: [] },
): SluiceError {
  return new SluiceError('REWIND_NOT_POSSIBLE', `Run ${runId}: ${why}.`, {
    details: { runId, workflowId, possible: [...can.steps] },
  });
}

async function reset(
  { temporal, call }: RunContext,
  { workflowId, runId }: RunView,
  latestId: string,
  { executionId, finishedId }: Task,
  rewind: Rewind,
): Promise<string> {
  try {
    const answer = await calling({ ...call, workflowId, needsWorker: false }, () =>
      temporal.withDeadline(Date.now() + RESET_LIMIT_MS, () =>
        temporal.workflowService.resetWorkflowExecution({
          namespace: temporal.options.namespace,
          workflowExecution: { workflowId, runId: executionId },
          reason: rewindReason(rewind),
          workflowTaskFinishEventId: Long.fromNumber(finishedId),
          requestId: `sluice-rewind/${latestId}`,
          // Signals that came later have come: what waits for them gets them again.
          resetReapplyExcludeTypes: [],
        }),
      ),
    );
    return answer.runId;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SluiceError('WORKFLOW_TEMPORAL_RESET_FAILED', `Run ${runId} was not reset: ${why}`, {
      cause: error,
      details: { runId, workflowId },
    });
  }
}

/** The order by which an execution was made, and from which one. */
interface Made {
  readonly rewind: Rewind;
  readonly from: string;
}

async function madeBy(
  { temporal }: RunContext,
  workflowId: string,
  executionId: string,
): Promise<Made | undefined> {
  for await (const { workflowTaskFailedEventAttributes: failed } of historyOf(
    temporal,
    workflowId,
    executionId,
  )) {
    if (failed?.newRunId !== executionId) continue;
    const rewind = rewindOf(failed.failure?.message ?? '');
    return rewind && { rewind, from: failed.baseRunId ?? '' };
  }
  return undefined;
}
