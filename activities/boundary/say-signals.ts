/**
 * An action carries run events: its result, or its failure, says which events of signals it committed. The
 * result has the seal of its attempt too, by which the run knows that a worker answers.
 */
import { ApplicationFailure } from '@temporalio/activity';
import { ActionEnvelope, ActionFailureDetails, type ActionResult } from '../../contracts/run/activity.js';
import { sealOf, signalPrints } from '../../contracts/run/signal-prints.js';

/**
 * Runs an action and adds to what it answers.
 * @param envelope the action's ActionEnvelope; another value gets no addition
 * @returns the action's result, with `signals` and `seal`
 * @throws what the action throws; a failure that committed the events has `signals` in its details
 */
export async function sayingSignals(
  envelope: unknown,
  run: () => Promise<ActionResult>,
): Promise<ActionResult> {
  const events = ActionEnvelope.safeParse(envelope).data;
  if (events === undefined || events.local === true) return await run();
  const signals = signalPrints(events.events);
  try {
    return { ...(await run()), signals, seal: sealOf(events) };
  } catch (thrown) {
    throw addTo(thrown, signals);
  }
}

function addTo(thrown: unknown, signals: string): unknown {
  if (!(thrown instanceof ApplicationFailure)) return thrown;
  const [first, ...rest] = thrown.details ?? [];
  const details = ActionFailureDetails.safeParse(first);
  if (!details.success || !details.data.committed) return thrown;
  // The failure stays the one that the action threw, with its stack and its cause.
  return Object.assign(thrown, {
    details: [{ ...details.data, signals } satisfies ActionFailureDetails, ...rest],
  });
}
