/**
 * The one path of every event from every source: correlation → audit row → starts and signals.
 *
 * Invariants
 * - The audit row commits before anything is signalled or started. The work after that commit is repeated
 *   until it has ended: by a redelivery, or by `resume` where no sender redelivers.
 * - (tenant, source, id) is routed once. A second delivery gets the outcome of the first; another event under
 *   the same identity is refused, and noted on the row of the first.
 * - An event without a key satisfies no wait (fail closed), and still fires triggers (fail open).
 * - A run recognises a repeated signal by the event's id, and what is older than the ids that it remembers is
 *   in its log; a repeated start finds its workflow id taken. So neither a crash nor two bridges with the
 *   same event do anything twice.
 * - An event that a run received counts as routed, even if no bridge noted it and the run has ended since:
 *   the run's log says so.
 * - Events of one key are signalled in the order in which this bridge received them.
 */
import type { SluiceClient } from '../../client/index.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { correlate, type CorrelationPaths } from '../../contracts/events/correlation.js';
import type { DecodedEvent } from '../../contracts/events/event-envelope.js';
import { toArrivalSignal } from '../../contracts/events/event-signal.js';
import type { InboundEvent, ReceivedEvent } from '../../contracts/inbound-event.js';
import type { Json } from '../../contracts/json.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import type {
  DeliveryRow,
  EventKey,
  EventStore,
  EventVia,
  FinishedDelivery,
  RecordedEvent,
  TriggerRetry,
} from '../../projections/index.js';
import type { BridgeMetrics } from './metrics.js';
import { isAway } from './availability.js';
import { conflictError, conflictOf, differences } from './conflict.js';
import { decodeRecorded } from './decode.js';
import { InOrder } from './in-order.js';
import { errorOf, lettersOf, outcomeOf } from './outcome.js';
import { retryTrigger } from './retry-trigger.js';
import { Triggers } from './triggers.js';

/** The outcome of an event, as its sender gets it. */
export interface Routed {
  readonly tenant: string;
  readonly source: string;
  readonly id: string;
  readonly name: string;
  /** True: the event had been routed before, and this is the outcome of that time. */
  readonly duplicate: boolean;
  readonly outcome: string;
  readonly correlationKey: string | null;
  readonly resolvedBy: string;
  readonly runs: readonly { readonly workflowId: string; readonly runId: string; readonly status: string }[];
  readonly triggers: Json;
  readonly error: Json | null;
}

export interface RouterOptions {
  readonly events: EventStore;
  readonly definitions: Pick<ProjectionStore, 'findDefinition'>;
  readonly client: SluiceClient;
  readonly paths: CorrelationPaths;
  readonly metrics: BridgeMetrics;
  /** Most runs that events start in a chain. */
  readonly chainLimit: number;
}

/** Size of the cache of tenants that are known to exist. */
const CACHED_TENANTS = 10_000;
/**
 * By which way an event that is resumed came in. Its audit row exists and keeps its own `via`, so this value
 * is never stored.
 */
const RESUMED_VIA: EventVia = 'relay';

/** What became of a delivery whose row cannot be read. */
const UNREADABLE = { status: 'FAILED', error: 'The row of a delivery cannot be read' };

export class Router {
  private readonly triggers: Triggers;
  private readonly tenants = new Set<string>();
  private readonly byKey = new InOrder();

  constructor(private readonly options: RouterOptions) {
    this.triggers = new Triggers(options.definitions, options.client, options.chainLimit);
  }

  /**
   * Routes one event.
   * @throws SluiceError TENANT_UNKNOWN; EVENT_CONFLICT where another event has its id; DATABASE_* and
   *   TEMPORAL_* where the event has to be sent again
   */
  async accept(decoded: DecodedEvent, via: EventVia): Promise<Routed> {
    await this.requireTenant(decoded.event.tenant);
    return this.route(decoded, via);
  }

  /**
   * Resumes an event whose routing did not end. Its tenant existed when it was recorded.
   * @throws SluiceError as `accept` does
   */
  async resume(key: EventKey): Promise<void> {
    const envelope = await this.options.events.envelope(key);
    if (envelope !== undefined) await this.route(decodeRecorded(envelope), RESUMED_VIA);
  }

  /**
   * Fires the triggers of one definition again, for a dead letter that is retried.
   * @throws SluiceError DATABASE_* and TEMPORAL_* where it has to be called again
   */
  async retryTrigger(retry: TriggerRetry): Promise<void> {
    await retryTrigger(this.options.events, this.triggers, retry);
  }

  /**
   * Refuses an event whose id belongs to another one that was recorded.
   * @throws SluiceError EVENT_CONFLICT
   */
  async refuseConflict(decoded: DecodedEvent, via: EventVia): Promise<void> {
    await this.refuseOther(await this.recordedAs(decoded.event), decoded, via);
  }

  private async route(decoded: DecodedEvent, via: EventVia): Promise<Routed> {
    const { event, envelope, sender } = decoded;
    const correlation = correlate(event, this.options.paths);
    const order = JSON.stringify([event.tenant, event.name, correlation.key ?? event.id]);
    return this.byKey.run(order, async () => {
      const recorded = await this.options.events.record({
        event,
        envelope,
        correlation,
        via,
        sender,
        receivedAt: new Date(),
      });
      const first = recorded.created ? event : await this.recordedAs(event);
      await this.refuseOther(first, decoded, via);
      if (recorded.outcome !== null) return routedOf(first, recorded, recorded.outcome);
      const routed = await this.finish(receivedOf(first, recorded, sender), recorded, envelope);
      this.options.metrics.events.inc({ via, outcome: routed.outcome });
      return routed;
    });
  }

