/**
 * A step at work: its run, its lane and its path. Every function of a step gets one.
 *
 * A frame names only the path of its step; `narrow` checks that the definition has a step of the frame's type
 * there.
 */
import type { Step, StepType } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import type { Json } from '../../../contracts/json.js';
import type { Where } from '../events/event-log.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from './run.js';

export type StepOf<T extends StepType> = Extract<Step, { type: T }>;

export class StepContext<S extends Step = Step> {
  /** @param path step path; '' for the compensation of the run as a whole, which has no step */
  constructor(
    readonly run: Run,
    readonly lane: Lane,
    readonly path: string,
  ) {}

  /** @throws SluiceError STATE_CORRUPT where the definition has no step at the path */
  get step(): S {
    return this.run.stepAt(this.path) as S;
  }

  /** Indexes of the loops around the step, outermost first. */
  get iteration(): readonly number[] {
    return this.lane.surroundings.iteration;
  }

  /**
   * Checks that the step is of one of these types.
   * @param problem the message where it is not
   * @throws SluiceError STATE_CORRUPT
   */
  narrow<T extends StepType>(
    types: T | readonly T[],
    problem = `${this.path} is no ${String(types)}`,
  ): asserts this is StepContext<StepOf<T>> {
    const { type } = this.step;
    const allowed =
      typeof types === 'string' ? types === type : types.some((allowedType) => allowedType === type);
    if (!allowed) throw new SluiceError('STATE_CORRUPT', problem);
  }

  /** The step's place in the definition and the loops, for a run event. */
  where(attempt?: number): Where {
    const { path, iteration } = this;
    return { stepPath: path, iteration, ...(attempt !== undefined && { attempt }) };
  }

  /**
   * Makes a mapping of the step into a value.
   * @param required true: undefined is EXPRESSION_UNDEFINED; otherwise it is null
   * @throws SluiceError EXPRESSION_*
   */
  mapping(mapping: Json, required = false): Json {
    return this.run.evaluator.mapping(this.lane, mapping, { at: this.path, required });
  }

  /**
   * Makes a mapping into the value of a key, which has to be whole: a part of it that is undefined or null is
   * EXPRESSION_UNDEFINED. Otherwise work of two kinds would share the key `charge-` or `charge-null`.
   * @throws SluiceError EXPRESSION_*
   */
  key(mapping: Json): Json {
    const { run, lane, path } = this;
    // Before, JSONata's rule held: an undefined operand of `&` is an empty text, and null is `null`.
    const refusesHoles = (): boolean => run.wholeKeys.inForce();
    const refusesNulls = (): boolean => run.noNullKeys.inForce();
    return run.evaluator.mapping(lane, mapping, { at: path, required: true, refusesHoles, refusesNulls });
  }

  /**
   * Whether a condition of the step holds.
   * @throws SluiceError CONDITION_INVALID, EXPRESSION_*
   */
  condition(condition: boolean | { readonly $expr: string }): boolean {
    return this.run.evaluator.condition(this.lane, condition, this.path);
  }

  /** A copy of the context in another lane. */
  inLane(lane: Lane): StepContext<S> {
    return new StepContext<S>(this.run, lane, this.path);
  }
}
