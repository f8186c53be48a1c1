/** The dependencies of the routes, and the configuration of the API. */
import type { z } from 'zod';
import type { Logger } from 'pino';
import type { SluiceClient } from '../../client/index.js';
import type { Projections } from '../../projections/index.js';
import type { AuthConfig } from '../auth/authenticator.js';
import type { KeyEntry } from '../auth/keys.js';
import type { Metrics } from './metrics.js';
import type { PlaceLimits } from './stream-places.js';

export interface ApiConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly auth: AuthConfig;
  /** Requests of one token per second, and the further requests that a burst after a pause may have. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** Most timelines that are open at the same time. Default: 50 of a token, 500 of the process. */
  readonly timelines?: PlaceLimits;
  /** Origins of pages that may call the codec endpoint; default: none. */
  readonly codecOrigins?: readonly string[];
  /** How long an idempotency key is kept, ms. */
  readonly idempotencyMs: number;
  /** Address of the metrics of Temporal's SDK in this process; undefined: this process runs no worker. */
  readonly sdkMetricsUrl: string | undefined;
}

/** An action that a worker of this project runs. */
export interface KnownAction {
  readonly id: string;
  readonly version: number;
  readonly input?: z.ZodType;
  readonly output?: z.ZodType;
}

export interface ApiDeps {
  readonly config: ApiConfig;
  /** The static keys as they are now; undefined: those of the configuration. */
  readonly keys: (() => readonly KeyEntry[]) | undefined;
  readonly client: SluiceClient;
  readonly projections: Projections;
  /** The actions that a definition may name; undefined: `validate` does not look at them. */
  readonly actions: readonly KnownAction[] | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Aborted when the server stops, so that streams end. */
  readonly stopping: AbortSignal;
  /** Epoch ms. */
  readonly now: () => number;
}
