/**
 * Whose share the activities and children of this workflow are of, and how urgent its activities are.
 *
 * Invariant (fair-between-tenants): every activity and child that the workflow schedules names the tenant as
 * its fairness key, also where the workflow was started without one, by another client.
 */
import type { WorkflowOutboundCallsInterceptor } from '@temporalio/workflow';

let tenant: string | undefined;
let priorityKey: number | undefined;

/**
 * Sets what is scheduled from now on.
 * @param priority 1 goes first; undefined: as the server has it
 */
export function scheduleFor(forTenant: string, priority?: number): void {
  tenant = forTenant;
  priorityKey = priority;
}

/**
 * Adds it to each command. A workflow of Sluice's own sets nothing: its activities are of the share that its
 * client has named. A child's own definition says how urgent it is.
 */
export const withPriority: WorkflowOutboundCallsInterceptor = {
  scheduleActivity(input, next) {
    if (tenant === undefined) return next(input);
    const priority = { fairnessKey: tenant, ...(priorityKey !== undefined && { priorityKey }) };
    return next({ ...input, options: { ...input.options, priority } });
  },
  startChildWorkflowExecution(input, next) {
    if (tenant === undefined) return next(input);
    return next({ ...input, options: { ...input.options, priority: { fairnessKey: tenant } } });
  },
};
