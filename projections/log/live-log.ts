/**
 * Which events of a run are live, where several Temporal executions have committed some.
 *
 * Invariant: no two live events of a run share a `seq`, and the answer depends on what was committed, never
 * on the order in which it came. A later execution supersedes every event of an earlier one from the first
 * `seq` on that it authored itself: after a reset those are a future that did not happen.
 *
 * An execution also sends again the events that an earlier one authored and got no acknowledgement for;
 * events with higher numbers may have been acknowledged in between. Events sent again supersede nothing.
 * They are live once, as the earlier execution's where both have committed them.
 *
 * A note of the reconciler (RUN_RECONCILED) was authored by no workflow and supersedes nothing. A note is
 * live while the last live event is still the one that it is about, and is superseded once the workflow
 * commits anything more: after a reset, or late.
 *
 * Which execution is later: one that continues another as new says so (`previous`). A reset doesn't; but
 * Temporal's run ids are UUIDs of version 7, which begin with the time of their creation. For other ids,
 * the time at which the database first saw them decides: an execution that is reset was seen before.
 */
import { isDeepStrictEqual } from 'node:util';
import type { RunEvent } from '../../contracts/run/run-events.js';

/** An event, and the Temporal execution under which it was committed. */
export interface LoggedEvent {
  readonly executionId: string;
  readonly event: RunEvent;
}

export interface SeenExecution {
  readonly id: string;
  /** Epoch ms. */
  readonly seenAt: number;
}

/** Executions of a run, the earliest first. */
export function orderExecutions(
  seen: readonly SeenExecution[],
  events: readonly LoggedEvent[],
): readonly string[] {
  const began = new Map(seen.map(({ id, seenAt }) => [id, timeOfUuid7(id) ?? seenAt]));
  const previous = new Map(
    events.flatMap(({ executionId, event }) =>
      event.type === 'RUN_CONTINUED' ? [[executionId, event.data.previous] as const] : [],
    ),
  );
  const order: string[] = [];
  const place = (id: string) => {
    if (order.includes(id) || !began.has(id)) return;
    const before = previous.get(id);
    previous.delete(id); // a cycle in outside data must not recurse without end
    if (before !== undefined) place(before);
    order.push(id);
  };
  const byTime = [...began].sort(([a, at], [b, bt]) => at - bt || (a < b ? -1 : 1));
  for (const [id] of byTime) place(id);
  return order;
}

/** Epoch ms in a UUID of version 7; undefined for any other id. */
function timeOfUuid7(id: string): number | undefined {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i.exec(id) ?? [];
  return high === undefined || low === undefined ? undefined : Number.parseInt(high + low, 16);
}

export interface LogParts {
  /** In order of `seq`. */
  readonly live: readonly LoggedEvent[];
  readonly superseded: readonly LoggedEvent[];
}

/**
 * The execution id under which a note about an execution is logged. No event of a workflow has such a key.
 */
export function noteKey(executionId: string): string {
  return `${NOTE}${executionId}`;
}

/** The execution behind a `noteKey`; returns any other id as it is. */
export function notedExecution(key: string): string {
  return key.startsWith(NOTE) ? key.slice(NOTE.length) : key;
}

const NOTE = 'reconciler:';

/** Parts a run's events into live and superseded ones. */
export function partLog(all: readonly LoggedEvent[], order: readonly string[]): LogParts {
  const events = all.filter(({ event }) => event.type !== 'RUN_RECONCILED');
  const logs = new Map<string, LoggedEvent[]>(order.map((id) => [id, []]));
  for (const logged of events) logs.get(logged.executionId)?.push(logged);
  const firsts = new Map<string, number>();
  const earlier = new Map<number, RunEvent[]>();
  for (const [id, log] of logs) {
    firsts.set(id, firstAuthored(id, log, earlier));
    for (const { event } of log) earlier.set(event.seq, [...(earlier.get(event.seq) ?? []), event]);
  }
  // From the latest execution back: the lowest seq that any later one authored.
  const cutoffs = new Map<string, number>();
  let cutoff = Infinity;
  for (const id of [...order].reverse()) {
    cutoffs.set(id, cutoff);
    cutoff = Math.min(cutoff, firsts.get(id) ?? Infinity);
  }
  const live = new Map<number, LoggedEvent>();
  for (const [id, log] of logs) {
    for (const logged of log) {
      if (logged.event.seq >= (cutoffs.get(id) ?? Infinity)) continue;
      const copy = live.get(logged.event.seq);
      if (copy === undefined || !isSame(copy.event, logged.event)) live.set(logged.event.seq, logged);
    }
  }
  const kept = withNotes(
    all,
    [...live.values()].sort((a, b) => a.event.seq - b.event.seq),
  );
  const liveEvents = new Set(kept);
  return { live: kept, superseded: all.filter((logged) => !liveEvents.has(logged)) };
}

/** The live events, and the notes about the last of them. */
function withNotes(all: readonly LoggedEvent[], live: readonly LoggedEvent[]): readonly LoggedEvent[] {
  const last = live.at(-1);
  const notes = all.filter(
    ({ event }) =>
      event.type === 'RUN_RECONCILED' &&
      event.data.after === last?.event.seq &&
      event.data.execution === last.executionId,
  );
  return [...live, ...notes.sort((a, b) => a.event.seq - b.event.seq)];
}

/**
 * The lowest seq that an execution authored itself; Infinity where it only sent events again.
 * @param earlier the events of earlier executions, by `seq`
 */
function firstAuthored(
  id: string,
  log: readonly LoggedEvent[],
  earlier: ReadonlyMap<number, readonly RunEvent[]>,
): number {
  // An execution that continues another begins with the event that says so.
  const continued = log.find(({ event }) => event.type === 'RUN_CONTINUED');
  if (continued !== undefined) return continued.event.seq;
  // Events that a reset execution sends again were authored before it was created.
  const createdAt = timeOfUuid7(id);
  const authored = log.filter(({ event }) => {
    const others = earlier.get(event.seq) ?? [];
    if (others.some((other) => isSame(other, event))) return false;
    return createdAt === undefined || event.at >= createdAt || others.length > 0;
  });
  return Math.min(...authored.map(({ event }) => event.seq));
}

/** Whether two events are the same one, sent twice. */
function isSame(a: RunEvent, b: RunEvent): boolean {
  const content = ({ wave: _, ...event }: RunEvent) => event;
  return isDeepStrictEqual(content(a), content(b));
}
