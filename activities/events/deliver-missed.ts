/**
 * Sends a run the events that came before its waits were registered, or that it has returned.
 *
 * Invariants
 * - It reads them after the commit that registers the waits, and every repetition of the activity reads them
 *   again, so a crash in between loses nothing. The run recognises a second delivery by the event's id; what
 *   is older than the ids that it remembers is in its log, and is not sent again. The run decides whether a
 *   wait accepts an event; this only proposes.
 * - What was sent is noted on the way, so a repetition goes on near where the attempt before had stopped: a
 *   look-back that takes longer than one attempt comes to its end.
 * - A wait gets the oldest event that fits it, however many others there are. Beyond that, only as much is
 *   sent as the run's buffer has room for, in order; the rest is left for the next look-back. An event that
 *   no buffer holds is sent only to a wait that it fits.
 * - Events that the run has returned are noted before any wait is looked for. So a wait that opened in the
 *   run after that, and was registered before, gets them too.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { toEventSignal } from '../../contracts/events/event-signal.js';
import { EventFilter, passesFilter } from '../../contracts/events/filters.js';
import { jsonSize, type Json } from '../../contracts/json.js';
import type { DeliveredEvent } from '../../contracts/inbound-event.js';
import { placeInAudit } from '../../contracts/run/place.js';
import type {
  Execution,
  OpenedWait,
  ProjectionStore,
  ReturnedEvent,
} from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { LIMITS } from '../../contracts/limits.js';
import { SIGNALS } from '../../contracts/run/messages.js';
import { claimedSignal } from '../claims/claims.js';

/** Events after which a note is made of what was sent. */
const NOTED_AT_ONCE = 50;

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
  const waits = await waitsToServe(projections, execution, events);
  if (waits.length === 0) return;
  const { events: missed, left, received } = await choose(projections, execution, waits, arrivals(events));
  const { client, info } = Context.current();
  const sender = `${info.base64TaskToken}/${info.attempt}`;
  for (const step of ['sending', 'sent'] as const) {
    await projections.recordMissed(execution, { waits, events: received, sender, step });
  }
  if (missed.length === 0) return;
  const note = { waits, events: missed, sender };
  await projections.recordMissed(execution, { ...note, step: 'sending' });
  const handle = client.workflow.getHandle(execution.workflowId);
  try {
    for (let at = 0; at < missed.length; at += NOTED_AT_ONCE) {
      const part = missed.slice(at, at + NOTED_AT_ONCE);
      for (const event of part) {
        const signal = { ...toEventSignal(event, execution.run.runId), left };
        await handle.signal(SIGNALS.event, claimedSignal(SIGNALS.event, signal));
      }
      await projections.recordMissed(execution, { ...note, events: part, step: 'sent' });
    }
  } catch (error) {
    // The run has ended meanwhile, so no wait is open.
    if (error instanceof WorkflowNotFoundError) return;
    if (error instanceof SluiceError) throw error;
    const reason = messageOf(error);
    throw new SluiceError('TEMPORAL_UNAVAILABLE', `The run could not be sent what it missed: ${reason}`, {
      cause: error,
    });
  }
}

/** The waits to look back for: those that the events open, and those that may have missed something. */
async function waitsToServe(
  projections: ProjectionStore,
  { run, ...execution }: Execution,
  events: readonly RunEvent[],
): Promise<readonly OpenedWait[]> {
  const opened = openedWaits(events);
  const returned = returnedEvents(events);
  if (returned.length > 0) await projections.returnEvents({ run, ...execution }, returned);
  // A wait that had opened before an event was returned did not take it, so it need not be asked again.
  const from = Math.min(...returned.map(({ seq }) => seq), looksAgain(events) ? 0 : Infinity);
  const unknown = opened.some(({ filters }) => filters === null);
  if (from === Infinity && !unknown) return opened;
  const known = await projections.waitsOpenedAfter(run, unknown ? 0 : from);
  return [...new Map([...opened, ...known].map((wait) => [wait.place, wait])).values()];
}

interface Chosen {
  readonly events: readonly DeliveredEvent[];
  readonly left: boolean;
  /** Those that the run received long ago, without a note of that. */
  readonly received: readonly DeliveredEvent[];
}

/**
 * Of the events that the waits missed: what is sent now, the oldest first, and whether any is left.
 *
 * An event that may be in the run already, or whose wait may refuse it, is sent, but no wait is taken to be
 * satisfied by it.
 * @param arrived identities of events that arrived while the waits were open: like the run itself, this
 *   tolerates that the bridge's clock is behind
 */
