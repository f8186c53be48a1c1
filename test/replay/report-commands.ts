/**
 * A workflow module: tells the replaying test what the workflow asks of Temporal, with all values. Temporal's
 * own replay compares names and order; an input that has changed it would not notice.
 *
 * What is taken back in the workflow task in which it was asked for is never sent, and in no history.
 */
import { proxySinks, workflowInfo, type Sinks, type WorkflowInterceptors } from '@temporalio/workflow';

export interface CommandSinks extends Sinks {
  commands: {
    add(number: number, kind: string, name: string, values: unknown): void;
    takeBack(number: number): void;
  };
}

const { commands } = proxySinks<CommandSinks>();

/** Named as Temporal's `workflowModules` expects it. */
export const interceptors = (): WorkflowInterceptors => {
  let count = 0;
  const asks = <T>(kind: string, name: string, values: unknown, ask: () => Promise<T>): Promise<T> => {
    const number = count++;
    const task = workflowInfo().historyLength;
    commands.add(number, kind, name, values);
    const asked = ask();
    asked.catch(() => {
      if (workflowInfo().historyLength === task) commands.takeBack(number);
    });
    return asked;
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
          asks('activity', input.activityType, input.args, () => next(input)),
        startChildWorkflowExecution: (input, next) =>
          asks('child', input.workflowType, input.options.args, () => next(input)),
        startTimer: (input, next) => asks('timer', '', [input.durationMs], () => next(input)),
        continueAsNew(input, next) {
          commands.add(count++, 'continue', '', input.args);
          return next(input);
        },
      },
    ],
  };
};
