/** What a run's log says about one event. */
import { z } from 'zod';
import type { Database } from '../../connection/connection.js';
import { viewRows } from '../../connection/page.js';
import { readRows } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import type { EventKey } from './event-rows.js';

const Line = z.object({ type: z.string(), path: z.string().optional(), data: z.string() });
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

/**
 * The lines of a run's log that name the event, in the order of the log.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function answersOf(
  database: Database,
  runId: string,
  key: EventKey,
): Promise<readonly RunAnswer[]> {
  const rows = await readRows(
    database,
    Line,
    `SELECT id, type, path, data FROM run_event:[$tenant, $runId]..[$tenant, $runId, ..]
      WHERE type IN ['EVENT_RECEIVED', 'EVENT_DROPPED', 'WAIT_SATISFIED'] AND superseded != true`,
    { tenant: key.tenant, runId },
  );
  const decode = await loadJson(
    database,
    key.tenant,
    runId,
    rows.map(({ row }) => row?.data),
  );
  const lines = viewRows(rows, ({ data, ...line }) => ({ ...line, said: decode(data) })).items;
  return lines.flatMap(({ type, path, said }) => {
    const about = About.safeParse(said);
    if (!about.success || about.data.eventId !== key.id || about.data.source !== key.source) return [];
    const { reason, returned } = about.data;
    const where = path === undefined ? '' : ` at ${path}`;
    const why = returned === true ? `${reason}, a later wait gets it` : reason;
    return [
      { type, text: `${type}${where}${why === undefined ? '' : ` (${why})`}`, returned: returned === true },
    ];
  });
}

/**
 * Whether the run's log says that the run received the event. The answer is complete for a run that ended
 * by itself, because it writes its log before it ends; a terminated run may have received events that its
 * log doesn't show.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function wasReceived(database: Database, key: EventKey, runId: string): Promise<boolean> {
  const answers = await answersOf(database, runId, key);
  return answers.some(({ type }) => type !== 'EVENT_DROPPED') && answers.at(-1)?.returned !== true;
}
