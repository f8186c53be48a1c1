/** What a run's log says about one event. */
import { z } from 'zod';
import { LIMITS } from '../../../contracts/limits.js';
import type { Database } from '../../connection/connection.js';
import { viewRows } from '../../connection/page.js';
import { read, readRows } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import type { EventKey } from './event-rows.js';

const Row = z.object({ type: z.string(), path: z.string().optional(), data: z.string() });
const About = z.object({
  eventId: z.string().optional(),
  source: z.string().optional(),
  reason: z.string().optional(),
  returned: z.boolean().optional(),
});

/** A line of a run's log about an event. */
export interface RunAnswer {
  /** EVENT_RECEIVED, EVENT_DROPPED or WAIT_SATISFIED. */
  readonly type: string;
  /** For operators: the type, the place and the reason. */
  readonly text: string;
  /** True: the run keeps the event no longer, and its audit row does. */
  readonly returned: boolean;
}

interface Line {
  /** Source and id of the event. */
  readonly event: string;
  readonly answer: RunAnswer;
}

/** The lines of a run's log about any event, in the order of the log. */
async function linesOf(database: Database, tenant: string, runId: string): Promise<readonly Line[]> {
  const rows = await readRows(
    database,
    Row,
    `SELECT id, type, path, data FROM run_event:[$tenant, $runId]..[$tenant, $runId, ..]
      WHERE type IN ['EVENT_RECEIVED', 'EVENT_DROPPED', 'WAIT_SATISFIED'] AND superseded != true`,
    { tenant, runId },
  );
  const decode = await loadJson(
    database,
    tenant,
    runId,
    rows.map(({ row }) => row?.data),
  );
  const lines = viewRows(rows, ({ data, ...line }) => ({ ...line, said: decode(data) })).items;
  return lines.flatMap(({ type, path, said }) => {
    const about = About.safeParse(said);
    if (!about.success || about.data.eventId === undefined || about.data.source === undefined) return [];
    const { source, eventId: id, reason, returned } = about.data;
    const where = path === undefined ? '' : ` at ${path}`;
    const why = returned === true ? `${reason}, a later wait gets it` : reason;
    const text = `${type}${where}${why === undefined ? '' : ` (${why})`}`;
    return [{ event: nameOf({ source, id }), answer: { type, text, returned: returned === true } }];
  });
}

function nameOf({ source, id }: Pick<EventKey, 'source' | 'id'>): string {
  return JSON.stringify([source, id]);
}

/**
 * The lines of a run's log that name the event, in the order of the log.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function answersOf(
  database: Database,
  runId: string,
  key: EventKey,
): Promise<readonly RunAnswer[]> {
  const lines = await linesOf(database, key.tenant, runId);
  return lines.flatMap(({ event, answer }) => (event === nameOf(key) ? [answer] : []));
}

/**
 * Whether the run's log says that the run received the event. The answer is complete for a run that ended
 * by itself, because it writes its log before it ends; a terminated run may have received events that its
 * log doesn't show.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function wasReceived(database: Database, key: EventKey, runId: string): Promise<boolean> {
  return isReceived(await answersOf(database, runId, key));
}

function isReceived(answers: readonly RunAnswer[]): boolean {
  return answers.some(({ type }) => type !== 'EVENT_DROPPED') && answers.at(-1)?.returned !== true;
}

/**
 * Lines of a log: an event that was sent before the newest of that many is looked for in it. They are far
 * fewer than the ids that a run remembers, because some lines may not be committed yet. What is newer costs
 * no reading.
 */
const LINES = 100;
const NEWEST_FORGOTTEN = `LET $from = (SELECT VALUE last_seq FROM ONLY type::record('run_head', [$tenant, $runId])) - $lines;
SELECT VALUE at FROM run_event:[$tenant, $runId, $from]..[$tenant, $runId, ..] WHERE $from > 0 LIMIT 1`;

/** An event that a run was sent. */
export interface SentEvent {
  readonly source: string;
  readonly id: string;
  /** When it was sent first, or is to be sent. */
  readonly at: Date;
}

/**
 * Of events that a run may have been sent before: those that its log says it received, and whose ids it may
 * have forgotten since. To send one again would be to do it twice. The log is read only where an event is
 * that old.
 * @param lines how many of the newest lines are not looked through
 * @returns source and id of each, as JSON of a list
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function receivedLongAgo(
  database: Database,
  { tenant, runId }: { readonly tenant: string; readonly runId: string },
  sent: readonly SentEvent[],
  lines = LINES,
): Promise<ReadonlySet<string>> {
  if (sent.length === 0) return new Set();
  const [newest] = await read(database, z.array(z.date()), NEWEST_FORGOTTEN, { tenant, runId, lines });
  if (newest === undefined) return new Set();
  const old = sent.filter(({ at }) => at.getTime() <= newest.getTime() + LIMITS.clockSkewMs).map(nameOf);
  if (old.length === 0) return new Set();
  const answers = new Map<string, RunAnswer[]>(old.map((event) => [event, []]));
  for (const { event, answer } of await linesOf(database, tenant, runId)) answers.get(event)?.push(answer);
  return new Set([...answers].filter(([, of]) => isReceived(of)).map(([event]) => event));
}
