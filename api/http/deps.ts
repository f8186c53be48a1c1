/** What the routes work with, and the configuration of the API. */
import type { Logger } from 'pino';
import type { SluiceClient } from '../../client/index.js';
import type { Projections } from '../../projections/index.js';
import type { AuthConfig } from '../auth/authenticator.js';
import type { Metrics } from './metrics.js';

export interface ApiConfig {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly auth: AuthConfig;
  /** Requests of one token in a second, and so many more at once after a pause. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** How long an idempotency key is remembered, ms. */
  readonly idempotencyMs: number;
  /** Address of the metrics of Temporal's SDK in this process; undefined: no worker runs in it. */
  readonly sdkMetricsUrl: string | undefined;
}

/** An action that a worker of this project runs. */
export interface KnownAction {
  readonly id: string;
  readonly version: number;
}

export interface ApiDeps {
  readonly config: ApiConfig;
  readonly client: SluiceClient;
  readonly projections: Projections;
  /** The actions that a definition may name; undefined: `validate` does not look at them. */
  readonly actions: readonly KnownAction[] | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Aborted when the server stops: streams end. */
  readonly stopping: AbortSignal;
  /** Epoch ms. */
  readonly now: () => number;
}
