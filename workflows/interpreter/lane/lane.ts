/**
 * A lane at work: its state, its variables and what it sees.
 *
 * A child lane starts from its parent's variables as they were when the step began. It sees only its own
 * writes; they are recorded and applied to the parent at the join, in branch or item order.
 */
import { CancellationScope } from '@temporalio/workflow';
import { isJsonObject, jsonSize, type Json, type JsonObject } from '../../../contracts/json.js';
import type { RunError } from '../../../contracts/errors.js';
import type { Frame, LaneState, TryFrame, Write } from '../state/state.js';
import { assignAt, covers } from '../state/vars.js';

/** Names that steps define for the steps inside them, looked up by step path. */
export interface DefinedNames {
  itemVar(stepPath: string): string | undefined;
  captureErrorAs(stepPath: string): string | undefined;
}

/** What the frames of a lane, and of the lanes around it, mean for the steps at its top. */
export interface Surroundings {
  readonly lexical: JsonObject;
  readonly error: RunError | null;
  /** Whether that error could be retried. */
  readonly retryable: boolean;
  readonly iteration: readonly number[];
  /** True inside a `finally` and while compensations run: cancellation waits until that has ended. */
  readonly shielded: boolean;
  /** Name of the compensation scope. */
  readonly compensationScope: string;
}

const NONE: Surroundings = {
  lexical: {},
  error: null,
  retryable: false,
  iteration: [],
  shielded: false,
  compensationScope: '',
};

/** A CancellationScope without a timeout, whose `run` makes no additional promises. */
class ActivityScope extends CancellationScope {
  protected override runInContext<T>(fn: () => Promise<T>): Promise<T> {
    return fn();
  }
}

export class Lane {
  vars: JsonObject;
  /** Size of all variables that this lane sees, bytes. */
  varsBytes: number;
  stateName: string | null = null;
  cancelled = false;
  readonly children = new Set<Lane>();
  /** Set when the operation in flight was stopped because the history is full. */
  stopped = false;
  private operation: CancellationScope | undefined;
  private activities: ActivityScope | undefined;
  private cached: Surroundings | undefined;

  constructor(
    readonly state: LaneState,
    readonly parent: Lane | undefined,
    vars: JsonObject,
    private readonly names: DefinedNames,
  ) {
    this.vars = vars;
    this.varsBytes = parent ? parent.varsBytes : jsonSize(vars);
    this.cancelled = parent ? parent.cancelled && !parent.surroundings.shielded : false;
    for (const write of state.writes) if ('p' in write) this.apply(write.p, write.v);
  }

  get top(): Frame | undefined {
    return this.state.frames.at(-1);
  }

  push(frame: Frame): void {
    this.state.frames.push(frame);
    this.cached = undefined;
  }

  pop(): Frame | undefined {
    this.cached = undefined;
    return this.state.frames.pop();
  }

  /** Notes that a frame has changed in place: an index, a phase. */
  touch(): void {
    this.cached = undefined;
  }

  /** Names, error and iteration as they are at the lane's top. */
  get surroundings(): Surroundings {
    this.cached ??= this.readFrames();
    return this.cached;
  }

  /** The last matched event that this lane sees. */
  get event(): Json {
    return this.state.event ?? this.parent?.event ?? null;
  }

  /** Whether the lane must stop: it was cancelled, and nothing shields it. */
  get interrupted(): boolean {
    return this.cancelled && !this.surroundings.shielded;
  }

  /**
   * Sets a variable in this lane.
   * @returns bytes by which the state to carry grew: the variables, or the lane's recorded writes
   */
  write(path: readonly string[], value: Json): number {
    const delta = this.apply(path, value);
    if (!this.parent) return delta;
    const covered = this.state.writes.filter((old) => 'p' in old && covers(path, old.p));
    const replaced = covered.reduce((sum, old) => sum + ('p' in old ? jsonSize(old.v) : 0), 0);
    this.state.writes = [...this.state.writes.filter((old) => !covered.includes(old)), { p: path, v: value }];
    return jsonSize(value) - replaced;
  }