  private async refuseOther(first: InboundEvent, decoded: DecodedEvent, via: EventVia): Promise<void> {
    const { event } = decoded;
    const differs = differences(first, event, this.options.paths);
    if (differs.length === 0) return;
    this.options.metrics.conflicts.inc({ via });
    await this.options.events.noteConflict(event, conflictOf(decoded, via, differs));
    throw conflictError(event, differs);
  }

  /**
   * The event that was recorded under this identity. One that retention removed, or whose values were
   * erased, is taken for this one.
   */
  private async recordedAs(event: InboundEvent): Promise<InboundEvent> {
    const envelope = await this.options.events.envelope(event);
    return envelope === undefined || envelope === null ? event : decodeRecorded(envelope).event;
  }

  private async finish(event: ReceivedEvent, recorded: RecordedEvent, envelope: Json): Promise<Routed> {
    const rows = await this.options.events.triggers(event.tenant, event.name);
    const [deliveries, triggers] = await Promise.all([
      Promise.all(recorded.deliveries.map((delivery) => this.deliver(event, recorded, delivery))),
      this.triggers.fire(rows, event),
    ]);
    // The run of a row that cannot be read does not get the event: its other receivers do.
    const proposed = [...deliveries, ...Array.from({ length: recorded.unreadable }, () => UNREADABLE)];
    const outcome = outcomeOf(recorded, proposed, triggers);
    const error = errorOf(recorded, outcome, proposed, triggers);
    const routedTo = [
      ...deliveries.filter(({ status }) => status === 'SIGNALED').map(({ runId }) => runId),
      ...triggers.flatMap(({ runId }) => (runId === null ? [] : [runId])),
    ];
    const outcomes = triggers as unknown as Json;
    const letters = lettersOf(event, envelope, triggers);
    await this.options.events.finish(event, {
      outcome,
      deliveries,
      triggers: outcomes,
      routedTo,
      error,
      letters,
      receivedAt: recorded.receivedAt,
    });
    for (const { kind } of letters) this.options.metrics.deadLetters.inc({ kind });
    const status = new Map(deliveries.map((delivery) => [delivery.runId, delivery.status]));
    const settled = recorded.deliveries.map((row) => ({
      ...row,
      status: status.get(row.run_id) ?? row.status,
    }));
    return routedOf(event, { ...recorded, deliveries: settled, triggers: outcomes, error }, outcome);
  }

  private async deliver(
    event: ReceivedEvent,
    recorded: RecordedEvent,
    to: DeliveryRow,
  ): Promise<FinishedDelivery> {
    const signaled = { runId: to.run_id, status: 'SIGNALED' } as const;
    if (to.status === 'SIGNALED') return signaled;
    // Sent again: an earlier bridge may have sent it, so long ago that the run has forgotten its id.
    if (!recorded.created) {
      const run = { tenant: event.tenant, runId: to.run_id };
      const received = await this.options.events.receivedLongAgo(run, [{ ...event, at: to.at }]);
      if (received.size > 0) return signaled;
    }
    try {
      await this.options.client.signalEvent(
        to.workflow_id,
        toArrivalSignal(event, to.run_id),
        to.kind === 'human' ? 'humanTask' : 'event',
      );
      return signaled;
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (error.code === 'WORKFLOW_NOT_FOUND') return this.closed(event, recorded, to.run_id);
      if (isAway(error)) throw error;
      return { runId: to.run_id, status: 'FAILED', error: `${error.code}: ${error.message}` };
    }
  }

  /**
   * The run has ended. It may have received the event before: from a bridge that died before it could note
   * that, or by the run's own look-back.
   */
  private async closed(
    event: InboundEvent,
    { created }: RecordedEvent,
    runId: string,
  ): Promise<FinishedDelivery> {
    const received = !created && (await this.options.events.wasReceived(event, runId));
    return { runId, status: received ? 'SIGNALED' : 'RUN_CLOSED' };
  }

  private async requireTenant(tenant: string): Promise<void> {
    if (this.tenants.has(tenant)) return;
    if (!(await this.options.events.isKnownTenant(tenant))) {
      throw new SluiceError('TENANT_UNKNOWN', `No definition of tenant "${tenant}" is published`, {
        details: { tenant },
      });
    }
    if (this.tenants.size >= CACHED_TENANTS) this.tenants.clear();
    this.tenants.add(tenant);
  }
}

function receivedOf(
  event: InboundEvent,
  { correlationKey, receivedAt }: RecordedEvent,
  sender: string | undefined,
): ReceivedEvent {
  return { ...event, correlationKey, receivedAt: receivedAt.toISOString(), sender };
}

function routedOf(event: InboundEvent, recorded: RecordedEvent, outcome: string): Routed {
  return {
    tenant: event.tenant,
    source: event.source,
    id: event.id,
    name: event.name,
    duplicate: recorded.outcome !== null,
    outcome,
    correlationKey: recorded.correlationKey,
    resolvedBy: recorded.resolvedBy,
    runs: recorded.deliveries.map((row) => ({
      workflowId: row.workflow_id,
      runId: row.run_id,
      status: row.status,
    })),
    triggers: recorded.triggers ?? [],
    error: recorded.error,
  };
}
