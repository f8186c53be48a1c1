/**
 * The one path of every event, whatever way it came in: envelope → correlation → audit row → starts and signals.
 *
 * Invariants
 * - The audit row commits before anything is signalled or started. What happens after it is repeated until it has
 *   ended: by a redelivery, or by `resume` of an event that nobody redelivers.
 * - (tenant, source, id) is routed once. A second delivery gets the outcome of the first.
 * - Without a key no wait is looked for (fail closed), and triggers start runs all the same (fail open).
 * - A signal that comes twice is known to the run by its id; a start that comes twice finds its workflow id taken.
 *   So a crash, or two bridges with one event, do nothing twice.
 * - An event that a run got is routed, also where that was never noted and the run has ended since: its log says so.
 * - Events of one key are signalled in the order in which this bridge received them.
 */
import type { SluiceClient } from '../../client/index.js';
import { correlate, type CorrelationPaths } from '../../contracts/events/correlation.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { decodeEvent, type BusEvent } from '../../contracts/events/event-envelope.js';
import type { Json } from '../../contracts/json.js';
import { signalThatFits } from '../../contracts/run/messages.js';
import type { ProjectionStore } from '../../contracts/run/projection.js';
import type {
  DeliveryRow,
  EventKey,
  EventOutcome,
  EventStore,
  EventVia,
  FinishedDelivery,
  RecordedEvent,
} from '../../projections/index.js';
import { InOrder } from './in-order.js';
import { isOutage } from './outage.js';
import { type TriggerOutcome, Triggers } from './triggers.js';

/** What came of an event, as its sender is told. */
export interface Routed {
  readonly tenant: string;
  readonly source: string;
  readonly id: string;
  readonly name: string;
  /** True: it had been routed before, and this is what came of it then. */
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
}

/** Tenants that are known to be known. */
const MOST_TENANTS = 10_000;

export class Router {
  private readonly triggers: Triggers;
  private readonly tenants = new Set<string>();
  private readonly byKey = new InOrder();

  constructor(private readonly options: RouterOptions) {
    this.triggers = new Triggers(options.definitions, options.client);
  }

  /**
   * Routes one event.
   * @param value the envelope: parsed JSON
   * @throws SluiceError EVENT_INVALID with every problem in its details, TENANT_UNKNOWN; DATABASE_* and TEMPORAL_*
   *   where it has to be tried again
   */
  async accept(value: unknown, via: EventVia): Promise<Routed> {
    const event = eventOf(value);
    await this.knowTenant(event.tenant);
    return this.route(event, value, via);
  }

  /**
   * Goes on with an event whose routing did not end. Its tenant was known when it was recorded.
   * @throws as `accept`
   */
  async resume(key: EventKey, via: EventVia): Promise<void> {
    const envelope = await this.options.events.envelope(key);
    if (envelope !== undefined) await this.route(eventOf(envelope), envelope, via);
  }

  private async route(event: BusEvent, value: unknown, via: EventVia): Promise<Routed> {
    const correlation = correlate(event, this.options.paths);
    const order = JSON.stringify([event.tenant, event.name, correlation.key ?? event.id]);
    return this.byKey.run(order, async () => {
      const recorded = await this.options.events.record({
        event,
        envelope: value,
        correlation,
        via,
        receivedAt: new Date(),
      });
      if (recorded.outcome !== null) return told(event, recorded, recorded.outcome);
      // What was recorded is what is routed, whatever a second delivery under the same id says.
      const first = recorded.created ? event : await this.recordedAs(event);
      return this.finish(first, recorded);
    });
  }

  private async recordedAs(event: BusEvent): Promise<BusEvent> {
    const envelope = await this.options.events.envelope(event);
    return envelope === undefined ? event : eventOf(envelope);
  }

