/** What the options of a start mean to Temporal, where a workflow id is in use or was used before. */
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';

export const CONFLICT = {
  fail: WorkflowIdConflictPolicy.FAIL,
  'use-existing': WorkflowIdConflictPolicy.USE_EXISTING,
  'terminate-existing': WorkflowIdConflictPolicy.TERMINATE_EXISTING,
} as const;

export const REUSE = {
  always: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
  never: WorkflowIdReusePolicy.REJECT_DUPLICATE,
  'after-failure': WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
} as const;
