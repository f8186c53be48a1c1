/**
 * Metrics of a bridge, for Prometheus. Labels are ways, outcomes and services: there are few of each. Ids,
 * tenants and names of events are never labels.
 */
import { Counter, Gauge, Registry } from 'prom-client';

export interface BridgeMetrics {
  /** Events whose routing has ended, by the way that they came and by their outcome. */
  readonly events: Counter<'via' | 'outcome'>;
  /** Events that were refused because their id belongs to another one. */
  readonly conflicts: Counter<'via'>;
  /** 1 while a service that the bridge needs answers, else 0. */
  readonly available: Gauge<'service'>;
  /** All of them, in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** The metrics of one bridge. Each has its own registry, so two in one process do not share counts. */
export function createBridgeMetrics(): BridgeMetrics {
  const register = new Registry();
  const registers = [register];
  return {
    events: new Counter({
      name: 'sluice_bridge_events_total',
      help: 'Events whose routing has ended.',
      labelNames: ['via', 'outcome'],
      registers,
    }),
    conflicts: new Counter({
      name: 'sluice_bridge_event_conflicts_total',
      help: 'Events that were refused because another event has their source and id.',
      labelNames: ['via'],
      registers,
    }),
    available: new Gauge({
      name: 'sluice_bridge_available',
      help: '1 while a service that the bridge needs answers, else 0.',
      labelNames: ['service'],
      registers,
    }),
    text: () => register.metrics(),
    contentType: register.contentType,
  };
}
