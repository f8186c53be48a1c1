/** Reads a run's whole log as it is stored. */
import { z } from 'zod';
import { RunEvent } from '../../contracts/run/run-events.js';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';
import type { RunKey } from './keys.js';
import type { LoggedEvent, SeenExecution } from './live-log.js';
import { loadJson, type Decode } from './texts.js';

export const EventColumns = z.object({
  seq: z.number(),
  execution: z.string(),
  type: z.string(),
  at: z.date(),
  wave: z.number(),
  path: z.string().optional(),
  iteration: z.array(z.number()).optional(),
  attempt: z.number().optional(),
  data: z.string(),
  superseded: z.boolean().default(false),
});
export type EventColumns = z.infer<typeof EventColumns>;

/** Columns of an event row, by the names of `EventColumns`. */
export const EVENT_SELECT =
  'id[2] AS seq, id[3] AS execution, type, at, wave, path, iteration, attempt, data, superseded';

export interface StoredEvent extends LoggedEvent {
  readonly superseded: boolean;
}

/** Parses event rows, and loads their blobs. */
async function parseEvents(
  database: Database,
  run: RunKey,
  rows: readonly EventColumns[],
): Promise<readonly StoredEvent[]> {
  const decode = await loadJson(
    database,
    run.tenant,
    run.runId,
    rows.map((row) => row.data),
  );
  return rows.map((row) => toStoredEvent(row, decode));
}

/** One event of a row. @throws ZodError, SyntaxError where it is not as Sluice writes it */
export function toStoredEvent(row: EventColumns, decode: Decode): StoredEvent {
  return {
    executionId: row.execution,
    superseded: row.superseded,
    event: RunEvent.parse({
      seq: row.seq,
      at: row.at.getTime(),
      wave: row.wave,
      type: row.type,
      ...(row.path === undefined ? {} : { stepPath: row.path }),
      ...(row.iteration === undefined ? {} : { iteration: row.iteration }),
      ...(row.attempt === undefined ? {} : { attempt: row.attempt }),
      data: decode(row.data),
    }),
  };
}

/** Every event of a run, superseded ones too, in order of `seq`. */
export async function loadLog(database: Database, run: RunKey): Promise<readonly StoredEvent[]> {
  const rows = await read(
    database,
    z.array(EventColumns),
    `SELECT ${EVENT_SELECT} FROM run_event:[$tenant, $runId]..[$tenant, $runId, ..]`,
    { tenant: run.tenant, runId: run.runId },
  );
  return parseEvents(database, run, rows);
}

/** The executions of a run that the database has seen. */
export async function loadExecutions(database: Database, run: RunKey): Promise<readonly SeenExecution[]> {
  const rows = await read(
    database,
    z.array(z.object({ id: z.string(), seen_at: z.date() })),
    `SELECT id[2] AS id, seen_at FROM run_execution:[$tenant, $runId]..[$tenant, $runId, ..]`,
    { tenant: run.tenant, runId: run.runId },
  );
  return rows.map((row) => ({ id: row.id, seenAt: row.seen_at.getTime() }));
}
