/**
 * The run's compensation stack: the completed steps that can be compensated, in the order of their
 * completion.
 *
 * Invariants
 * - A step that succeeded is on the stack before anything else can go wrong with it (its `saveAs` may not
 *   fit); a step without `compensate` never is. With `onFailure: true`, so is a step that failed after it had
 *   been handed to a worker.
 * - An entry belongs to one compensation scope: the innermost `control.saga` around its step, else the run. A
 *   scope that ends well hands its entries to the scope around it; one that fails is compensated from its
 *   end.
 * - The stack is a part of the run's state: it is carried over continue-as-new, and a crash replays it.
 * - It cannot fail a step whose effect exists already: an input that cannot be evaluated or an entry that
 *   does not fit is kept as a `problem`, and becomes a dead letter when it is its turn.
 */
import { compensationPath, type Compensation } from '../../../contracts/run/compensation.js';
import { DEFAULTS, findSecrets } from '../../../contracts/definition/index.js';
import { SluiceError, type RunError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { summarize } from '../../../contracts/summary.js';
import { errorCompletion } from '../state/failure.js';
import type { Run } from '../run/run.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import type { ActionFrame, CompensationEntry } from '../state/state.js';

type ActionContext = StepContext<StepOf<'action.call'>>;

/** The compensation scope of a run as a whole. */
export const RUN_SCOPE = '';

/** The outcome of the step that an entry is for. */
export interface StepOutcome {
  readonly output: Json;
  readonly artifacts: readonly string[];
  /** Set if the step failed. */
  readonly error?: RunError;
}

/** The entries of a compensation scope, in the order in which they were pushed. */
export function entriesOf(run: Run, scope: string): readonly CompensationEntry[] {
  return (run.state.saga ?? []).filter((entry) => entry.scope === scope);
}

/** Hands the entries of a compensation scope to the one around it. */
export function handOver(run: Run, scope: string, outer: string): void {
  for (const entry of run.state.saga ?? []) if (entry.scope === scope) entry.scope = outer;
}

/** Removes an entry from the stack. */
export function drop(run: Run, entry: CompensationEntry): void {
  run.state.saga = (run.state.saga ?? []).filter((other) => other !== entry);
  run.carriedSize.release(entry.bytes);
}

/**
 * Puts a step on the stack, if it has a compensation.
 * @throws SluiceError STATE_TOO_LARGE where the run has no room for the entry; a small one is pushed
 * nevertheless
 */
export function pushCompensation(context: ActionContext, frame: ActionFrame, outcome: StepOutcome): void {
  const { run, lane, step, iteration } = context;
  const { compensate } = step;
  if (compensate === undefined) return;
  const { input, problem } = inputOf(context, frame, outcome);
  const secrets = compensate.input === undefined ? [] : findSecrets(compensate.input);
  const compensation: Compensation = {
    action: compensate.action,
    version: compensate.version ?? run.state.prepared.actions[compensate.action] ?? 1,
    input,
    ...(problem !== undefined && { problem }),
    key: `${frame.key}/compensate`,
    ...(secrets.length > 0 && { secrets: secrets.map(({ path, name }) => ({ path: [...path], name })) }),
    timeoutMs: run.definition.defaults?.timeoutMs ?? DEFAULTS.actionTimeoutMs,
    ...(step.tags !== undefined && { tags: step.tags }),
  };
  frame.undo = compensation;
  push(run, {
    path: frame.path,
    id: step.id,
    iteration: [...iteration],
    scope: lane.surroundings.compensationScope,
    undo: compensation,
    context: contextOf(frame, outcome),
    artifacts: outcome.artifacts,
    attempt: 0,
    attemptAt: 0,
  });
}

/**
 * Evaluates the compensation's mapping now: it sees the step's input and output, and all other names as they
 * are.
 */
function inputOf(
  { run, lane, step }: ActionContext,
  frame: ActionFrame,
  { output, error }: StepOutcome,
): Pick<Compensation, 'input' | 'problem'> {
  const at = compensationPath(frame.path);
  try {
    const extra = { input: frame.input, output, ...(error !== undefined && { error: error as Json }) };
    const input = run.evaluator.mapping(lane, step.compensate?.input ?? null, { at, extra });
    return { input: run.fitting(input, 'INPUT_TOO_LARGE', 'The input of the compensation', INPUT_BYTES) };
  } catch (thrown) {
    const { code, message } = errorCompletion(thrown, at).error;
    return { input: null, problem: `${code}: ${message}` };
  }
}

/**
 * Most bytes of a compensation's input. A failed compensation is one run event, with its input and the
 * context of the step; Temporal's limit is 2 MiB.
 */
const INPUT_BYTES = LIMITS.stateBytes - LIMITS.inlineBytes;

function contextOf(frame: ActionFrame, { output, error }: StepOutcome): Json {
  const context: Json = { input: frame.input, output, ...(error !== undefined && { error: error as Json }) };
  return jsonSize(context) <= LIMITS.inlineBytes ? context : summarize(context);
}

function push(run: Run, entry: Omit<CompensationEntry, 'bytes'>): void {
  const stack = (run.state.saga ??= []);
  const bytes = jsonSize(entry);
  try {
    run.carriedSize.hold(bytes);
    stack.push({ ...entry, bytes });
  } catch (thrown) {
    const problem = 'STATE_TOO_LARGE: The run had no room for what undoes this step';
    const small = {
      ...entry,
      context: null,
      undo: { ...entry.undo, input: null, problem },
    };
    stack.push({ ...small, bytes: 0 });
    if (thrown instanceof SluiceError) throw thrown;
    throw new SluiceError('STATE_TOO_LARGE', problem, { cause: thrown });
  }
}
