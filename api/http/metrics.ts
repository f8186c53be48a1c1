/**
 * Metrics of the HTTP API, for Prometheus. If a worker runs in the process, the metrics of Temporal's SDK are
 * appended; the SDK's exporter gives them.
 *
 * Labels are routes, methods and codes: there are few of each. Ids, tenants and tokens are never labels.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { connectedGauges, unreadableGauge, type ConnectedGauges } from '../../ingress/index.js';

/** Time limit for the SDK's exporter, ms. */
const SDK_LIMIT_MS = 2_000;

export interface Metrics {
  readonly requests: Histogram<'method' | 'route' | 'status'>;
  /** Error answers by code. */
  readonly errors: Counter<'code'>;
  /** Open timelines. */
  readonly streams: Gauge;
  /** Requests answered from an idempotency key. */
  readonly replays: Counter;
  /** 1 if a service that the API needs answered the last check, else 0. */
  readonly ready: Gauge<'service'>;
  /** Which services answer, whoever asked them last. */
  readonly connected: ConnectedGauges;
  /** Rows that the API met and could not read. */
  readonly unreadable: Gauge;
  /** All metrics, in Prometheus' text format. */
  text(sdkMetricsUrl: string | undefined): Promise<string>;
}

/**
 * The metrics of one server. Each server has a separate registry, so two in one process do not share counts.
 */
export function createMetrics(): Metrics {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const sdkFailures = new Counter({
    name: 'sluice_api_sdk_metrics_failures_total',
    help: "Failed reads of the metrics of Temporal's SDK.",
    registers,
  });
  return {
    requests: new Histogram({
      name: 'sluice_api_request_seconds',
      help: 'Time from a request to the start of its answer.',
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
    streams: new Gauge({ name: 'sluice_api_streams', help: 'Open timelines.', registers }),
    replays: new Counter({
      name: 'sluice_api_idempotent_replays_total',
      help: 'Requests answered from a stored answer of their idempotency key.',
      registers,
    }),
    ready: new Gauge({
      name: 'sluice_api_ready',
      help: '1 if a service that the API needs answered the last check, else 0.',
      labelNames: ['service'],
      registers,
    }),
    connected: connectedGauges(register, ['database', 'temporal']),
    unreadable: unreadableGauge(register),
    async text(sdkMetricsUrl) {
      let sdk = '';
      if (sdkMetricsUrl !== undefined) {
        try {
          const response = await fetch(sdkMetricsUrl, { signal: AbortSignal.timeout(SDK_LIMIT_MS) });
          if (response.ok) sdk = await response.text();
          else sdkFailures.inc();
        } catch {
          // Best effort: count the failure and still answer with the metrics of the API.
          sdkFailures.inc();
        }
      }
      const api = await register.metrics();
      return sdk === '' ? api : `${api.trimEnd()}\n${sdk}`;
    },
  };
}
