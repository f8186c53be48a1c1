/**
 * One run while a worker holds it: the serialisable state and the parts that work on it. Steps reach it
 * through their `StepContext`.
 *
 * Invariants
 * - Only this workflow authors run events.
 * - Parking (to continue as new) stops every lane between two steps, or in a wait that can go on later; never
 *   with an activity, a child or a flush in flight, and never once cancellation was requested.
 * - The state that a next execution starts from fits Temporal's limit for one input: variables, what loops
 *   and lanes hold, buffered events and the document are counted together before anything grows.
 */
import { condition, sleep, workflowInfo } from '@temporalio/workflow';
import { compensatedStep } from '../../../contracts/run/compensation.js';
import { blockAt, type Definition, type Step } from '../../../contracts/definition/index.js';
import { SluiceError, type RunError } from '../../../contracts/errors.js';
import { jsonSize, type Json } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import type { RunHeader } from '../../../contracts/run/activity.js';
import { isoAt, now } from '../../runtime/clock.js';
import { Budget, type HistoryLimits } from '../lane/budget.js';
import { CarriedSize } from '../lane/carried-size.js';
import { EventLog } from '../events/event-log.js';
import { Flusher } from '../events/flusher.js';
import { Inbox } from '../events/inbox.js';
import { Lane } from '../lane/lane.js';
import { Evaluator } from '../lane/evaluator.js';
import { Operations } from '../lane/operations.js';
import { Queue } from '../lane/queue.js';
import { Slots } from '../lane/slots.js';
import type { Doors } from '../state/doors.js';
import { Gate } from '../state/gate.js';
import type { LaneState, RunState } from '../state/state.js';
import type { Resets } from './resets.js';
import { addKey } from './search-attributes.js';

/** How a pause ended. */
export type Pause = 'ready' | 'due' | 'interrupted' | 'parked';

/** Runs a lane; `parked` where it stopped so that the run can continue as new. */
export type RunLane = (run: Run, lane: Lane) => Promise<'ended' | 'parked'>;

/** The parts of a run that an execution begins with. */
export interface RunParts {
  readonly definition: Definition;
  readonly state: RunState;
  readonly payload: Json;
  readonly resets: Resets;
  readonly doors: Doors;
  readonly limits: HistoryLimits;
  /** The machine. */
  readonly runLane: RunLane;
}

export class Run {
  readonly log: EventLog;
  readonly inbox: Inbox;
  readonly flusher: Flusher;
  readonly evaluator: Evaluator;
  readonly carriedSize: CarriedSize;
  readonly budget: Budget;
  readonly operations: Operations;
  readonly slots = new Slots(LIMITS.concurrency);
  readonly localSlots = new Slots(LIMITS.localConcurrency);
  readonly header: RunHeader;
  readonly root: Lane;
  readonly definition: Definition;
  readonly state: RunState;
  readonly payload: Json;
  readonly resets: Resets;
  readonly doors: Doors;
  /** Whether a key with an undefined part is refused. */
  readonly wholeKeys = new Gate('sluice-whole-keys');
  /** Whether a key with a part that is null is refused. */
  readonly noNullKeys = new Gate('sluice-no-null-keys');
  /** Whether an event with a number that loses digits is refused. */
  readonly publishedNumbers = new Gate('sluice-published-numbers');
  /** Whether a filter whose value is undefined is refused. */
  readonly wholeFilters = new Gate('sluice-whole-filters');
  /** Whether a filter whose value is of a type that it compares with nothing is refused. */
  readonly comparableFilters = new Gate('sluice-comparable-filters');
  /** Whether a step whose key other work has used counts as one that did nothing. */
  readonly usedKeys = new Gate('sluice-used-keys');
  /** Whether the value that a person completed an action with is given to a worker to check. */
  readonly completions = new Gate('sluice-completions');
  /** Whether a result in the form of a worker's is checked too, where it lacks the seal of its attempt. */
  readonly sealedResults = new Gate('sluice-sealed-results');
  /** Whether what a lane that ended well wrote is kept where the step around it does not end well. */
  readonly endedWell = new Gate('sluice-ended-well');
  /** Whether a local action that this worker lacks runs as a regular one, on another worker. */
  readonly otherWorkers = new Gate('sluice-other-workers');
  /** Whether a child is told how many runs are above it, and refused where there are too many. */
  readonly childDepth = new Gate('sluice-child-depth');
  /** Set while lanes should stop so that the run can continue as new. */
  parking = false;
  cancelRequested = false;
  /** Called when the run's waits have changed and the workflow task has nothing more to do. */
  onQuiet: () => void = () => undefined;
  /** Lanes that work themselves: all except those that wait for lanes inside them. */
  leaves = 1;
  /** Leaves that are in a wait. */
  waiting = 0;
  /** Why the run ends, where neither its definition nor a cancellation from outside ends it. */
  stoppedBy: SluiceError | undefined;
  /** The error that the run failed with. */
  failure: RunError | undefined;
  /** Children that lanes wait for. */
  children = 0;
  /** An already-resolved promise; awaiting it lets every other ready lane advance first. */
  readonly turn: Promise<Pause> = Promise.resolve('ready');
  private readonly roomQueue = new Queue();
  private readonly blocks = new Map<string, readonly Step[]>();
  private readonly steps = new Map<string, Step>();
  private readonly machine: RunLane;

