/**
 * The outbox: events that steps published, and decisions of tasks, on their way to the bus.
 *
 * Invariants
 * - A row exists exactly where the log has the end of its step: both come from the same run event, in the
 *   same transaction. Committed twice, it is one row.
 * - `position` counts the publications of a run without a gap. The relay sends position n when n - 1 has
 *   been sent (`outbox_head`), so parallel commits that arrive out of order leave in order. After a reset,
 *   positions begin again lower; those events are sent again under the same event ids, and consumers see
 *   duplicates.
 */
import { encodeEvent } from '../../contracts/events/event-envelope.js';
import type { Json } from '../../contracts/json.js';
import type { Execution } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { TextWriter } from '../log/texts.js';
import type { ValueSeal } from '../values/value-seal.js';
import type { BoundStatements } from './row-merge.js';

/** The source of the events that runs of this definition publish. */
function sourceOf(definition: string): string {
  return `/sluice/${definition}`;
}

/**
 * The statements that put the publications of these run events into the outbox; none where they published
 * nothing.
 */
export function outboxStatements(
  seal: ValueSeal,
  execution: Execution,
  events: readonly RunEvent[],
): BoundStatements {
  const { tenant, runId, definition } = execution.run;
  const texts = new TextWriter(seal, tenant, runId);
  const rows = events.flatMap((event) => {
    if (event.type !== 'STEP_SUCCEEDED' || event.data.publish === undefined) return [];
    const { position, eventId, eventName, correlationKey, payload, chain } = event.data.publish;
    const envelope = encodeEvent({
      tenant,
      source: sourceOf(definition),
      id: eventId,
      name: eventName,
      time: new Date(event.at).toISOString(),
      correlationKey,
      payload,
      chain,
    });
    return [
      {
        id: [tenant, runId, position, event.seq, eventId],
        tenant,
        event_id: eventId,
        run_id: runId,
        event_name: eventName,
        envelope: texts.json(envelope),
        position,
        status: 'PENDING',
        attempts: 0,
        created_at: new Date(event.at),
        ...(correlationKey !== null && { correlation_key: texts.key(correlationKey) }),
      },
    ];
  });
  return inOutbox(texts, rows);
}

/** A task that was decided, for the event that tells it. */
export interface DecidedTask {
  readonly tenant: string;
  readonly item: string;
  /** First run id of its workflow. */
  readonly execution: string;
  /** Position of the decision in the log of the task. */
  readonly seq: number;
  /** Epoch ms. */
  readonly at: number;
  readonly payload: Json;
}

/** Source of the events that tell of tasks. */
export const TASKS_SOURCE = '/sluice/tasks';

/** Id of the event that tells how a task was decided. */
export function decisionEventId(item: string): string {
  return `${item}/decision`;
}

/**
 * The statements that put `ApprovalRecorded` into the outbox. A task is decided once, so it has one position.
 */
export function approvalStatements(seal: ValueSeal, decided: DecidedTask | undefined): BoundStatements {
  if (decided === undefined) return { statements: [], variables: {} };
  const { tenant, item, execution, seq, at, payload } = decided;
  const texts = new TextWriter(seal, tenant, execution);
  const eventId = decisionEventId(item);
  const event = { id: eventId, name: 'ApprovalRecorded', correlationKey: item, payload };
  const envelope = encodeEvent({
    ...{ tenant, source: TASKS_SOURCE, time: new Date(at).toISOString(), ...event },
  });
  const row = {
    ...{ id: [tenant, execution, 1, seq, eventId], tenant, event_id: eventId, run_id: execution },
    ...{ event_name: event.name, envelope: texts.json(envelope), position: 1, status: 'PENDING' },
    ...{ attempts: 0, created_at: new Date(at), correlation_key: texts.key(item) },
  };
  return inOutbox(texts, [row]);
}

function inOutbox(texts: TextWriter, rows: readonly object[]): BoundStatements {
  if (rows.length === 0) return { statements: [], variables: {} };
  return {
    statements: [
      ...texts.statements().map((statement) => ({
        label: 'outbox.blobs',
        text: statement.text.replace('$blobs', '$outbox_blobs'),
      })),
      {
        label: 'outbox.insert',
        text: `FOR $o IN $outbox {
  IF !record::exists(type::record('outbox', $o.id)) {
    CREATE type::record('outbox', $o.id) CONTENT object::remove($o, 'id') RETURN NONE;
    CREATE type::record('outbox_due', $o.id) RETURN NONE;
  }
}`,
      },
    ],
    variables: { outbox: rows, outbox_blobs: texts.variables().blobs ?? [] },
  };
}
