/** What a run's log says about one event. */
import { z } from 'zod';
import type { Database } from '../../connection/connection.js';
import { read } from '../../connection/read.js';
import type { EventKey } from './event-rows.js';

const Said = z.object({ type: z.string(), path: z.string().optional(), data: z.string() });
const About = z.object({
  eventId: z.string().optional(),
  source: z.string().optional(),
  reason: z.string().optional(),
});

/** One line of a log. */
export interface RunAnswer {
  /** EVENT_RECEIVED, EVENT_DROPPED or WAIT_SATISFIED. */
  readonly type: string;
  /** As an operator reads it: with the place and the reason. */
  readonly text: string;
}

/**
 * The lines of a run's log that name the event, in their order.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function answersOf(
  database: Database,
  runId: string,
  key: EventKey,
): Promise<readonly RunAnswer[]> {
  const rows = await read(
    database,
    z.array(Said),
    `SELECT type, path, data FROM run_event:[$tenant, $runId]..[$tenant, $runId, ..]
      WHERE type IN ['EVENT_RECEIVED', 'EVENT_DROPPED', 'WAIT_SATISFIED'] AND superseded != true`,
    { tenant: key.tenant, runId },
  );
  return rows.flatMap(({ type, path, data }) => {
    const about = About.safeParse(JSON.parse(data));
    if (!about.success || about.data.eventId !== key.id || about.data.source !== key.source) return [];
    const where = path === undefined ? '' : ` at ${path}`;
    return [
      { type, text: `${type}${where}${about.data.reason === undefined ? '' : ` (${about.data.reason})`}` },
    ];
  });
}

/**
 * True where the run's log says that it got the event. Whole for a run that has ended by itself, because it writes
 * its log before it ends; one that was terminated may have got what its log no longer says.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function wasReceived(database: Database, key: EventKey, runId: string): Promise<boolean> {
  return (await answersOf(database, runId, key)).some(({ type }) => type !== 'EVENT_DROPPED');
}
