/** One action as a regular activity, which carries the pending events. */
import { ActivityCancellationType, scheduleActivity } from '@temporalio/workflow';
import { ActionResult, type ActionEnvelope } from '../../contracts/activity.js';
import { DEFAULTS } from '../../contracts/definition/index.js';
import { jsonSize, type Json } from '../../contracts/json.js';
import { committedBeforeFailure } from '../interpreter/failure.js';
import type { Run } from '../interpreter/run.js';

/** The activity ends the action itself at its timeout; Temporal's own comes later, for a worker that is lost. */
export const TIMEOUT_GRACE_MS = 5_000;

export interface ActivityCall {
  readonly action: string;
  readonly input: Json;
  /** Of what travels beside the events. */
  readonly bytes: number;
  readonly heartbeatMs: number | undefined;
  readonly summary: string;
  readonly envelope: (events: ActionEnvelope['events']) => ActionEnvelope;
}

/**
 * Runs it. An infrastructure failure is Temporal's to repeat, without a count; an error of the action's own
 * comes back at once.
 * @param operate runs the operation in a scope: of a lane, or of nobody
 */
export async function runActivity(
  run: Run,
  { action, input, bytes, heartbeatMs, summary, envelope: make }: ActivityCall,
  operate: (work: () => Promise<unknown>) => Promise<unknown>,
): Promise<ActionResult> {
  const batch = run.log.take();
  const envelope = make([...batch.events]);
  run.budget.command(bytes + jsonSize(batch.events));
  let committed = true;
  try {
    return ActionResult.parse(
      await operate(() =>
        scheduleActivity(action, [input, envelope], {
          startToCloseTimeout: envelope.timeoutMs + TIMEOUT_GRACE_MS,
          heartbeatTimeout: heartbeatMs ?? DEFAULTS.heartbeatMs,
          retry: { initialInterval: 200, backoffCoefficient: 2, maximumInterval: '10s' },
          cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
          summary,
        }),
      ),
    );
  } catch (thrown) {
    committed = committedBeforeFailure(thrown);
    throw thrown;
  } finally {
    run.log.settle(batch, committed);
  }
}
