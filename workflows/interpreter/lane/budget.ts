/**
 * What one workflow task and one execution may do, so that Temporal's own limits are never met.
 *
 * A task that does too much is retried for ever; a history that grows too long is terminated. So a lane
 * yields after a bounded amount of work, and the run continues as new
 * when the server suggests it or one of Sluice's own counts says so.
 */
import { workflowInfo } from '@temporalio/workflow';
import { LIMITS } from '../../../contracts/limits.js';

export interface HistoryLimits {
  readonly historyEvents: number;
  readonly historyEventsMost: number;
}

export type ContinueReason = 'suggested' | 'history' | 'local-steps';

export class Budget {
  private task = -1;
  private steps = 0;
  private bytes = 0;
  private spentBefore = 0;
  private localSteps = 0;
  private yielding: Promise<void> | undefined;

  constructor(
    private readonly meter: { readonly spent: number },
    private readonly limits: HistoryLimits,
  ) {}

  /** Counts one interpreter step. */
  step(): void {
    this.noticeTask();
    this.steps++;
  }

  /** Counts the bytes of a command. */
  command(bytes: number): void {
    this.noticeTask();
    this.bytes += bytes;
  }

  /** Counts a local activity or a yield, which the history does not show in time. */
  localStep(): void {
    this.localSteps++;
  }

  /** True where the current task has done enough. */
  get spent(): boolean {
    this.noticeTask();
    return (
      this.steps >= LIMITS.stepsPerTask ||
      this.bytes >= LIMITS.bytesPerTask ||
      this.meter.spent - this.spentBefore >= LIMITS.expressionStepsPerTask
    );
  }

  /**
   * Lets the task end; lanes that ask at the same time share one way out.
   * @param pass something that ends in a later task
   */
  async yield(pass: () => Promise<void>): Promise<void> {
    this.yielding ??= this.leave(pass);
    await this.yielding;
  }

  private async leave(pass: () => Promise<void>): Promise<void> {
    this.localStep();
    try {
      await pass();
    } finally {
      this.yielding = undefined;
      this.reset();
    }
  }

  /** Why the run should continue as new, if it should. */
  get continueReason(): ContinueReason | undefined {
    const info = workflowInfo();
    if (info.continueAsNewSuggested) return 'suggested';
    if (info.historyLength >= this.limits.historyEvents || info.historySize >= LIMITS.historyBytes) {
      return 'history';
    }
    return this.localSteps >= LIMITS.localSteps ? 'local-steps' : undefined;
  }

  /**
   * True past the middle between the two limits: lanes stop starting work, also where a child that runs on
   * keeps the run from continuing as new. Before that they go on, or a child of a week would stop them for it.
   */
  get historyNearlyFull(): boolean {
    const { historyLength, historySize } = workflowInfo();
    const { historyEvents, historyEventsMost } = this.limits;
    return (
      historyLength >= (historyEvents + historyEventsMost) / 2 ||
      historySize >= (LIMITS.historyBytes + LIMITS.historyBytesMost) / 2
    );
  }

  /** True where the run must end because it could not continue as new in time. */
  get historyFull(): boolean {
    const info = workflowInfo();
    return info.historyLength >= this.limits.historyEventsMost || info.historySize >= LIMITS.historyBytesMost;
  }

  /** The history length is the same all through a task, on replay as well, and differs in the next one. */
  private noticeTask(): void {
    const length = workflowInfo().historyLength;
    if (length !== this.task) {
      this.task = length;
      this.reset();
    }
  }

  private reset(): void {
    this.steps = 0;
    this.bytes = 0;
    this.spentBefore = this.meter.spent;
  }
}
