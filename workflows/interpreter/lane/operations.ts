/**
 * Activities and children in flight: while one is in flight, the run cannot continue as new.
 *
 * Invariant: no operation begins where the history has no room for one more.
 */
import { SluiceError } from '../../../contracts/errors.js';
import type { Budget } from './budget.js';
import type { Lane } from './lane.js';

/** Handlers for the end of an activity. */
export interface ActivityEnd<A, T> {
  /** A promise where something else follows, such as another activity. */
  readonly succeeded: (answer: A) => T | Promise<T>;
  readonly failed: (thrown: unknown) => T | Promise<T>;
}

export class Operations {
  private inFlight = 0;
  private errands = 0;

  constructor(private readonly budget: Budget) {}

  get none(): boolean {
    return this.inFlight === 0;
  }

  /**
   * Runs one child in a lane; the child can be cancelled while it runs.
   * @throws SluiceError HISTORY_LIMIT where the history has no room for one more
   */
  async child<T>(lane: Lane, operation: () => Promise<T>): Promise<T> {
    if (this.budget.historyFull) throw historyLimit();
    this.inFlight++;
    try {
      return await lane.operate(operation);
    } finally {
      this.inFlight--;
    }
  }

  /**
   * Runs an activity that must happen, such as the end of what the run has begun elsewhere: nothing cancels
   * it, and it begins also where the history is nearly full.
   */
  async errand(schedule: () => Promise<unknown>): Promise<void> {
    this.inFlight++;
    this.errands++;
    try {
      await schedule();
    } finally {
      this.inFlight--;
      this.errands--;
    }
  }

  /** Whether an errand is in flight: the run must not end before. */
  get onErrand(): boolean {
    return this.errands > 0;
  }

  /**
   * Runs one activity.
   *
   * Temporal's SDK notes a stack trace for each promise that a workflow makes, which costs more than the rest
   * of a step. So the handlers hang directly on the activity's promise: no layer in between is an
   * asynchronous function.
   * @param lane its cancellation cancels the activity; absent: nothing cancels it
   * @param end its `failed` gets a SluiceError HISTORY_LIMIT where the history has no room for one more
   * activity
   */
  activity<T>(
    lane: Lane | undefined,
    schedule: () => Promise<unknown>,
    end: ActivityEnd<unknown, T>,
  ): Promise<T> {
    if (this.budget.historyFull) return Promise.resolve<T>(end.failed(historyLimit()));
    this.inFlight++;
    const over = (): void => {
      lane?.activityEnded();
      this.inFlight--;
    };
    return (lane === undefined ? schedule() : lane.activity(schedule)).then(
      (answer) => {
        over();
        return end.succeeded(answer);
      },
      (thrown: unknown) => {
        over();
        return end.failed(thrown);
      },
    );
  }
}

/** The error of a run whose history filled up while something kept it from continuing as new. */
export function historyLimit(): SluiceError {
  return new SluiceError(
    'HISTORY_LIMIT',
    'The history of the run filled up while an action or a child kept it from continuing as new',
  );
}