  /** Records the business state; true where this lane is the root, so that the run's state changes now. */
  writeState(name: string): boolean {
    this.stateName = name;
    if (!this.parent) return true;
    this.state.writes = [
      ...this.state.writes.filter((old): old is Extract<Write, { p: unknown }> => 'p' in old),
      { state: name },
    ];
    return false;
  }

  /**
   * Runs one cancellable Temporal operation that may outlive the step (a child). A lane has one operation at
   * a time; inside a `finally` nothing cancels it.
   */
  async operate<T>(operation: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope({ cancellable: true });
    this.operation = scope;
    this.stopped = false;
    try {
      return await scope.run(operation);
    } finally {
      if (this.operation === scope) this.operation = undefined;
    }
  }

  /**
   * Runs one activity, as `operate` does; `activityEnded` must follow. All activities of the lane share one
   * CancellationScope, because making one costs as much as the rest of a step. Children cannot share it:
   * cancelling the lane would reach a detached child long after its step has ended.
   */
  activity<T>(schedule: () => Promise<T>): Promise<T> {
    if (this.activities === undefined || this.activities.consideredCancelled) {
      this.activities = new ActivityScope({ cancellable: true });
    }
    this.operation = this.activities;
    this.stopped = false;
    return this.activities.run(schedule);
  }

  activityEnded(): void {
    this.operation = undefined;
  }

  /** Cancels the lane and the lanes inside it. A lane in a `finally` stops when that has ended. */
  cancel(): void {
    this.cancelled = true;
    if (this.surroundings.shielded) return;
    this.operation?.cancel();
    for (const child of this.children) child.cancel();
  }

  /** Cancels the operation in flight but not the lane: the step sees the outcome and decides how to go on. */
  stopOperation(): void {
    this.operation?.cancel();
  }

  /**
   * Stops the operations in flight in this lane and in the lanes inside it: the history has no room for them.
   */
  stopOperations(): void {
    if (this.operation) {
      this.stopped = true;
      this.operation.cancel();
    }
    for (const child of this.children) child.stopOperations();
  }

  private apply(path: readonly string[], value: Json): number {
    const { vars, delta } = assignAt(this.vars, path, value);
    this.vars = vars;
    this.varsBytes += delta;
    return delta;
  }

  private readFrames(): Surroundings {
    const outer = this.parent?.surroundings ?? NONE;
    let lexical = outer.lexical;
    let { error, retryable, compensationScope } = outer;
    // Not inherited: a lane inside a `finally` can lose a race there. Cancellation from further out stops at
    // the lane that is in the `finally` and never reaches this one.
    let shielded = false;
    const iteration = [...outer.iteration];
    const loop = (path: string, items: readonly Json[], index: number) => {
      lexical = { ...lexical, ...this.loopNames(path, items, index) };
      iteration.push(index);
    };
    if (this.state.item !== undefined && this.parent?.top?.k === 'fanOut') {
      loop(this.parent.top.path, this.parent.top.items, this.state.item);
    }
    for (const frame of this.state.frames) {
      if (frame.k === 'forEach') {
        loop(frame.path, frame.items, frame.index);
      } else if (frame.k === 'while') {
        iteration.push(frame.n - 1);
      } else if (frame.k === 'undo') {
        shielded = true;
      } else if (frame.k === 'scope') {
        compensationScope = frame.saga?.scope ?? compensationScope;
      } else if (frame.k === 'try') {
        if (frame.phase === 'finally') shielded = true;
        if (frame.phase === 'catch' && frame.error) {
          error = frame.error;
          retryable = frame.retryable ?? false;
          lexical = { ...lexical, ...this.caught(frame, frame.error) };
        }
      }
    }
    return { lexical, error, retryable, iteration, shielded, compensationScope };
  }

  private loopNames(path: string, items: readonly Json[], index: number): JsonObject {
    const item = items[index] ?? null;
    const itemVar = this.names.itemVar(path);
    return {
      item,
      ...(itemVar !== undefined && { [itemVar]: item }),
      index,
      length: items.length,
      isFirst: index === 0,
      isLast: index === items.length - 1,
    };
  }

  private caught(frame: TryFrame, error: RunError): JsonObject {
    const name = this.names.captureErrorAs(frame.path);
    return name === undefined || !isJsonObject(error) ? {} : { [name]: error };
  }
}