  private async finish(event: BusEvent, recorded: RecordedEvent): Promise<Routed> {
    const { correlationKey, receivedAt } = recorded;
    const rows = await this.options.events.triggers(event.tenant, event.name);
    const [deliveries, triggers] = await Promise.all([
      Promise.all(recorded.deliveries.map((delivery) => this.deliver(event, recorded, delivery))),
      this.triggers.fire(rows, { event, correlationKey, receivedAt }),
    ]);
    const outcome = outcomeOf(recorded, deliveries, triggers);
    const error = errorOf(recorded, outcome, deliveries, triggers);
    const routedTo = [
      ...deliveries.filter(({ status }) => status === 'SIGNALED').map(({ runId }) => runId),
      ...triggers.flatMap(({ runId }) => (runId === null ? [] : [runId])),
    ];
    const outcomes = triggers as unknown as Json;
    await this.options.events.finish(event, {
      outcome,
      deliveries,
      triggers: outcomes,
      routedTo,
      error,
      receivedAt,
    });
    const status = new Map(deliveries.map((one) => [one.runId, one.status]));
    const settled = recorded.deliveries.map((row) => ({
      ...row,
      status: status.get(row.run_id) ?? row.status,
    }));
    return told(event, { ...recorded, deliveries: settled, triggers: outcomes, error }, outcome);
  }

  private async deliver(
    event: BusEvent,
    recorded: RecordedEvent,
    to: DeliveryRow,
  ): Promise<FinishedDelivery> {
    if (to.status === 'SIGNALED') return { runId: to.run_id, status: 'SIGNALED' };
    const signal = signalThatFits({
      eventId: event.id,
      source: event.source,
      eventName: event.name,
      correlationKey: recorded.correlationKey,
      payload: event.payload,
      receivedAt: recorded.receivedAt.toISOString(),
      runId: to.run_id,
    });
    try {
      await this.options.client.signalEvent(
        to.workflow_id,
        signal,
        to.kind === 'human' ? 'humanTask' : 'event',
      );
      return { runId: to.run_id, status: 'SIGNALED' };
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (error.code === 'WORKFLOW_NOT_FOUND') return this.closed(event, recorded, to.run_id);
      if (isOutage(error)) throw error;
      return { runId: to.run_id, status: 'FAILED', error: `${error.code}: ${error.message}` };
    }
  }

  /**
   * A run that has ended may have been sent the event before, by a bridge that died before it could note it, or by
   * its own look back.
   */
  private async closed(
    event: BusEvent,
    { created }: RecordedEvent,
    runId: string,
  ): Promise<FinishedDelivery> {
    const received = !created && (await this.options.events.wasReceived(event, runId));
    return { runId, status: received ? 'SIGNALED' : 'RUN_CLOSED' };
  }

  private async knowTenant(tenant: string): Promise<void> {
    if (this.tenants.has(tenant)) return;
    if (!(await this.options.events.isKnownTenant(tenant))) {
      throw new SluiceError('TENANT_UNKNOWN', `No definition of tenant "${tenant}" is published`, {
        details: { tenant },
      });
    }
    if (this.tenants.size >= MOST_TENANTS) this.tenants.clear();
    this.tenants.add(tenant);
  }
}

function eventOf(value: unknown): BusEvent {
  const decoded = decodeEvent(value);
  if (decoded.ok) return decoded.event;
  throw new SluiceError('EVENT_INVALID', decoded.problems.join('; ').slice(0, 2_000), {
    details: { problems: [...decoded.problems], tenant: decoded.tenant },
  });
}

function outcomeOf(
  { correlationKey }: RecordedEvent,
  deliveries: readonly FinishedDelivery[],
  triggers: readonly TriggerOutcome[],
): EventOutcome {
  const started = triggers.some(({ status }) => status === 'STARTED' || status === 'ALREADY_STARTED');
  if (started || deliveries.some(({ status }) => status === 'SIGNALED')) return 'ROUTED';
  if (deliveries.length > 0 || triggers.some(({ status }) => status === 'FAILED')) return 'FAILED';
  return correlationKey === null ? 'UNRESOLVED' : 'NO_MATCH';
}

function errorOf(
  { correlationKey, tried }: RecordedEvent,
  outcome: EventOutcome,
  deliveries: readonly FinishedDelivery[],
  triggers: readonly TriggerOutcome[],
): Json | null {
  if (correlationKey === null) {
    return { code: 'CORRELATION_UNRESOLVED', message: `No key in ${tried.join(', ')}`, tried: [...tried] };
  }
  if (outcome !== 'FAILED') return null;
  const failed = triggers.find(({ status }) => status === 'FAILED')?.error;
  if (failed) return { code: failed.code, message: failed.message };
  const refused = deliveries.find(({ status }) => status === 'FAILED');
  if (refused?.error !== undefined) return { code: 'INPUT_INVALID', message: refused.error };
  return { code: 'RUN_CLOSED', message: 'Every run that waited has ended' };
}

function told(event: BusEvent, recorded: RecordedEvent, outcome: string): Routed {
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
