/**
 * Sends a run the events that came before its waits were registered.
 *
 * Invariant: it reads them after the commit that registers the waits, and every repetition of the activity
 * reads them again, so a crash in between loses nothing. The run recognises a second delivery by the event's
 * id. The run decides whether a wait accepts an event; this only proposes.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { toEventSignal } from '../../contracts/events/event-signal.js';
import type { DeliveredEvent } from '../../contracts/inbound-event.js';
import { jsonSize } from '../../contracts/json.js';
import type { Execution, OpenedWait, ProjectionStore } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { LIMITS } from '../../contracts/limits.js';
import { SIGNALS, type EventSignal } from '../../contracts/run/messages.js';

/**
 * Sends the run the events that it missed.
 * @param events the events that were committed
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
  const missed = fitting(found, runId);
  if (missed.length < found.length || found.length >= LIMITS.missedEvents) {
    log.warn('More events came before a wait than fit; the run gets the oldest', {
      runId,
      sent: missed.length,
    });
  }
  const handle = client.workflow.getHandle(execution.workflowId);
  try {
    for (const { signal } of missed) await handle.signal(SIGNALS.event, signal);
  } catch (error) {
    // The run has ended meanwhile, so no wait is open.
    if (error instanceof WorkflowNotFoundError) return;
    const reason = messageOf(error);
    throw new SluiceError('TEMPORAL_UNAVAILABLE', `The run could not be sent what it missed: ${reason}`, {
      cause: error,
    });
  }
  await projections.recordMissed(
    execution,
    waits,
    missed.map(({ event }) => event),
  );
}

/** The oldest events that fit into a history, at least one. The next wait that opens gets the others. */
function fitting(found: readonly DeliveredEvent[], runId: string): readonly SentEvent[] {
  const sent: SentEvent[] = [];
  let bytes = 0;
  for (const event of found) {
    const signal = toEventSignal(event, runId);
    bytes += jsonSize(signal.payload);
    if (sent.length > 0 && bytes > LIMITS.missedBytes) break;
    sent.push({ event, signal });
  }
  return sent;
}

interface SentEvent {
  readonly event: DeliveredEvent;
  readonly signal: EventSignal;
}

interface Waiting {
  readonly eventNames?: readonly string[] | undefined;
  readonly correlationKey?: string | null | undefined;
  readonly since?: number | undefined;
}

/** True if these events open a wait that earlier events may match. */
export function opensWaits(events: readonly RunEvent[]): boolean {
  return openedWaits(events).length > 0;
}

/** Waits with a correlation key that these events open, or report open after a reset, and do not close. */
function openedWaits(events: readonly RunEvent[]): readonly OpenedWait[] {
  // Audit rows hold this text, so it keeps its form, which is not `placeLabel`.
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
