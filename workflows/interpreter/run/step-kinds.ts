/**
 * The table that the machine runs steps by: how each step type begins, and how each kind of frame goes on.
 * The machine is given the table (steps/kinds.ts), so that it does not import each step.
 */
import type { StepType } from '../../../contracts/definition/index.js';
import type { ActionFrame, Completion, ContainerFrame, Frame, WaitingFrame } from '../state/state.js';
import type { Pause } from './run.js';
import type { StepContext, StepOf } from './step-context.js';

export type FrameOf<K extends Frame['k']> = Extract<Frame, { k: K }>;

/**
 * Begins a step.
 * @returns its completion where it ended at once; undefined where it pushed frames; `later` where nothing has
 * happened, because there is no room for its input yet
 * @throws SluiceError what is wrong with the step's mappings; the caller makes it the step's error
 */
export type Begin<T extends StepType> = (context: StepContext<StepOf<T>>) => Completion | 'later' | undefined;

/**
 * Goes on with the step on top of its lane until it has ended or is parked. What it throws is the step's
 * error.
 */
export type Continue<F extends WaitingFrame> = (
  context: StepContext,
  frame: F,
) => Promise<Completion | 'parked'>;

/** The end of a block inside a step: returns the step's completion, or undefined where the step goes on. */
export type Unwind<F extends ContainerFrame> = (
  context: StepContext,
  frame: F,
  completion: Completion,
) => Completion | undefined;

/** Attempts of an action. Neither function is asynchronous: see `Operations.activity`. */
export interface Attempts {
  /** Waits until the next attempt is due and has a slot (`ready`), or until the lane has to stop. */
  readonly mayAct: (context: StepContext, frame: ActionFrame) => Pause | Promise<Pause>;
  /** Runs the attempt, or ends the step where the lane has to stop; `again` where another attempt follows. */
  readonly act: (
    context: StepContext,
    frame: ActionFrame,
    pause: Exclude<Pause, 'parked'>,
  ) => Completion | 'again' | Promise<Completion | 'again'>;
}

export interface StepKinds {
  readonly begin: { readonly [T in StepType]: Begin<T> };
  readonly attempts: Attempts;
  readonly continue: { readonly [K in WaitingFrame['k']]: Continue<FrameOf<K> & WaitingFrame> };
  readonly unwind: { readonly [K in ContainerFrame['k']]: Unwind<FrameOf<K> & ContainerFrame> };
}
