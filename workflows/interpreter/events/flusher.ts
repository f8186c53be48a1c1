/**
 * The flush: the regular activity that is the carrier of events which no action carries. One flush runs at a
 * time. It is never cancelled, and belongs to no lane's CancellationScope.
 *
 * It starts when the workflow task has nothing else to do. So waits that open together share one flush, and
 * an event that satisfies a wait at once may cost none.
 */
import { CancellationScope, condition, log, scheduleActivity } from '@temporalio/workflow';
import { ACTIVITY_TYPES } from '../../../contracts/run/messages.js';
import { FlushResult, type FlushRequest, type RunHeader } from '../../../contracts/run/activity.js';
import type { EventLog } from './event-log.js';

/** Bytes of free events past which a flush starts without a request. */
const FLUSH_BYTES = 128 * 1024;

/** Without a limit of tries: a database that is away loses no event and fails no run. */
export const FLUSH_OPTIONS = {
  startToCloseTimeout: '30s',
  retry: { initialInterval: 100, backoffCoefficient: 2, maximumInterval: '10s' },
} as const;

export class Flusher {
  private requested = false;
  private inFlight = false;

  constructor(
    private readonly run: RunHeader,
    private readonly events: EventLog,
    private readonly beforeFlush: () => void,
  ) {}

  /** Asks for a flush as soon as this workflow task has nothing else to do. */
  request(): void {
    this.requested = true;
  }

  /** Whether no flush is in flight or requested. */
  get idle(): boolean {
    return !this.inFlight && !this.due;
  }

  private get due(): boolean {
    return (this.requested && this.events.hasFree) || this.events.waitingBytes > FLUSH_BYTES;
  }

  /** Flushes on request until the workflow ends; start it once. */
  async work(): Promise<never> {
    for (;;) {
      await condition(() => this.requested || this.due);
      this.beforeFlush();
      this.requested = false;
      await this.flush();
    }
  }

  /** Waits until the events that are free now have been committed. */
  async flushed(): Promise<void> {
    this.request();
    await condition(() => !this.requested && !this.inFlight);
  }

  /** Waits until every event has been committed. */
  async drain(): Promise<void> {
    while (!this.events.isEmpty) {
      this.request();
      await condition(
        () => !this.requested && !this.inFlight && (this.events.isEmpty || this.events.hasFree),
      );
    }
  }

  private async flush(): Promise<void> {
    const batch = this.events.take();
    if (batch.entries.length === 0) return;
    this.inFlight = true;
    const request: FlushRequest = { run: this.run, events: [...batch.events] };
    let result: unknown;
    try {
      result = await CancellationScope.nonCancellable(() =>
        scheduleActivity(ACTIVITY_TYPES.flushEvents, [request], {
          ...FLUSH_OPTIONS,
          summary: `commit ${batch.events.length} events`,
        }),
      );
    } catch (thrown) {
      // Temporal repeats everything that a repetition can fix, so the database will never take this batch: a
      // defect. The run goes on, because the database decides nothing. The events are in this activity's
      // input, in history, from which the gap in the log can be filled.
      log.error('The database refused run events', { error: String(thrown), firstSeq: batch.events[0]?.seq });
    } finally {
      this.events.settle(batch, true, FlushResult.safeParse(result).data?.signals);
      this.inFlight = false;
    }
  }
}
