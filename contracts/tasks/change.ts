/** What one act, or a time, changes of a task. */
import type { TaskAction } from './act.js';
import type { Assignee, TaskState } from './task.js';

/** What happens without an act: the request itself, and what time does (time.ts). */
type TimedAction = 'requested' | 'warned' | 'escalated' | 'overdue' | 'expired' | 'claim_expired';

/** A notification that the change causes. */
export interface NoticeDraft {
  readonly category: 'assignment' | 'changes' | 'deadline' | 'escalation' | 'decision';
  /** Unique in the task: the same key again notifies no one. */
  readonly key: string;
  readonly to: Assignee;
}

export interface TaskChange {
  readonly state: TaskState;
  readonly action: TaskAction | TimedAction;
  readonly notices: readonly NoticeDraft[];
}
