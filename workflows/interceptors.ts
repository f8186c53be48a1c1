/**
 * Interceptors that the SDK needs to run Sluice's workflows.
 *
 * The SDK finds a workflow by `module[type]`, and a module object has a prototype: without this interceptor,
 * a start of the type `constructor` or `toString` would run a function of JavaScript's own.
 */
import { workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { readCancelReason } from './runtime/cancel-reason.js';
import { withPriority } from './runtime/priority.js';
import run from './index.js';

/** Named as Temporal's `workflowModules` expects it. */
export const interceptors = (): WorkflowInterceptors => ({
  internals: [readCancelReason],
  outbound: [withPriority],
  inbound: [
    {
      async execute(input, next) {
        if (workflowInfo().workflowType in Object.prototype) return await run(input.args[0], input.args[1]);
        return await next(input);
      },
    },
  ],
});
