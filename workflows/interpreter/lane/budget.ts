/**
 * Limits of the work of one workflow task and one execution, so that a run never reaches Temporal's own
 * limits.
 *
 * Temporal retries a task that does too much without end, and terminates a run whose history grows too long.
 * So a lane yields after a bounded amount of work, and the run continues as new when the server suggests it
 * or one of Sluice's own counts says so.
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

  /** Counts a local activity or a yield, which the history shows too late. */
  localStep(): void {
    this.localSteps++;
  }

  /** Whether the current task has done enough. */
  get spent(): boolean {
    this.noticeTask();
    return (
      this.steps >= LIMITS.stepsPerTask ||
      this.bytes >= LIMITS.bytesPerTask ||
      this.meter.spent - this.spentBefore >= LIMITS.expressionStepsPerTask
    );
  }

  /**
   * Lets the task end; lanes that ask at the same time share one yield.
   * @param pass an operation that ends in a later task
   */
  async yield(pass: () => Promise<void>): Promise<void> {
    this.yielding ??= this.endTask(pass);
    await this.yielding;
  }

  private async endTask(pass: () => Promise<void>): Promise<void> {
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
   * True past the middle between the two limits: from here on lanes stop starting work even where a running
   * child keeps the run from continuing as new. Before that they go on; otherwise a child that runs for a
   * week would stop them for a week.
   */
  get historyNearlyFull(): boolean {
    const { historyLength, historySize } = workflowInfo();
    const { historyEvents, historyEventsMost } = this.limits;
    return (
      historyLength >= (historyEvents + historyEventsMost) / 2 ||
      historySize >= (LIMITS.historyBytes + LIMITS.historyBytesMost) / 2
    );
  }

  /** Whether the run must end because it could not continue as new in time. */
  get historyFull(): boolean {
    const info = workflowInfo();
    return info.historyLength >= this.limits.historyEventsMost || info.historySize >= LIMITS.historyBytesMost;
  }

  /** The history length identifies a task: it stays the same throughout a task, on replay too. */
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
