/**
 * Metrics of a bridge, for Prometheus. Labels are ways, outcomes and services: there are few of each. Ids,
 * tenants and names of events are never labels.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { within } from '../../contracts/within.js';
import type { Service } from '../../contracts/services/watch.js';

/** How long a reading waits for the count of the letters, ms. */
const COUNT_LIMIT_MS = 2_000;
/** Milliseconds in a second. */
const MS = 1_000;

export interface BridgeMetrics {
  /** Events whose routing has ended, by the way that they came and by their outcome. */
  readonly events: Counter<'via' | 'outcome'>;
  /** Requests that were refused for who sent them, by code. */
  readonly refusals: Counter<'code'>;
  /** Events that were refused because their id belongs to another one. */
  readonly conflicts: Counter<'via'>;
  /** Events of the outbox by what became of a try: PUBLISHED, CONFLICT, REFUSED or DEAD. */
  readonly outbox: Counter<'outcome'>;
  /** Due events of the outbox that the last turn of the relay left. */
  readonly outboxLeft: Gauge;
  /** When the oldest of those was written, epoch ms; undefined: none is left. */
  readonly outboxSince: { at: number | undefined };
  /** Dead letters that this bridge opened, by kind. */
  readonly deadLetters: Counter<'kind'>;
  /** Rows that the bridge met and could not read. */
  readonly unreadable: Gauge;
  /** 1 while a service that the bridge needs answers, else 0. */
  readonly available: Gauge<'service'>;
  /** Which services answered last. */
  readonly connected: ConnectedGauges;
  /** All of them, in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** A gauge for each service, of the same name in worker, bridge and API: `sluice_SERVICE_connected`. */
export interface ConnectedGauges {
  /** Notes whether it answers. @returns whether that is another state than before */
  set(service: Service, connected: boolean): boolean;
}

/** The gauge of rows that cannot be read, of the same name in worker, bridge and API. */
export function unreadableGauge(register: Registry): Gauge {
  return new Gauge({
    name: 'sluice_unreadable_rows',
    help: 'Rows that the process met and could not read.',
    registers: [register],
  });
}

/** Makes the gauges. Each service counts as connected at first: the process would not have started else. */
export function connectedGauges(register: Registry, services: readonly Service[]): ConnectedGauges {
  const states = new Map<Service, boolean>();
  const gauges = new Map(
    services.map((service) => [
      service,
      new Gauge({
        name: `sluice_${service}_connected`,
        help: '1 while the service is connected and answers, else 0.',
        registers: [register],
      }),
    ]),
  );
  const set = (service: Service, connected: boolean): boolean => {
    const changed = states.get(service) !== connected;
    states.set(service, connected);
    gauges.get(service)?.set(connected ? 1 : 0);
    return changed;
  };
  for (const service of services) set(service, true);
  return { set };
}

/**
 * The metrics of one bridge. Each has its own registry, so two in one process do not share counts.
 * @param services those that it needs
 * @param openLetters how many dead letters are open, by kind; asked at each reading
 */
export function createBridgeMetrics(
  services: readonly Service[],
  openLetters: () => Promise<ReadonlyMap<string, number>> = () => Promise.resolve(new Map()),
): BridgeMetrics {
  const register = new Registry();
  const registers = [register];
  const outboxSince: BridgeMetrics['outboxSince'] = { at: undefined };
  new Gauge({
    name: 'sluice_bridge_outbox_oldest_seconds',
    help: 'Age of the oldest due event of the outbox that the last turn of the relay left; 0: none is left.',
    registers,
    collect() {
      this.set(outboxSince.at === undefined ? 0 : Math.max(0, Date.now() - outboxSince.at) / MS);
    },
  });
  new Gauge({
    name: 'sluice_dead_letters_open',
    help: 'Dead letters of all tenants that are open.',
    labelNames: ['kind'],
    registers,
    async collect() {
      try {
        const counts = await within(openLetters(), COUNT_LIMIT_MS, () => {
          throw new Error('No count came in time');
        });
        for (const [kind, count] of counts) this.set({ kind }, count);
      } catch {
        // The database is away, which another gauge says. The last count stays.
      }
    },
  });
  return {
    outboxSince,
    events: new Counter({
      name: 'sluice_bridge_events_total',
      help: 'Events whose routing has ended.',
      labelNames: ['via', 'outcome'],
      registers,
    }),
    refusals: new Counter({
      name: 'sluice_bridge_refusals_total',
      help: 'Requests that were refused for who sent them.',
      labelNames: ['code'],
      registers,
    }),
    conflicts: new Counter({
      name: 'sluice_bridge_event_conflicts_total',
      help: 'Events that were refused because another event has their source and id.',
      labelNames: ['via'],
      registers,
    }),
    outbox: new Counter({
      name: 'sluice_bridge_outbox_total',
      help: 'Tries to publish an event of the outbox.',
      labelNames: ['outcome'],
      registers,
    }),
    outboxLeft: new Gauge({
      name: 'sluice_bridge_outbox_left',
      help: 'Due events of the outbox that the last turn of the relay left; only the bridge that sends sets it.',
      registers,
    }),
    deadLetters: new Counter({
      name: 'sluice_bridge_dead_letters_total',
      help: 'Dead letters that the bridge opened.',
      labelNames: ['kind'],
      registers,
    }),
    available: new Gauge({
      name: 'sluice_bridge_available',
      help: '1 while a service that the bridge needs answers, else 0.',
      labelNames: ['service'],
      registers,
    }),
    connected: connectedGauges(register, services),
    unreadable: unreadableGauge(register),
    text: () => register.metrics(),
    contentType: register.contentType,
  };
}
