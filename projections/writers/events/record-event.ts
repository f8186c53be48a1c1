/**
 * The arrival of an event: its audit row and the runs that are proposed for it, in one transaction, before
 * any run is signaled.
 *
 * Invariants
 * - (tenant, source, id) is recorded once. A second delivery writes nothing and gets what the first one
 *   recorded.
 * - An event and a wait for it that arrive at once do not miss each other: this transaction and the one
 *   that opens the wait (open-waits.ts) both write `event_guard` of (tenant, event name, key). If both run
 *   at once, one loses the write conflict, is sent again and sees the other. If one came first, the other
 *   sees it anyway: this one by reading `open_wait`, the opening one by reading `event_by_key` after its
 *   commit (missed-events.ts).
 * - A row in `event_unfinished` exists until the routing has ended (finish-event.ts), so that any bridge
 *   can finish the work after a crash that follows this commit.
 */
import { z } from 'zod';
import type { Correlation } from '../../../contracts/events/correlation.js';
import type { InboundEvent } from '../../../contracts/inbound-event.js';
import type { Json } from '../../../contracts/json.js';
import { DeliveryRow, triggersOf } from '../../reads/events/event-rows.js';
import { listKey } from '../../log/keys.js';
import { TextWriter } from '../../log/texts.js';
import { parseRows } from '../../connection/read.js';
import { keyTexts, type ValueSeal } from '../../values/value-seal.js';
import { commit, type Statement } from '../../connection/unit-of-work.js';
import type { Variables } from '../../connection/connection.js';
import type { Writer } from '../../connection/writer.js';

/** How an event came in. */
export type EventVia = 'http' | 'stream' | 'relay';

export interface ArrivedEvent {
  readonly event: InboundEvent;
  /** The envelope as it was received. */
  readonly envelope: unknown;
  readonly correlation: Correlation;
  readonly via: EventVia;
  /** Whose token it came with. */
  readonly sender?: string | undefined;
  readonly receivedAt: Date;
}

export interface RecordedEvent {
  /** False: it was recorded before. */
  readonly created: boolean;
  /** Null while the routing has not ended. */
  readonly outcome: string | null;
  readonly receivedAt: Date;
  readonly correlationKey: string | null;
  readonly resolvedBy: string;
  readonly tried: readonly string[];
  readonly deliveries: readonly DeliveryRow[];
  /** How many more runs were proposed, in rows that cannot be read. */
  readonly unreadable: number;
  /** The outcomes of the triggers; null while the routing has not ended. */
  readonly triggers: Json | null;
  readonly error: Json | null;
}

