/**
 * A run's live timeline: the lines of its log as they are committed, until the run has ended.
 *
 * Invariants
 * - No line is lost and none comes twice. Commits come out of order (parallel lanes), so a line is told only when every
 *   line before it has been; and a reader that comes again says which line it had last.
 * - A reset undoes lines that were told already. The reader is told so (`reset`, with the last line that still holds),
 *   and the lines that stand there now follow. A line is known by its number and by the Temporal execution that
 *   committed it; which of two executions is later is in their ids (UUID version 7).
 * - The stream ends when the row says that the run has ended and every line is told. That row is read before the lines:
 *   what a run writes last is there by then. Where lines are missing although it has ended, the reconciler mends the
 *   log; a stream that has waited too long for that ends without `end`, and its reader comes again.
 *
 * The rows are asked, again and again: the interval is short while lines come and grows to a second while none do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TERMINAL_RUN_STATUSES, type RunStatus } from '../../contracts/run/run.js';
import type { EventView, Projections } from '../../projections/index.js';

const SHORTEST_MS = 50;
const LONGEST_MS = 1_000;
const GROWTH = 1.5;
const PAGE = 200;
const HEARTBEAT_MS = 15_000;
const MENDING_MS = 120_000;

export type TimelineItem =
  | { readonly kind: 'event'; readonly event: EventView }
  /** Lines after `after` were undone; 0: all of them. */
  | { readonly kind: 'reset'; readonly after: number }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'end'; readonly status: RunStatus };

/** A line that a reader has: its number and, where known, the execution that committed it. */
export interface LastLine {
  readonly seq: number;
  readonly executionId: string | undefined;
}

/** `SEQ:EXECUTION`, as ids of lines are, or `SEQ`; undefined: neither. */
export function parseLastLine(text: string): LastLine | undefined {
  const [, seq, executionId] = /^(\d{1,15})(?::([\w:-]{1,128}))?$/.exec(text) ?? [];
  return seq === undefined ? undefined : { seq: Number(seq), executionId };
}

export function lineId({ seq, executionId }: EventView): string {
  return `${seq}:${executionId}`;
}

export interface TimelineOptions {
  readonly reads: Pick<Projections['reads'], 'getRun' | 'listEvents'>;
  readonly tenant: string;
  readonly runId: string;
  /** The line that the reader has; undefined: none. */
  readonly last: LastLine | undefined;
  readonly signal: AbortSignal;
}

/** The items, until the run has ended or nobody listens. @throws SluiceError DATABASE_* */
export async function* runTimeline(options: TimelineOptions): AsyncGenerator<TimelineItem, void> {
  const { reads, tenant, runId, signal } = options;
  let last = options.last ?? { seq: 0, executionId: undefined };
  let interval = SHORTEST_MS;
  let told = Date.now();
  let endedAt: number | undefined;
  while (!signal.aborted) {
    const run = await reads.getRun(tenant, runId);
    const news = await linesAfter(options, last);
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
    if (endedAt !== undefined && Date.now() - endedAt > MENDING_MS) return;
    if (news.more) continue;
    const some = news.events.length > 0;
    interval = some || ended ? SHORTEST_MS : Math.min(interval * GROWTH, LONGEST_MS);
    if (some) told = Date.now();
    if (Date.now() - told >= HEARTBEAT_MS) {
      told = Date.now();
      yield { kind: 'heartbeat' };
    }
    await sleep(interval, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

interface News {
  readonly events: readonly EventView[];
  /** The last line that still holds, where lines that were told were undone. */
  readonly undone: number | undefined;
  /** There may be further lines at once. */
  readonly more: boolean;
  /** Lines are there that cannot be told yet. */
  readonly gap: boolean;
}

async function linesAfter(options: TimelineOptions, last: LastLine): Promise<News> {
  const { reads, tenant, runId } = options;
  const page = async (after: number) =>
    reads.listEvents(tenant, runId, { limit: PAGE, ...(after > 0 && { after: String(after) }) });
  if (last.seq === 0) return contiguous(await page(0), 0, undefined);
  // With the line that the reader has: whether it still holds.
  const found = await page(last.seq - 1);
  const [anchor, ...rest] = found.items;
  if (anchor?.seq === last.seq && holds(last, anchor)) {
    return contiguous({ items: rest, next: found.next }, last.seq, undefined);
  }
  const from = await firstUndone(options, last, page);
  // The line is not there, and nothing stands in its place yet.
  if (from === undefined) return { events: [], undone: undefined, more: false, gap: true };
  return contiguous(await page(from - 1), from - 1, from - 1);
}

/** The lines that follow on one another. */
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

/** Whether the line that stands at a number is the one that was told, or another execution's copy of it. */
function holds({ executionId }: LastLine, found: EventView): boolean {
  if (executionId === undefined || executionId === found.executionId) return true;
  return executionOf(found.executionId) < executionOf(executionId);
}

/** The number of the first line that a later execution put in the place of one that was told. */
async function firstUndone(
  options: TimelineOptions,
  last: LastLine,
  page: (after: number) => ReturnType<TimelineOptions['reads']['listEvents']>,
): Promise<number | undefined> {
  const known = last.executionId === undefined ? undefined : executionOf(last.executionId);
  for (let after = 0; ;) {
    const { items, next } = await page(after);
    for (const event of items) {
      if (event.seq > last.seq) return undefined;
      if (known !== undefined && executionOf(event.executionId) > known) return event.seq;
      // A note of the reconciler's gave way to what the workflow said itself.
      if (event.seq === last.seq) return event.seq;
    }
    const end = items.at(-1);
    if (next === null || end === undefined || options.signal.aborted) return undefined;
    after = end.seq;
  }
}

/** The reconciler notes under a key of its own what it says of an execution. */
function executionOf(key: string): string {
  return key.replace(/^reconciler:/, '');
}
