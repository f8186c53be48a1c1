/**
 * Asks the policies before an event is published, a child starts or people are asked. For an action its own
 * activity asks.
 *
 * Invariant ([every-stage-that-acts-asks]): where the worker that prepared the run had policies, no such step
 * acts before the activity has permitted this attempt. A run that was prepared without has nothing of it in
 * its history. What could break it:
 * - An answer that somebody gave by hand, in another form: it permits nothing.
 * - A worker of an older release, which does not know the question: it is asked again, of another worker.
 */
import { ActivityFailure, ApplicationFailure, isCancellation, scheduleActivity } from '@temporalio/workflow';
import { SluiceError } from '../../../contracts/errors.js';
import { AuthorizeResult, type AskedStage, type AuthorizeRequest } from '../../../contracts/run/activity.js';
import { ACTIVITY_TYPES } from '../../../contracts/run/messages.js';
import { now } from '../../runtime/clock.js';
import { INFRASTRUCTURE_RETRY } from '../../runtime/retry-options.js';
import { errorCompletion } from '../state/failure.js';
import { historyLimit } from '../lane/operations.js';
import type { Completion } from '../state/state.js';
import type { StepContext } from '../run/step-context.js';
import { summaryOf } from '../run/step-events.js';

/** Time for one decision and its commit, ms. */
const DECISION_MS = 30_000;

/** Until a question that a worker of an older release got is asked again, ms. */
const ASK_AGAIN_MS = 1_000;

/** Whether steps of this run have to ask. */
export function asksPolicies({ run }: StepContext): boolean {
  return run.state.prepared.policies === true;
}

/**
 * Asks about one attempt. Ask only where `asksPolicies` holds.
 * @returns `permitted`; how the step ends instead; or `parked` where it has to ask in the next execution
 */
export async function authorizeStage(
  context: StepContext,
  stage: AskedStage,
  attempt = 1,
): Promise<'permitted' | Completion | 'parked'> {
  const { run, lane } = context;
  for (;;) {
    const pause = await run.slot(lane, run.slots);
    if (pause === 'parked') return 'parked';
    if (pause !== 'ready') return { t: 'cancel' };
    const answer = await ask(context, stage, attempt);
    run.slots.give();
    if (answer !== 'again') return answer;
    const until = now() + ASK_AGAIN_MS;
    if ((await run.pause(lane, `authorize ${summaryOf(context.step)}`, until)) === 'parked') return 'parked';
  }
}

async function ask(
  { run, lane, step, path, iteration }: StepContext,
  stage: AskedStage,
  attempt: number,
): Promise<'permitted' | 'again' | Completion> {
  const request: AuthorizeRequest = {
    run: run.header,
    actor: run.state.start.actor,
    step: { path, id: step.id, iteration: [...iteration], attempt },
    system: run.state.prepared.system,
    stage,
  };
  return await run.operations.activity<'permitted' | 'again' | Completion>(
    lane,
    () =>
      scheduleActivity(ACTIVITY_TYPES.authorizeStage, [request], {
        startToCloseTimeout: DECISION_MS,
        retry: INFRASTRUCTURE_RETRY,
        summary: `authorize ${summaryOf(step)}`,
      }),
    {
      succeeded: (answer) =>
        AuthorizeResult.safeParse(answer).success
          ? 'permitted'
          : errorCompletion(
              new SluiceError('UNAUTHORIZED', `The question whether ${step.id} may act was answered by hand`),
              path,
              attempt,
            ),
      failed: (thrown) => {
        if (isCancellation(thrown) && lane.cancelled) return { t: 'cancel' };
        if (isUnknown(thrown)) return 'again';
        const error = isCancellation(thrown) && lane.stopped ? historyLimit() : thrown;
        return errorCompletion(error, path, attempt);
      },
    },
  );
}

/** Whether the worker that was asked is of a release that does not know the question. */
function isUnknown(thrown: unknown): boolean {
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  return cause instanceof ApplicationFailure && cause.type === 'NAME_RESERVED';
}