/** The statements of an arrival; exported for the test that interleaves them with those of a registration. */
export function arrivalStatements(
  seal: ValueSeal,
  arrived: ArrivedEvent,
): {
  readonly statements: readonly Statement[];
  readonly variables: Variables;
} {
  const { event, correlation, receivedAt } = arrived;
  const texts = new TextWriter(seal, event.tenant, 'event');
  const key = texts.key(correlation.key);
  // Before `texts.statements()`: a large envelope adds a statement.
  const envelope = texts.json(arrived.envelope);
  const newest = listKey(receivedAt, '').slice(0, -1);
  return {
    statements: [
      {
        label: 'inbound_event.read',
        text: `LET $old = (SELECT * FROM ONLY type::record('inbound_event', $id))`,
      },
      {
        label: 'event_guard.write',
        text: `IF $old = NONE AND $key != NONE { UPSERT type::record('event_guard', [$tenant, $name, fn::event_key($key)]) SET turn = (turn ?? 0) + 1 RETURN NONE }`,
      },
      {
        label: 'inbound_event.create',
        text: `IF $old = NONE {
  CREATE type::record('inbound_event', $id) CONTENT $row RETURN NONE;
  CREATE type::record('event_unfinished', array::concat([$ms], $id)) RETURN NONE;
  FOR $list IN $lists { CREATE type::record('event_list', $list) RETURN NONE };
  IF $key != NONE { CREATE type::record('event_by_key', [$tenant, $name, fn::event_key($key), $ms, $id[1], $id[2]]) RETURN NONE };
}`,
      },
      {
        label: 'event_delivery.create',
        text: `IF $old = NONE AND $key != NONE {
  FOR $one IN $keys {
  LET $part = fn::event_key($one);
  LET $open = (SELECT id[3] AS run, id[4] AS path, id[5] AS iteration, id[6] AS attempt, workflow_id, kind FROM open_wait:[$tenant, $name, $part]..[$tenant, $name, $part, ..]);
  FOR $w IN $open {
    LET $wait = type::record('wait', [$tenant, $w.run, $w.path, $w.iteration, $w.attempt]);
    IF $wait.status = 'WAITING' {
      UPSERT type::record('event_delivery', array::concat($id, [$w.run]))
        SET workflow_id = $w.workflow_id, kind = $w.kind, found_by = 'arrival', status = 'PENDING', at = $row.received_at,
            waits = array::append(waits ?? [], $w.path + IF $w.iteration = [] { '' } ELSE { <string> $w.iteration }) RETURN NONE
    } ELSE {
      DELETE type::record('open_wait', [$tenant, $name, $part, $w.run, $w.path, $w.iteration, $w.attempt]) RETURN NONE
    }
  }
  }
}`,
      },
      {
        label: 'inbound_event.state',
        text: `{ { created: $old = NONE, outcome: $old.outcome, received_at: $old.received_at ?? $row.received_at, correlation_key: IF $old = NONE { $key } ELSE { $old.correlation_key }, resolved_by: $old.resolved_by ?? $row.resolved_by, tried: $old.tried ?? $row.tried, triggers: $old.triggers, retried: $old.retried, error: $old.error } }`,
      },
      {
        label: 'event_delivery.list',
        text: 'SELECT *, id[3] AS run_id FROM event_delivery:[$id[0], $id[1], $id[2]]..[$id[0], $id[1], $id[2], ..]',
      },
      ...texts.statements(),
    ],
    variables: {
      id: [event.tenant, event.source, event.id],
      tenant: event.tenant,
      name: event.name,
      key,
      // A wait that opened before the key ring was configured is registered under the plain key.
      keys: correlation.key === null ? [] : keyTexts(seal, event.tenant, correlation.key),
      ms: receivedAt.getTime(),
      lists: [
        [event.tenant, 'all', '', newest, event.source, event.id],
        [event.tenant, 'name', event.name, newest, event.source, event.id],
      ],
      row: {
        tenant: event.tenant,
        source: event.source,
        event_id: event.id,
        event_name: event.name,
        envelope,
        resolved_by: correlation.resolvedBy,
        tried: [...correlation.tried],
        via: arrived.via,
        ...(arrived.sender !== undefined && { sender: arrived.sender }),
        received_at: receivedAt,
        routed_to: [],
        ...(key !== undefined && { correlation_key: key }),
      },
      ...texts.variables(),
    },
  };
}

const State = z.object({
  created: z.boolean(),
  outcome: z.string().optional(),
  received_at: z.date(),
  correlation_key: z.string().optional(),
  resolved_by: z.string(),
  tried: z.array(z.string()),
  triggers: z.string().optional(),
  retried: z.array(z.string()).optional(),
  error: z.string().optional(),
});

/**
 * Records an event.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function recordEvent(
  { database, faults }: Writer,
  arrived: ArrivedEvent,
): Promise<RecordedEvent> {
  const { statements, variables } = arrivalStatements(database.seal, arrived);
  const answers = await commit(database, statements, variables, faults);
  const state = State.parse(answers.get('inbound_event.state'));
  const listed = parseRows(
    database,
    DeliveryRow,
    z.array(z.unknown()).parse(answers.get('event_delivery.list')),
  );
  const deliveries = listed.flatMap(({ row }) => row ?? []);
  return {
    created: state.created,
    outcome: state.outcome ?? null,
    receivedAt: state.received_at,
    correlationKey: state.correlation_key ?? null,
    resolvedBy: state.resolved_by,
    tried: state.tried,
    triggers: triggersOf(state),
    error: parsed(state.error),
    deliveries,
    unreadable: listed.length - deliveries.length,
  };
}

function parsed(text: string | undefined): Json | null {
  return text === undefined ? null : (JSON.parse(text) as Json);
}
