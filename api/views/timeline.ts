/**
 * A run's live timeline: the events of its log as they are committed, until the run has ended.
 *
 * Invariants
 * - No event is lost and none comes twice. Parallel lanes commit out of order, so an event is sent only after
 *   every event before it; and a reader that reconnects names the last event that it has.
 * - A reset undoes events that were sent already. The reader gets a `reset` with the last event that still
 *   holds, and then the events that replace them. The number of an event and the Temporal execution that
 *   committed it identify it; the ids of executions (UUID version 7) tell which of two executions is later.
 * - The stream ends when the row says that the run has ended and every event was sent. The row is read before
 *   the events, so the last events of the run are readable by then. If events are missing although the run
 *   has ended, the reconciler repairs the log; a stream that has waited too long for it ends without `end`,
 *   and its reader reconnects.
 *
 * The rows are polled: the interval is short while events come and grows to a second while none do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TERMINAL_RUN_STATUSES, type RunStatus } from '../../contracts/run/run.js';
import type { EventView, Projections } from '../../projections/index.js';

/** The shortest and the longest polling interval, ms, and the factor from one interval to the next. */
const SHORTEST_MS = 50;
const LONGEST_MS = 1_000;
const GROWTH = 1.5;
/** Events that are read at once. */
const PAGE_SIZE = 200;
/** Silence after which a heartbeat is sent, ms. */
const HEARTBEAT_MS = 15_000;
/** How long the stream of a run that has ended waits for missing events, ms. */
const REPAIR_LIMIT_MS = 120_000;

export type TimelineItem =
  | { readonly kind: 'event'; readonly event: EventView }
  /** A reset undid the events after `after`; 0: all events. */
  | { readonly kind: 'reset'; readonly after: number }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'end'; readonly status: RunStatus };

/** The last event that a reader has: its number and, if known, the execution that committed it. */
export interface LastEvent {
  readonly seq: number;
  readonly executionId: string | undefined;
}

/** Parses `SEQ:EXECUTION`, the id of an event, or `SEQ`; undefined for any other text. */
export function parseLastEvent(text: string): LastEvent | undefined {
  const [, seq, executionId] = /^(\d{1,15})(?::([\w:-]{1,128}))?$/.exec(text) ?? [];
  return seq === undefined ? undefined : { seq: Number(seq), executionId };
}

/** The id of an event's message. */
export function messageId({ seq, executionId }: EventView): string {
  return `${seq}:${executionId}`;
}

export interface TimelineOptions {
  readonly reads: Pick<Projections['reads'], 'getRun' | 'listEvents'>;
  readonly tenant: string;
  readonly runId: string;
  /** The last event that the reader has; undefined: none. */
  readonly last: LastEvent | undefined;
  readonly signal: AbortSignal;
}

/** Yields items until the run has ended or `signal` aborts. @throws SluiceError DATABASE_UNAVAILABLE */
export async function* runTimeline(options: TimelineOptions): AsyncGenerator<TimelineItem, void> {
  const { reads, tenant, runId, signal } = options;
  let last = options.last ?? { seq: 0, executionId: undefined };
  let interval = SHORTEST_MS;
  let sentAt = Date.now();
  let endedAt: number | undefined;
  while (!signal.aborted) {
    const run = await reads.getRun(tenant, runId);
    const news = await eventsAfter(options, last);
    if (news.undone !== undefined) yield { kind: 'reset', after: news.undone };
    for (const event of news.events) {
      yield { kind: 'event', event };
      last = event;
    }
    const ended = run === undefined || TERMINAL_RUN_STATUSES.includes(run.status);
    if (ended && !news.more && !news.gap) {
      if (run !== undefined) yield { kind: 'end', status: run.status };
      return;
    }
    endedAt = ended ? (endedAt ?? Date.now()) : undefined;
    if (endedAt !== undefined && Date.now() - endedAt > REPAIR_LIMIT_MS) return;
    if (news.more) continue;
    const hasEvents = news.events.length > 0;
    interval = hasEvents || ended ? SHORTEST_MS : Math.min(interval * GROWTH, LONGEST_MS);
    if (hasEvents) sentAt = Date.now();
    if (Date.now() - sentAt >= HEARTBEAT_MS) {
      sentAt = Date.now();
      yield { kind: 'heartbeat' };
    }
    await sleep(interval, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

interface News {
  readonly events: readonly EventView[];
  /** The last event that still holds, if a reset undid events that were sent. */
  readonly undone: number | undefined;
  /** Further events can be read at once. */
  readonly more: boolean;
  /** Later events exist, but an earlier one is missing. */
  readonly gap: boolean;
}

async function eventsAfter(options: TimelineOptions, last: LastEvent): Promise<News> {
  const { reads, tenant, runId } = options;
  const page = async (after: number) =>
    reads.listEvents(tenant, runId, { limit: PAGE_SIZE, ...(after > 0 && { after: String(after) }) });
  if (last.seq === 0) return contiguous(await page(0), 0, undefined);
  // The page begins with the reader's last event, to check whether it still holds.
  const found = await page(last.seq - 1);
  const [anchor, ...rest] = found.items;
  if (anchor?.seq === last.seq && holds(last, anchor)) {
    return contiguous({ items: rest, next: found.next }, last.seq, undefined);
  }
  const from = await firstUndone(options, last, page);
  // The reader's last event is gone, and no event has replaced it yet.
  if (from === undefined) return { events: [], undone: undefined, more: false, gap: true };
  return contiguous(await page(from - 1), from - 1, from - 1);
}

/** The events up to the first missing one. */
function contiguous(
  { items, next }: { readonly items: readonly EventView[]; readonly next: string | null },
  after: number,
  undone: number | undefined,
): News {
  const events: EventView[] = [];
  for (const event of items) {
    if (event.seq !== after + events.length + 1) break;
    events.push(event);
  }
  const all = events.length === items.length;
  return { events, undone, more: all && next !== null, gap: !all };
}

/** Whether the event with a number is the one that was sent, or an earlier execution's copy of it. */
function holds({ executionId }: LastEvent, found: EventView): boolean {
  if (executionId === undefined || executionId === found.executionId) return true;
  return executionOf(found.executionId) < executionOf(executionId);
}

/** The number of the first event by which a later execution replaced one that was sent. */
async function firstUndone(
  options: TimelineOptions,
  last: LastEvent,
  page: (after: number) => ReturnType<TimelineOptions['reads']['listEvents']>,
): Promise<number | undefined> {
  const lastExecution = last.executionId === undefined ? undefined : executionOf(last.executionId);
  for (let after = 0; ;) {
    const { items, next } = await page(after);
    for (const event of items) {
      if (event.seq > last.seq) return undefined;
      if (lastExecution !== undefined && executionOf(event.executionId) > lastExecution) return event.seq;
      // The workflow's event has replaced a note of the reconciler.
      if (event.seq === last.seq) return event.seq;
    }
    const end = items.at(-1);
    if (next === null || end === undefined || options.signal.aborted) return undefined;
    after = end.seq;
  }
}

/** The execution of an event; a note of the reconciler has a prefix before its id. */
function executionOf(key: string): string {
  return key.replace(/^reconciler:/, '');
}
