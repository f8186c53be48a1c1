/**
 * The flush: the regular activity that carries events which no action carries. Single, serial and never
 * cancelled; in no lane's scope.
 *
 * It starts when the workflow task has nothing else to do, so that waits that open together, and an event
 * that satisfies a wait at once, cost one flush or none.
 */
import { CancellationScope, condition, log, scheduleActivity } from '@temporalio/workflow';
import { ACTIVITY_TYPES } from '../../../contracts/run/messages.js';
import type { FlushRequest, RunHeader } from '../../../contracts/run/activity.js';
import type { EventLog } from './event-log.js';

/** Free events of this many bytes are flushed without being asked for. */
const FLUSH_BYTES = 128 * 1024;

export class Flusher {
  private requested = false;
  private flying = false;

  constructor(
    private readonly run: RunHeader,
    private readonly log: EventLog,
    private readonly beforeFlush: () => void,
  ) {}

  /** Asks for a flush as soon as this workflow task has nothing else to do. */
  request(): void {
    this.requested = true;
  }

  /** True where no flush is in flight or asked for. */
  get idle(): boolean {
    return !this.flying && !this.due;
  }

  private get due(): boolean {
    return (this.requested && this.log.hasFree) || this.log.waitingBytes > FLUSH_BYTES;
  }

  /** Works until the workflow ends; to be started once. */
  async work(): Promise<never> {
    for (;;) {
      await condition(() => this.requested || this.due);
      this.beforeFlush();
      this.requested = false;
      await this.flush();
    }
  }

  /** Waits until what is free now has been committed. */
  async flushed(): Promise<void> {
    this.request();
    await condition(() => !this.requested && !this.flying);
  }

  /** Waits until every event has been committed. */
  async drain(): Promise<void> {
    while (!this.log.isEmpty) {
      this.request();
      await condition(() => !this.requested && !this.flying && (this.log.isEmpty || this.log.hasFree));
    }
  }

  private async flush(): Promise<void> {
    const batch = this.log.take();
    if (batch.entries.length === 0) return;
    this.flying = true;
    const request: FlushRequest = { run: this.run, events: [...batch.events] };
    try {
      await CancellationScope.nonCancellable(() =>
        scheduleActivity(ACTIVITY_TYPES.flushEvents, [request], {
          startToCloseTimeout: '30s',
          // Without a bound: a database that is away loses no event and fails no run.
          retry: { initialInterval: 100, backoffCoefficient: 2, maximumInterval: '10s' },
          summary: `commit ${batch.events.length} events`,
        }),
      );
    } catch (thrown) {
      // Temporal repeats all that repeating can mend, so this is a batch that the database will never take: a
      // defect. The run goes on, because the database decides nothing; the events stand in this activity's
      // input, in history, from where the gap in the log is mended.
      log.error('The database refused run events', { error: String(thrown), firstSeq: batch.events[0]?.seq });
    } finally {
      this.log.settle(batch, true);
      this.flying = false;
    }
  }
}
