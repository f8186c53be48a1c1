/**
 * Everything that is known about one event: its audit row, the runs that were proposed for it, and what
 * each run did with it, as the run's log says.
 */
import { z } from 'zod';
import { EventFilter, passesFilter } from '../../../contracts/events/filters.js';
import { decodeEvent } from '../../../contracts/events/event-envelope.js';
import type { Json } from '../../../contracts/json.js';
import { placeInAudit } from '../../../contracts/run/place.js';
import type { Database } from '../../connection/connection.js';
import { read } from '../../connection/read.js';
import { loadJson } from '../../log/texts.js';
import { listWaits } from '../runs/list-waits.js';
import { deliveriesOf, EventConflict, InboundRow, triggersOf, type EventKey } from './event-rows.js';
import { answersOf } from './run-answers.js';

/** A run that was proposed for the event. */
export interface ExplainedRun {
  readonly runId: string;
  readonly workflowId: string;
  /** The waits for which it was proposed. */
  readonly waits: readonly ExplainedWait[];
  /** `arrival`: the wait was open when the event arrived; `lookback`: it opened later. */
  readonly foundBy: string;
  /** PENDING (also: the run returned it, and a later wait gets it), SIGNALED, RUN_CLOSED or FAILED. */
  readonly status: string;
  readonly error: string | null;
  /** What the run's log says about the event, in the order of the log. */
  readonly answers: readonly string[];
}

export interface ExplainedWait {
  readonly place: string;
  readonly status: string | null;
  /** Filters of the wait that the event doesn't pass. */
  readonly failedFilters: readonly string[];
}

export interface ExplainedEvent {
  readonly source: string;
  readonly id: string;
  readonly name: string;
  readonly via: string;
  /** Whose token it came with; null: it came without one, or before this was recorded. */
  readonly sender: string | null;
  /** ISO instant. */
  readonly receivedAt: string;
  readonly routedAt: string | null;
  /** When its values were erased; null: they were not. */
  readonly erasedAt: string | null;
  readonly correlationKey: string | null;
  readonly resolvedBy: string;
  readonly tried: readonly string[];
  readonly outcome: string | null;
  readonly error: Json | null;
  readonly runs: readonly ExplainedRun[];
  readonly triggers: Json;
  /** Events that came later under the same source and id with other content, and were refused. */
  readonly conflicts: { readonly count: number; readonly last: readonly EventConflict[] };
  readonly envelope: Json;
}

/** @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED */
export async function explainEvent(database: Database, key: EventKey): Promise<ExplainedEvent | undefined> {
  const row = await read(
    database,
    InboundRow.optional(),
    `SELECT * FROM ONLY type::record('inbound_event', $id)`,
    { id: [key.tenant, key.source, key.id] },
  );
  if (row === undefined) return undefined;
  const decode = await loadJson(database, key.tenant, 'event', [row.envelope]);
  const envelope = decode(row.envelope) ?? null;
  const decoded = decodeEvent(envelope);
  const payload = decoded.ok ? decoded.event.payload : null;
  const runs: ExplainedRun[] = [];
  for (const delivery of await deliveriesOf(database, key)) {
    const waits = new Map(
      (await listWaits(database, key.tenant, delivery.run_id)).map((wait) => [
        placeInAudit(wait.path, wait.iteration),
        wait,
      ]),
    );
    runs.push({
      runId: delivery.run_id,
      workflowId: delivery.workflow_id,
      foundBy: delivery.found_by,
      status: delivery.status,
      error: delivery.error ?? null,
      waits: delivery.waits.map((place) => ({
        place,
        status: waits.get(place)?.status ?? null,
        failedFilters: failedFilters(waits.get(place)?.filters, payload),
      })),
      answers: (await answersOf(database, delivery.run_id, key)).map(({ text }) => text),
    });
  }
  return {
    source: row.source,
    id: row.event_id,
    name: row.event_name,
    via: row.via,
    sender: row.sender ?? null,
    receivedAt: row.received_at.toISOString(),
    routedAt: row.routed_at?.toISOString() ?? null,
    erasedAt: row.erased_at?.toISOString() ?? null,
    correlationKey: row.correlation_key ?? null,
    resolvedBy: row.resolved_by,
    tried: row.tried,
    outcome: row.outcome ?? null,
    error: row.error === undefined ? null : (JSON.parse(row.error) as Json),
    runs,
    triggers: triggersOf(row) ?? [],
    conflicts: {
      count: row.conflict_count ?? 0,
      last: (row.conflicts ?? []).map((text) => EventConflict.parse(JSON.parse(text))),
    },
    envelope,
  };
}

function failedFilters(filters: Json | undefined, payload: Json): string[] {
  const parsed = z.array(EventFilter).safeParse(filters ?? []);
  if (!parsed.success) return [];
  return parsed.data
    .filter((filter) => !passesFilter(filter, payload))
    .map(({ path, op, value }) => `${path} ${op} ${JSON.stringify(value ?? null)}`);
}
