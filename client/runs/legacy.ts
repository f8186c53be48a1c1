/**
 * What an older engine of this kind did from its database, and nobody can do here.
 *
 * Invariant: nothing happens. No row is read or written, no signal sent, Temporal is not called: callers of the old
 * contract get a coded refusal that says what to do instead.
 */
import { SluiceError } from '../../contracts/errors.js';

/** What to do instead of each. */
const INSTEAD = {
  resume:
    'Nothing has to be resumed: Temporal goes on with every open run as soon as a worker polls. A wait is ended by its event (`sluice events publish`), a closed run goes on from a step with `sluice runs rewind`.',
  retry:
    'Attempts are retried by the `retry` policy of the step. A run that has failed goes back to a step with `sluice runs rewind`, or begins anew with `sluice runs rerun`.',
  requeue_event_wait:
    'A wait is never queued: it is open in its workflow until its event comes. `sluice events explain` tells what became of an event; publish it again with `sluice events publish`.',
  execute:
    'Rows execute nothing. Start a run with `sluice run`, or again from its original payload with `sluice runs rerun`.',
} as const;

export type LegacyAction = keyof typeof INSTEAD;

/** Names of the actions that are refused. */
export const LEGACY_ACTIONS = Object.keys(INSTEAD) as readonly LegacyAction[];

/** @throws SluiceError WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED, always; INPUT_INVALID for an action that never was one */
export function refuseLegacy(action: LegacyAction, runId: string): never {
  if (!Object.hasOwn(INSTEAD, action)) {
    throw new SluiceError('INPUT_INVALID', `action: one of ${LEGACY_ACTIONS.join(', ')}`);
  }
  const code = 'WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED';
  const instead = INSTEAD[action];
  throw new SluiceError(code, `Runs are executed by Temporal: ${action} does not exist. ${instead}`, {
    details: { code, action, engine: 'temporal', runId, instead },
  });
}