  constructor({ definition, state, payload, resets, doors, limits, runLane }: RunParts) {
    this.definition = definition;
    this.state = state;
    this.payload = payload;
    this.resets = resets;
    this.doors = doors;
    this.machine = runLane;
    const { prepared, start } = state;
    const info = workflowInfo();
    this.header = {
      runId: info.firstExecutionRunId,
      tenant: start.tenant,
      definition: prepared.pin.id,
      version: prepared.pin.version,
    };
    this.log = new EventLog(state);
    this.inbox = new Inbox(state, this.log, doors);
    this.flusher = new Flusher(this.header, this.log, () => {
      this.noteWaiting();
      this.onQuiet();
    });
    this.evaluator = new Evaluator({
      payload,
      system: prepared.system,
      meta: {
        runId: this.header.runId,
        workflowId: info.workflowId,
        definitionId: prepared.pin.id,
        version: prepared.pin.version,
        hash: prepared.pin.hash,
        tenant: start.tenant,
        actor: start.actor,
        parent: start.parent ?? null,
        root: start.root ?? null,
        trigger: start.trigger ?? null,
      },
    });
    this.budget = new Budget(this.evaluator.meter, limits);
    this.operations = new Operations(this.budget);
    this.root = this.lane(state.root, undefined, state.vars);
    this.root.stateName = state.stateName;
    const fixed = jsonSize(prepared) + jsonSize(payload);
    this.carriedSize = new CarriedSize(
      state.root,
      () => fixed + this.root.varsBytes + this.inbox.heldBytes,
      (bytes) => this.inbox.shed(bytes),
    );
  }

  /** Runs a lane until it has ended or is parked. */
  runLane(lane: Lane): Promise<'ended' | 'parked'> {
    return this.machine(this, lane);
  }

  /** Makes the working lane of a lane's state. */
  lane(state: LaneState, parent: Lane | undefined, vars = parent?.vars ?? {}): Lane {
    return new Lane(state, parent, vars, {
      itemVar: (path) => {
        const step = this.stepAt(path);
        return step.type === 'control.forEach' ? step.itemVar : undefined;
      },
      captureErrorAs: (path) => {
        const step = this.stepAt(path);
        return step.type === 'control.tryCatch' ? step.captureErrorAs : undefined;
      },
    });
  }

  /** The steps of a block, by its path. */
  block(path: string): readonly Step[] {
    const cached = this.blocks.get(path);
    if (cached) return cached;
    const found = blockAt(this.definition, path);
    this.blocks.set(path, found);
    return found;
  }

  /** The step at a path; the path of a compensation gives the step that it compensates. */
  stepAt(path: string): Step {
    const cached = this.steps.get(path);
    if (cached) return cached;
    const compensated = compensatedStep(path);
    if (compensated !== undefined) return this.stepAt(compensated);
    const at = path.lastIndexOf('[');
    const step = this.block(path.slice(0, at))[Number(path.slice(at + 1, -1))];
    if (!step) throw new SluiceError('STATE_CORRUPT', `The definition has no step at ${path}`);
    this.steps.set(path, step);
    return step;
  }

  /**
   * Sets a variable.
   * @throws SluiceError STATE_TOO_LARGE, ASSIGN_INVALID; then nothing has changed
   */
  assign(lane: Lane, path: readonly string[], value: Json): void {
    const restore = this.restorePoint(lane);
    try {
      const grown = lane.write(path, value);
      if (lane.varsBytes > LIMITS.stateBytes) {
        const name = ['vars', ...path].join('.');
        throw new SluiceError(
          'STATE_TOO_LARGE',
          `All variables together would have ${lane.varsBytes} bytes with ${name}; the limit is ${LIMITS.stateBytes}`,
          { details: { path: name, bytes: lane.varsBytes, limit: LIMITS.stateBytes } },
        );
      }
      if (lane.parent) this.carriedSize.hold(grown);
      else this.carriedSize.mustFit(grown, grown);
    } catch (error) {
      restore();
      throw error;
    }
  }

  /** Remembers a lane's variables. The function that it returns restores them. */
  restorePoint(lane: Lane): () => void {
    const { vars, varsBytes } = lane;
    const { writes } = lane.state;
    const { held } = this.carriedSize;
    return () => {
      lane.vars = vars;
      lane.varsBytes = varsBytes;
      lane.state.writes = writes;
      this.carriedSize.held = held;
    };
  }

  /**
   * Sets the event that expressions of a lane see: the last one that matched.
   * @throws SluiceError STATE_TOO_LARGE
   */
  setEvent(lane: Lane, event: Json): void {
    const before = lane.state.event === undefined ? 0 : jsonSize(lane.state.event);
    this.carriedSize.hold(jsonSize(event) - before);
    lane.state.event = event;
  }

