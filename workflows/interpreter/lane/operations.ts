/**
 * Activities and children in flight: while there is one, the run can't continue as new.
 *
 * Invariant: none begins where the history has no room for one more.
 */
import { SluiceError } from '../../../contracts/errors.js';
import type { Budget } from './budget.js';
import type { Lane } from './lane.js';

/** What becomes of an activity. */
export interface ActivityEnd<A, T> {
  readonly succeeded: (answer: A) => T;
  readonly failed: (thrown: unknown) => T;
}

export class Operations {
  private inFlight = 0;

  constructor(private readonly budget: Budget) {}

  get none(): boolean {
    return this.inFlight === 0;
  }

  /**
   * Runs one child in a lane, which can be cancelled while it runs.
   * @throws SluiceError HISTORY_LIMIT where the history has no room for one more
   */
  async child<T>(lane: Lane, run: () => Promise<T>): Promise<T> {
    if (this.budget.historyFull) throw historyLimit();
    this.inFlight++;
    try {
      return await lane.operate(run);
    } finally {
      this.inFlight--;
    }
  }

  /**
   * Runs one activity.
   *
   * Temporal's SDK notes a stack trace for each promise that a workflow makes, which costs more than all else that a
   * step does. So what follows an activity hangs on it directly: no asynchronous function of a layer in between.
   * @param lane whose cancellation cancels it; absent: nothing does
   * @param end what becomes of it; SluiceError HISTORY_LIMIT where the history has no room for one more
   */
  activity<T>(
    lane: Lane | undefined,
    schedule: () => Promise<unknown>,
    end: ActivityEnd<unknown, T>,
  ): Promise<T> {
    if (this.budget.historyFull) return Promise.resolve(end.failed(historyLimit()));
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

/** The history filled up while something kept the run from continuing as new. */
export function historyLimit(): SluiceError {
  return new SluiceError(
    'HISTORY_LIMIT',
    'The history of the run filled up while an action or a child kept it from continuing as new',
  );
}
