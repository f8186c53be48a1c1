/**
 * The run's saga stack: what has been done and can be undone, in the order in which it was done.
 *
 * Invariants
 * - A step that succeeded is on the stack before anything else can go wrong with it (its `saveAs` may not fit);
 *   a step without `compensate` never is. With `onFailure: true` a step that failed after it had been handed to
 *   a worker is, too.
 * - An entry belongs to one scope: the innermost `control.saga` around its step, else the run. A scope that
 *   ends well hands its entries to the scope around it; one that fails is undone from its end.
 * - The stack is a part of the run's state: it is carried over continue-as-new, and a crash replays it.
 * - It can't fail a step whose effect exists already: an input that can't be worked out or an entry that does
 *   not fit is kept as a `problem`, and becomes a dead letter when it is its turn.
 */
import { compensationPath, type Undo } from '../../../contracts/run/compensation.js';
import { DEFAULTS, findSecrets, type ActionCallStep } from '../../../contracts/definition/index.js';
import { SluiceError, type RunError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { summarize } from '../../../contracts/summary.js';
import { errorCompletion } from '../state/failure.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { ActionFrame, SagaEntry } from '../state/state.js';

/** The scope of a run as a whole. */
export const RUN_SCOPE = '';

/** What came of the step that an entry is made for. */
export interface Done {
  readonly output: Json;
  readonly artifacts: readonly string[];
  /** Of a step that failed. */
  readonly error?: RunError;
}

/** The entries of a scope, in the order in which they were made. */
export function entriesOf(run: Run, scope: string): readonly SagaEntry[] {
  return (run.state.saga ?? []).filter((entry) => entry.scope === scope);
}

/** Hands the entries of a scope to the one around it. */
export function handOver(run: Run, scope: string, outer: string): void {
  for (const entry of run.state.saga ?? []) if (entry.scope === scope) entry.scope = outer;
}

/** Takes an entry off the stack. */
export function drop(run: Run, entry: SagaEntry): void {
  run.state.saga = (run.state.saga ?? []).filter((one) => one !== entry);
  run.carry.release(entry.bytes);
}

/**
 * Remembers how a step can be undone.
 * @throws SluiceError STATE_TOO_LARGE where the run has no room for it; what can be remembered is, nevertheless
 */
export function remember(run: Run, lane: Lane, step: ActionCallStep, frame: ActionFrame, done: Done): void {
  const { compensate } = step;
  if (compensate === undefined) return;
  const { input, problem } = inputOf(run, lane, step, frame, done);
  const secrets = compensate.input === undefined ? [] : findSecrets(compensate.input);
  const undo: Undo = {
    action: compensate.action,
    version: compensate.version ?? run.state.prepared.actions[compensate.action] ?? 1,
    input,
    ...(problem !== undefined && { problem }),
    key: `${frame.key}/compensate`,
    ...(secrets.length > 0 && { secrets: secrets.map(({ path, name }) => ({ path: [...path], name })) }),
    timeoutMs: run.definition.defaults?.timeoutMs ?? DEFAULTS.actionTimeoutMs,
    ...(step.tags !== undefined && { tags: step.tags }),
  };
  frame.undo = undo;
  push(run, {
    path: frame.path,
    id: step.id,
    iteration: [...lane.surroundings.iteration],
    scope: lane.surroundings.saga,
    undo,
    context: contextOf(frame, done),
    artifacts: done.artifacts,
    attempt: 0,
    attemptAt: 0,
  });
}

/** What the compensation's mapping gives now: it sees the step's input and output, and all else, as they are. */
function inputOf(
  run: Run,
  lane: Lane,
  step: ActionCallStep,
  frame: ActionFrame,
  { output, error }: Done,
): Pick<Undo, 'input' | 'problem'> {
  const at = compensationPath(frame.path);
  try {
    const seen = { input: frame.input, output, ...(error !== undefined && { error: error as Json }) };
    const input = run.evaluator.mapping(lane, step.compensate?.input ?? null, at, false, seen);
    return { input: run.fitting(input, 'INPUT_TOO_LARGE', 'The input of the compensation', MOST_INPUT) };
  } catch (thrown) {
    const { code, message } = errorCompletion(thrown, at).error;
    return { input: null, problem: `${code}: ${message}` };
  }
}

/** A failed compensation travels in one event, with its input and the context of the step: 2 MiB are Temporal's. */
const MOST_INPUT = LIMITS.stateBytes - LIMITS.inlineBytes;

function contextOf(frame: ActionFrame, { output, error }: Done): Json {
  const context: Json = { input: frame.input, output, ...(error !== undefined && { error: error as Json }) };
  return jsonSize(context) <= LIMITS.inlineBytes ? context : summarize(context);
}

function push(run: Run, entry: Omit<SagaEntry, 'bytes'>): void {
  const stack = (run.state.saga ??= []);
  const bytes = jsonSize(entry);
  try {
    run.carry.hold(bytes);
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
