/**
 * Operations of the older engine, which drove runs from its database. Here they are refused.
 *
 * Invariant: nothing happens. No row is read or written, no signal is sent, Temporal is not called. A caller
 * of the old contract gets a coded refusal that says what to do instead.
 */
import { SluiceError } from '../../contracts/errors.js';

/** What to do instead of each operation. */
const INSTEAD = {
  resume:
    'A run needs no resume: Temporal continues every open run as soon as a worker polls. A wait ends with its event (`sluice events publish`); a closed run continues from a step with `sluice runs rewind`.',
  retry:
    'The `retry` policy of a step retries its attempts. `sluice runs rewind` takes a failed run to an earlier step; `sluice runs rerun` starts a new run with the same payload.',
  requeue_event_wait:
    'A wait is not queued: it is open in its workflow until its event arrives. `sluice events explain` shows how an event was handled; `sluice events publish` publishes it again.',
  execute:
    'Rows execute nothing. `sluice run` starts a run; `sluice runs rerun` starts one again with the original payload.',
} as const;

export type LegacyAction = keyof typeof INSTEAD;

/** Names of the refused operations. */
export const LEGACY_ACTIONS = Object.keys(INSTEAD) as readonly LegacyAction[];

/**
 * Refuses an operation.
 * @throws SluiceError WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED, always; INPUT_INVALID for a name that is not in
 *   the list
 */
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