  /**
   * Checks a value that goes through Temporal against a limit.
   * @param limit bytes; absent: 1 MiB
   * @throws SluiceError with the given code
   */
  fitting(
    value: Json,
    code: 'RESULT_TOO_LARGE' | 'INPUT_TOO_LARGE',
    what: string,
    limit: number = LIMITS.stateBytes,
  ): Json {
    const bytes = jsonSize(value);
    if (bytes <= limit) return value;
    throw new SluiceError(code, `${what} has ${bytes} bytes; the limit is ${limit}`, {
      details: { bytes, limit },
    });
  }

  /** Sets the business state. */
  setState(lane: Lane, name: string): void {
    if (!lane.writeState(name)) return;
    this.state.stateName = name;
    this.log.emit('STATE_SET', { state: name });
  }

  /** Waits until a step that found no room for its input may try again. */
  async room(lane: Lane): Promise<Pause> {
    const ticket = this.roomQueue.join();
    const { releases } = this.carriedSize;
    try {
      return await this.pause(
        lane,
        'room',
        undefined,
        () =>
          this.roomQueue.isFirst(ticket) &&
          (this.carriedSize.releases !== releases || this.carriedSize.holders === 0),
      );
    } finally {
      this.roomQueue.leave(ticket);
    }
  }

  /** Waits until a slot is free and takes it (`ready`), or until the lane has to stop. */
  async slot(lane: Lane, slots: Slots): Promise<Pause> {
    const ticket = slots.queue.join();
    try {
      for (;;) {
        if (slots.take(ticket)) return 'ready';
        const pause = await this.pause(
          lane,
          'slot',
          undefined,
          () => slots.free && slots.queue.isFirst(ticket),
        );
        if (pause !== 'ready') return pause;
      }
    } finally {
      slots.queue.leave(ticket);
    }
  }

  /**
   * Waits until `ready` holds, until an instant, or until the lane has to stop.
   * @param summary the name of the timer in the Web UI's timeline
   * @param until epoch ms; absent: without a limit
   */
  async pause(
    lane: Lane,
    summary: string,
    until?: number,
    ready: () => boolean = () => false,
  ): Promise<Pause> {
    for (;;) {
      if (ready()) return 'ready';
      if (lane.interrupted) return 'interrupted';
      if (until !== undefined && now() >= until) return 'due';
      if (this.mayPark) return 'parked';
      const wake = () => ready() || lane.interrupted || this.mayPark;
      if (until === undefined) await condition(wake);
      else await condition(wake, Math.max(1, until - now()), { summary });
    }
  }

  /** Waits park only once no operation is in flight: while one is, they must not miss their deadlines. */
  private get mayPark(): boolean {
    return this.parking && this.operations.none;
  }

  /** Whether lanes should begin to stop, so that the run can continue as new. */
  get parkingDue(): boolean {
    if (this.parking || this.cancelRequested || this.budget.continueReason === undefined) return false;
    return this.children === 0 || this.budget.historyNearlyFull;
  }

  /** Starts parking if it is due: a lane that ended an operation would go on before the run's watch wakes. */
  parkIfDue(): void {
    if (this.parkingDue) this.parking = true;
  }

  /** Like `pause`, and counted as a wait: the run shows WAITING while all its leaves wait. */
  async wait(lane: Lane, summary: string, until?: number, ready?: () => boolean): Promise<Pause> {
    this.waiting++;
    this.flusher.request();
    try {
      return await this.pause(lane, summary, until, ready);
    } finally {
      this.waiting--;
    }
  }

  /** Notes that a wait has ended; the run is RUNNING again if it was WAITING. */
  resumed(): void {
    if (this.state.status !== 'WAITING') return;
    this.state.status = 'RUNNING';
    this.log.emit('RUN_RESUMED', {});
  }

  /** Makes the run findable by a wait's key. */
  correlate(key: string): void {
    addKey(this.state, key);
  }

  /** Notes that a lane has ended; if all others wait, the run waits. */
  laneEnded(): void {
    if (this.waiting > 0) this.flusher.request();
  }

  /**
   * Ends the workflow task. Where there is something to commit, a flush ends it: a flush returns within
   * milliseconds, and shows how far the run is. A Temporal timer may fire a second late.
   */
  async breathe(): Promise<void> {
    await this.budget.yield(() =>
      this.log.hasFree ? this.flusher.flushed() : sleep(1, { summary: 'yield' }),
    );
  }

  /** Gathers what the next execution starts from. */
  snapshot(): RunState {
    return {
      ...this.state,
      vars: this.root.vars,
      stateName: this.root.stateName,
      pending: this.log.unacknowledged(),
    };
  }

  /** Called when a workflow task has nothing more to do and a flush is due. */
  private noteWaiting(): void {
    if (this.state.status !== 'RUNNING' || this.waiting === 0 || this.waiting < this.leaves) return;
    this.state.status = 'WAITING';
    this.log.emit('RUN_WAITING', {});
  }
}

/** ISO instant of an optional epoch ms. */
export function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : isoAt(ms);
}
