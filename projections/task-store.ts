/** Tasks, bound to one database. */
import type {
  TaskCounts,
  TaskEntry,
  TaskFilter,
  TaskSummary,
  TaskView,
  TaskWrite,
} from '../contracts/tasks/record.js';
import type { Page, PageRequest } from './connection/page.js';
import type { Writer } from './connection/writer.js';
import { getTask, listTaskEntries } from './reads/tasks/get-task.js';
import { countTasks, listTasks } from './reads/tasks/list-tasks.js';
import { recordTask } from './writers/record-task.js';

export interface TaskStore {
  /**
   * Writes what the task's workflow did; a repetition changes nothing.
   * @throws SluiceError TASK_EXISTS where another workflow has written the task
   */
  record(execution: string, write: TaskWrite): Promise<void>;
  /** Late ones first, then by priority, then the oldest. */
  list(tenant: string, filter?: TaskFilter, page?: PageRequest): Promise<Page<TaskSummary>>;
  get(tenant: string, item: string): Promise<TaskView | undefined>;
  /** What was done to a task, oldest first. */
  entries(tenant: string, item: string, page?: PageRequest): Promise<Page<TaskEntry>>;
  count(tenant: string): Promise<TaskCounts>;
}

export function createTasks(writer: Writer): TaskStore {
  return {
    record: (...args) => recordTask(writer, ...args),
    list: (...args) => listTasks(writer.database, ...args),
    get: (...args) => getTask(writer.database, ...args),
    entries: (...args) => listTaskEntries(writer.database, ...args),
    count: (...args) => countTasks(writer.database, ...args),
  };
}
