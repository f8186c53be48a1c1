/**
 * A trigger that failed and that an operator retries: the latest version's triggers of that definition are
 * fired again, with the event as it was recorded, and nothing else of its routing is repeated.
 */
import { z } from 'zod';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import type { DeadLetterAct } from '../../contracts/events/dead-letter.js';
import type { Json } from '../../contracts/json.js';
import type { EventStore, ExplainedEvent, TriggerRetry } from '../../projections/index.js';
import { decodeRecorded } from './decode.js';
import { errorOf, failuresOf, outcomeOf } from './outcome.js';
import { isAway } from './availability.js';
import type { TriggerOutcome, Triggers } from './triggers.js';

const Others = z.array(
  z.object({
    definition: z.string(),
    status: z.enum(['STARTED', 'FILTERED', 'ALREADY_STARTED', 'FAILED']),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  }),
);

/** @throws SluiceError only where the same call will succeed later */
export async function retryTrigger(
  events: EventStore,
  triggers: Triggers,
  retry: TriggerRetry,
): Promise<void> {
  const event = await events.explain(retry);
  let failure: SluiceError | undefined;
  let fired: readonly TriggerOutcome[] = [];
  try {
    fired = await fire(events, triggers, retry, event);
  } catch (thrown) {
    failure = toSluiceError(thrown);
    if (isAway(failure)) throw failure;
  }
  const others = Others.parse(event?.triggers ?? []).filter(
    ({ definition }) => fired.length === 0 || definition !== retry.definition,
  );
  const all = [...others, ...fired];
  const deliveries = event?.runs ?? [];
  const correlated = { correlationKey: event?.correlationKey ?? null, tried: event?.tried ?? [] };
  const outcome = outcomeOf(correlated, deliveries, all);
  const failed = failure ?? failuresOf(fired).get(retry.definition) ?? null;
  await events.finishRetry(retry, {
    triggers: fired as unknown as Json,
    runId: fired.find(({ runId }) => runId !== null)?.runId ?? null,
    outcome,
    error: errorOf(correlated, outcome, deliveries, all),
    failure: failed && { code: failed.code, message: failed.message },
    act: actOf(retry, fired, failed),
  });
}

async function fire(
  events: EventStore,
  triggers: Triggers,
  { tenant, definition }: TriggerRetry,
  found: ExplainedEvent | undefined,
): Promise<readonly TriggerOutcome[]> {
  if (found === undefined) throw new SluiceError('EVENT_NOT_FOUND', 'Retention has removed the event');
  const rows = await events.triggers(tenant, found.name);
  const own = rows.filter((row) => row.definition === definition);
  if (own.length === 0) {
    throw new SluiceError(
      'DEFINITION_NOT_FOUND',
      `No published version of "${definition}" has a trigger for ${found.name}`,
    );
  }
  const { correlationKey, receivedAt } = found;
  // A person decided: a chain that was too long begins anew.
  return triggers.fire(own, {
    ...decodeRecorded(found.envelope).event,
    correlationKey,
    receivedAt,
    chain: undefined,
  });
}

function actOf(
  { act: { actor } }: TriggerRetry,
  fired: readonly TriggerOutcome[],
  failed: { readonly code: string; readonly message: string } | null,
): DeadLetterAct {
  const at = new Date().toISOString();
  if (failed !== null) return { at, actor, act: 'failed', note: `${failed.code}: ${failed.message}` };
  const run = fired.find(({ workflowId }) => workflowId !== null);
  const what = run?.status === 'STARTED' ? 'started' : 'had been started';
  return {
    at,
    actor,
    act: 'retried',
    note: run === undefined ? 'No filter holds: no run was started' : `${run.workflowId ?? ''} ${what}`,
  };
}