async function choose(
  projections: ProjectionStore,
  { run }: Execution,
  waits: readonly OpenedWait[],
  arrived: ReadonlySet<string>,
): Promise<Chosen> {
  const skewMs = arrived.size === 0 ? 0 : LIMITS.clockSkewMs;
  const sought = waits.map((wait) => ({ ...wait, since: wait.since - skewMs }));
  const hungry = new Set(waits.map(toHungry));
  const chosen: DeliveredEvent[] = [];
  const known: DeliveredEvent[] = [];
  let left = false;
  let sent = 0;
  let spare = waits.some(({ full }) => full) ? 0 : LIMITS.prefetchedBytes;
  let page = await projections.missedEvents(run, sought);
  for (;;) {
    for (const { underWay, received, ...event } of page.events) {
      if (received) {
        known.push(event);
        continue;
      }
      const skew = arrived.has(identityOf(event)) ? skewMs : 0;
      const receivedAt = Date.parse(event.receivedAt) + skew;
      if (waits.every(({ since }) => receivedAt < since)) continue;
      const bytes = jsonSize(event);
      const taker = [...hungry].find((wait) => receivedAt >= wait.since && takes(wait, event));
      const sure = !underWay && taker?.filters != null;
      // Once one event is left, newer ones are too: none may overtake it.
      const room = chosen.length === 0 ? LIMITS.bufferedBytes : spare;
      const fits = !left && chosen.length < LIMITS.prefetchedEvents && bytes <= room;
      const most = chosen.length >= LIMITS.missedEvents || sent + bytes > LIMITS.missedBytes;
      if ((taker === undefined && !fits) || (most && chosen.length > 0)) {
        left = true;
        continue;
      }
      if (taker === undefined) spare -= bytes;
      else if (sure) hungry.delete(taker);
      sent += bytes;
      chosen.push(event);
    }
    const enough = chosen.length >= LIMITS.missedEvents || sent >= LIMITS.missedBytes;
    if (page.next === undefined) return { events: chosen, left, received: known };
    if (enough || (hungry.size === 0 && left)) return { events: chosen, left: true, received: known };
    page = await projections.missedEvents(run, sought, page.next);
  }
}

type Hungry = Omit<OpenedWait, 'filters'> & { readonly filters: readonly EventFilter[] | null };

function toHungry(wait: OpenedWait): Hungry {
  const parsed = EventFilter.array().safeParse(wait.filters);
  return { ...wait, filters: parsed.success ? parsed.data : null };
}

function takes({ eventNames, correlationKey, filters }: Hungry, event: DeliveredEvent): boolean {
  return (
    eventNames.includes(event.name) &&
    (correlationKey === null || correlationKey === event.correlationKey) &&
    (filters ?? []).every((filter) => passesFilter(filter, event.payload))
  );
}

interface Waiting {
  readonly eventNames?: readonly string[] | undefined;
  readonly correlationKey?: string | null | undefined;
  readonly since?: number | undefined;
  readonly filters?: Json | undefined;
  readonly full?: boolean | undefined;
}

/** True if these events have to be committed, and their waits served, before an action acts. */
export function concernsMissed(events: readonly RunEvent[]): boolean {
  return openedWaits(events).length > 0 || returnedEvents(events).length > 0 || looksAgain(events);
}

/** Whether the run did not take what a look-back had sent for one of its waits. */
function looksAgain(events: readonly RunEvent[]): boolean {
  return events.some(({ type, data }) => type === 'EVENT_DROPPED' && data.again === true);
}

function returnedEvents(events: readonly RunEvent[]): readonly ReturnedEvent[] {
  return events.flatMap(({ type, seq, at, data }) =>
    type === 'EVENT_DROPPED' && data.returned === true
      ? [{ source: data.source, id: data.eventId, seq, at }]
      : [],
  );
}

/** Identities of events that the run got without their payload, while it may have had a wait for them. */
function arrivals(events: readonly RunEvent[]): ReadonlySet<string> {
  return new Set(
    events.flatMap(({ type, data }) =>
      type === 'EVENT_DROPPED' && data.returned === true && data.again === true
        ? [identityOf({ source: data.source, id: data.eventId })]
        : [],
    ),
  );
}

function identityOf({ source, id }: Pick<DeliveredEvent, 'source' | 'id'>): string {
  return JSON.stringify([source, id]);
}

/** Waits for events that these events open, or report open after a reset, and do not close. */
function openedWaits(events: readonly RunEvent[]): readonly OpenedWait[] {
  const open = new Map<string, OpenedWait>();
  const add = (place: string, { eventNames, correlationKey, since, filters, full }: Waiting): void => {
    if (eventNames === undefined) return;
    open.set(place, {
      place,
      eventNames,
      correlationKey: correlationKey ?? null,
      since: since ?? 0,
      filters: filters ?? null,
      full: full === true,
    });
  };
  for (const event of [...events].sort((a, b) => a.seq - b.seq)) {
    const place = placeInAudit(event.stepPath ?? '', event.iteration ?? []);
    if (event.type === 'WAIT_OPENED') {
      add(place, event.data);
    } else if (event.type.startsWith('WAIT_')) {
      open.delete(place);
    } else if (event.type === 'SNAPSHOT') {
      for (const wait of event.data.openWaits) add(placeInAudit(wait.path, wait.iteration), wait);
    }
  }
  return [...open.values()];
}
