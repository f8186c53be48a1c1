/**
 * The product's own metrics of the HTTP API, as Prometheus reads them. Those of Temporal's SDK, where a worker runs in
 * the process, are taken from the SDK's own exporter and stand beside them.
 *
 * Names of routes, methods and codes are labels: there are few of each. Ids, tenants and tokens never are.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const SDK_LIMIT_MS = 2_000;

export interface Metrics {
  readonly requests: Histogram<'method' | 'route' | 'status'>;
  /** Error answers by code. */
  readonly errors: Counter<'code'>;
  /** Timelines that are open. */
  readonly streams: Gauge;
  /** Requests answered from an idempotency key. */
  readonly replays: Counter;
  /** Whether a service that the API needs answered when it was last asked: 1 or 0. */
  readonly ready: Gauge<'service'>;
  /** Everything, in Prometheus' text format. */
  text(sdkMetricsUrl: string | undefined): Promise<string>;
}

/** A registry of its own for each server, so that two in one process do not share counts. */
export function createMetrics(): Metrics {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const sdkFailures = new Counter({
    name: 'sluice_api_sdk_metrics_failures_total',
    help: "Times that the metrics of Temporal's SDK could not be read.",
    registers,
  });
  return {
    requests: new Histogram({
      name: 'sluice_api_request_seconds',
      help: 'Time from a request to the beginning of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    errors: new Counter({
      name: 'sluice_api_errors_total',
      help: 'Error answers by code.',
      labelNames: ['code'],
      registers,
    }),
    streams: new Gauge({ name: 'sluice_api_streams', help: 'Timelines that are open.', registers }),
    replays: new Counter({
      name: 'sluice_api_idempotent_replays_total',
      help: 'Requests that were answered from an idempotency key.',
      registers,
    }),
    ready: new Gauge({
      name: 'sluice_api_ready',
      help: 'Whether a service that the API needs answered when /readyz last asked.',
      labelNames: ['service'],
      registers,
    }),
    async text(sdkMetricsUrl) {
      let sdk = '';
      if (sdkMetricsUrl !== undefined) {
        try {
          const response = await fetch(sdkMetricsUrl, { signal: AbortSignal.timeout(SDK_LIMIT_MS) });
          if (response.ok) sdk = await response.text();
          else sdkFailures.inc();
        } catch {
          // Metrics are best effort: what is missing is counted, and the product's own are still told.
          sdkFailures.inc();
        }
      }
      const own = await register.metrics();
      return sdk === '' ? own : `${own.trimEnd()}\n${sdk}`;
    },
  };
}
