/**
 * The machine: runs a lane until it has ended or is parked.
 *
 * A lane does one of three things: it unwinds a completion through its frames, it begins the next step of
 * the block on top, or it goes on with the step on top (which may wait). Beginning and unwinding never
 * wait, so a lane is only parked where its frames hold everything that it needs to go on.
 *
 * Cancellation is checked between any two of these; inside a `finally` it waits (see `Lane.interrupted`).
 */
import type { StepType } from '../../contracts/definition/index.js';
import { SluiceError } from '../../contracts/errors.js';
import { errorCompletion } from './state/failure.js';
import type { Lane } from './lane/lane.js';
import { stepBegins } from './run/rewinds.js';
import type { Run, RunLane } from './run/run.js';
import { endLeaf, endStep } from './run/step-events.js';
import { StepContext } from './run/step-context.js';
import type { Begin, Continue, StepKinds, Unwind } from './run/step-kinds.js';
import {
  NORMAL,
  type ActionFrame,
  type BlockFrame,
  type Completion,
  type ContainerFrame,
  type Frame,
  type WaitingFrame,
} from './state/state.js';

/**
 * Makes the machine.
 * @param kinds how each step type and each kind of frame works
 */
export function createMachine(kinds: StepKinds): RunLane {
  return (run, lane) => new LaneRunner(kinds, run, lane).runToEnd();
}

class LaneRunner {
  constructor(
    private readonly kinds: StepKinds,
    private readonly run: Run,
    private readonly lane: Lane,
  ) {}

  /** Runs the lane; `parked` where it stopped so that the run can continue as new. */
  async runToEnd(): Promise<'ended' | 'parked'> {
    const { run, lane } = this;
    let completion: Completion | undefined;
    for (;;) {
      const frame = lane.top;
      // A step that waits handles its cancellation itself, even if it was parked meanwhile: it closes its
      // wait and lets the lanes inside it run their `finally` blocks.
      if (completion === undefined && lane.interrupted && (frame === undefined || frame.k === 'block')) {
        completion = { t: 'cancel' };
      }
      if (frame === undefined) {
        lane.state.end = completion ?? NORMAL;
        return 'ended';
      }
      if (completion !== undefined) {
        completion = this.unwind(frame, completion);
        continue;
      }
      if (run.parking) return 'parked';
      if (run.budget.spent) {
        await run.breathe();
        continue;
      }
      if (frame.k === 'block') {
        const reset = run.resets.pending();
        if (reset !== undefined) {
          await reset;
          continue;
        }
        const advanced = this.advance(frame);
        if (advanced !== 'later') completion = advanced;
        else if ((await run.room(lane)) === 'parked') return 'parked';
        continue;
      }
      const context = this.contextOf(frame.path);
      let outcome: Completion | 'again' | 'parked';
      do {
        try {
          if (frame.k === 'action') {
            const { mayAct, act } = this.kinds.attempts;
            const pause = await mayAct(context, frame);
            outcome = pause === 'parked' ? pause : await act(context, frame, pause);
            // The run's watch wakes a little later than the lane, which must not begin another step before
            // it.
            run.parkIfDue();
          } else {
            outcome = await this.goOn(context, frame);
          }
        } catch (thrown) {
          outcome = errorCompletion(thrown, frame.path);
        }
      } while (outcome === 'again');
      if (outcome === 'parked') return 'parked';
      lane.pop();
      // After its compensations, a compensation scope ends as it would have ended before; the frame of its
      // step, or the run, sees that end.
      if (frame.k === 'undo') {
        completion = outcome;
        continue;
      }
      completion = endStep(context, frame, outcome);
      // An operation may fail because it was cancelled, or during a cancellation: no handler may see that as
      // an error.
      if (completion.t === 'error' && lane.interrupted) completion = { t: 'cancel' };
    }
  }

  /** Begins the next step of a block; a completion where the block or the step has ended at once. */
  private advance(frame: BlockFrame): Completion | 'later' | undefined {
    const { run, lane } = this;
    const step = run.block(frame.path)[frame.i];
    if (step === undefined) {
      lane.pop();
      // The frame of the step that holds the block sees the end; the end of the outermost block ends the
      // lane.
      return NORMAL;
    }
    run.budget.step();
    const context = this.contextOf(`${frame.path}[${frame.i}]`);
    const depth = lane.state.frames.length;
    stepBegins(run.state, context.path, context.iteration);
    try {
      if (step.when !== undefined && !context.condition(step.when)) {
        run.log.emit('STEP_SKIPPED', { id: step.id, kind: step.type }, context.where());
        frame.i++;
        return undefined;
      }
      // The entry of a step type takes steps of that type.
      const begin = this.kinds.begin[step.type] as Begin<StepType>;
      const begun = begin(context);
      if (begun === undefined || begun === 'later') return begun;
      return this.endAtOnce(context, frame, begun);
    } catch (thrown) {
      while (lane.state.frames.length > depth) lane.pop();
      return this.endAtOnce(context, frame, errorCompletion(thrown, context.path));
    }
  }

  /** Ends a step that pushed no frame. */
  private endAtOnce(context: StepContext, frame: BlockFrame, begun: Completion): Completion | undefined {
    const end = endLeaf(context, begun);
    if (end.t !== 'normal') return end;
    frame.i++;
    return undefined;
  }

  /** Goes on with a step that waits for something else than an action. What it throws is the step's error. */
  private async goOn(
    context: StepContext,
    frame: Exclude<Frame, BlockFrame | ActionFrame>,
  ): Promise<Completion | 'parked'> {
    if (this.isContainer(frame)) {
      throw new SluiceError('STATE_CORRUPT', `A ${frame.k} frame at ${frame.path} has nothing above it`);
    }
    // The entry of a kind of frame takes frames of that kind.
    const goOn = this.kinds.continue[frame.k] as Continue<WaitingFrame>;
    return await goOn(context, frame);
  }

  /** Unwinds through one frame; a throw on the way (an expression, a limit) is the step's error. */
  private unwind(frame: Frame, completion: Completion): Completion | undefined {
    const { lane } = this;
    if (frame.k === 'block') {
      // `normal` is the end of the step at `i`: the block goes on. Every other completion passes through.
      if (completion.t === 'normal') {
        frame.i++;
        return undefined;
      }
      lane.pop();
      return completion;
    }
    const context = this.contextOf(frame.path);
    const depth = lane.state.frames.length;
    try {
      const end = this.endInside(context, frame, completion);
      if (end === undefined) return undefined;
      lane.pop();
      return endStep(context, frame, end);
    } catch (thrown) {
      while (lane.state.frames.length >= depth) lane.pop();
      return endStep(context, frame, errorCompletion(thrown, frame.path));
    }
  }

  /** The completion of the frame's step, or undefined where the step goes on. */
  private endInside(
    context: StepContext,
    frame: Exclude<Frame, BlockFrame>,
    completion: Completion,
  ): Completion | undefined {
    if (!this.isContainer(frame)) return completion;
    // The entry of a kind of frame takes frames of that kind.
    const unwind = this.kinds.unwind[frame.k] as Unwind<ContainerFrame>;
    return unwind(context, frame, completion);
  }

  private isContainer(frame: Frame): frame is ContainerFrame {
    return Object.hasOwn(this.kinds.unwind, frame.k);
  }

  private contextOf(path: string): StepContext {
    return new StepContext(this.run, this.lane, path);
  }
}
