/**
 * Events that came before a wait for them was registered: sent to the run as soon as it is.
 *
 * Invariant: asked after the commit that registered the waits, and asked again by every repetition of the activity,
 * so a crash between the two loses nothing. What is sent twice, the run knows by its id. The run decides whether a
 * wait takes an event; this only proposes.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { SluiceError } from '../../contracts/errors.js';
import { jsonSize } from '../../contracts/json.js';
import type { Execution, MissedEvent, OpenedWait, ProjectionStore } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { LIMITS } from '../../contracts/limits.js';
import { SIGNALS, signalThatFits } from '../../contracts/run/messages.js';

/**
 * Sends the run what it missed.
 * @param events as they were committed
 * @throws SluiceError DATABASE_*, TEMPORAL_UNAVAILABLE
 */
export async function deliverMissed(
  projections: ProjectionStore,
  execution: Execution,
  events: readonly RunEvent[],
): Promise<void> {
  const waits = openedWaits(events);
  if (waits.length === 0) return;
  const { tenant, runId } = execution.run;
  const found = await projections.missedEvents(tenant, runId, waits);
  if (found.length === 0) return;
  const { client, log } = Context.current();
  const missed = fitting(found);
  if (missed.length < found.length || found.length >= LIMITS.missedEvents) {
    log.warn('More events came before a wait than are sent to it', { runId, sent: missed.length });
  }
  const handle = client.workflow.getHandle(execution.workflowId);
  try {
    for (const event of missed) await handle.signal(SIGNALS.event, { ...event, runId });
  } catch (error) {
    // The run has ended meanwhile: nobody waits any more.
    if (error instanceof WorkflowNotFoundError) return;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('TEMPORAL_UNAVAILABLE', `The run could not be sent what it missed: ${reason}`, {
      cause: error,
    });
  }
  await projections.recordMissed(execution, waits, missed);
}

/** The oldest that fit into a history; at least one. The others are there for the next wait that opens. */
function fitting(found: readonly MissedEvent[]): readonly MissedEvent[] {
  const events: MissedEvent[] = [];
  let bytes = 0;
  for (const event of found.map(signalThatFits)) {
    bytes += jsonSize(event.payload);
    if (events.length > 0 && bytes > LIMITS.missedBytes) break;
    events.push(event);
  }
  return events;
}

interface Waiting {
  readonly eventNames?: readonly string[] | undefined;
  readonly correlationKey?: string | null | undefined;
  readonly since?: number | undefined;
}

/** True where these events open a wait that events may have come for already. */
export function opensWaits(events: readonly RunEvent[]): boolean {
  return openedWaits(events).length > 0;
}

/** Waits for events with a key that these events open, or say to be open after a reset, and do not close again. */
function openedWaits(events: readonly RunEvent[]): readonly OpenedWait[] {
  const nameOf = (path: string, iteration: readonly number[]): string =>
    `${path}${iteration.length === 0 ? '' : `[${iteration.join(', ')}]`}`;
  const open = new Map<string, OpenedWait>();
  const add = (place: string, { eventNames, correlationKey, since }: Waiting): void => {
    if (eventNames === undefined || typeof correlationKey !== 'string') return;
    open.set(place, { place, eventNames, correlationKey, since: since ?? 0 });
  };
  for (const event of [...events].sort((a, b) => a.seq - b.seq)) {
    const place = nameOf(event.stepPath ?? '', event.iteration ?? []);
    if (event.type === 'WAIT_OPENED') {
      add(place, event.data);
    } else if (event.type.startsWith('WAIT_')) {
      open.delete(place);
    } else if (event.type === 'SNAPSHOT') {
      for (const wait of event.data.openWaits) add(nameOf(wait.path, wait.iteration), wait);
    }
  }
  return [...open.values()];
}
