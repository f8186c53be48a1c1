/** What any Temporal client may send to the workflow of a task. */

/** The update with which people act: a TaskAct. Its update id is the request id, unless the act names one. */
export const TASK_UPDATE = 'task';

/** The signal with which Sluice ends a task without a decision. */
export const TASK_SIGNAL = 'endTask';

/** The query that shows the state. */
export const TASK_QUERY = 'state';
