/**
 * A workflow module that reports to the replaying test each command of the workflow, with all values.
 * Temporal's replay compares names and order only; it does not notice a changed input.
 *
 * A command that is withdrawn in the workflow task that made it is never sent, and is in no history.
 */
import { proxySinks, workflowInfo, type Sinks, type WorkflowInterceptors } from '@temporalio/workflow';

export interface CommandSinks extends Sinks {
  commands: {
    add(number: number, kind: string, name: string, values: unknown): void;
    withdraw(number: number): void;
  };
}

const { commands } = proxySinks<CommandSinks>();

/** Named as Temporal's `workflowModules` expects it. */
export const interceptors = (): WorkflowInterceptors => {
  let count = 0;
  const report = <T>(kind: string, name: string, values: unknown, send: () => Promise<T>): Promise<T> => {
    const number = count++;
    const task = workflowInfo().historyLength;
    commands.add(number, kind, name, values);
    const sent = send();
    sent.catch(() => {
      if (workflowInfo().historyLength === task) commands.withdraw(number);
    });
    return sent;
  };
  return {
    inbound: [
      {
        async execute(input, next) {
          const result = await next(input);
          commands.add(count++, 'result', '', [result]);
          return result;
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) =>
          report('activity', input.activityType, input.args, () => next(input)),
        startChildWorkflowExecution: (input, next) =>
          report('child', input.workflowType, input.options.args, () => next(input)),
        startTimer: (input, next) => report('timer', '', [input.durationMs], () => next(input)),
        continueAsNew(input, next) {
          commands.add(count++, 'continue', '', input.args);
          return next(input);
        },
      },
    ],
  };
};
