import type { ClientOptions, Connection, ConnectionOptions } from '@temporalio/client';
import type { Json } from '../../contracts/json.js';
import type { RunRef } from '../../contracts/run/run.js';
import type { EventBus } from '../events/event-bus.js';
import type { RunReads } from '../reads/reads.js';

/** How to connect a client, and its defaults. */
export interface SluiceClientOptions {
  /** An open connection, which the caller closes; the alternative to `address`. */
  readonly connection?: Connection;
  /** `host:port` of Temporal: the client opens its own connection. Default `localhost:7233`. */
  readonly address?: string;
  /** TLS, API key and other options of the connection to `address`. */
  readonly connectionOptions?: Omit<ConnectionOptions, 'address'>;
  /** True: connect with the first call, which then fails if nothing answers. */
  readonly lazy?: boolean;
  readonly namespace: string;
  /** Encrypts and decrypts what Temporal stores, as the workers do. Default: Temporal's own. */
  readonly dataConverter?: ClientOptions['dataConverter'];
  /** The task queue that Sluice's workers poll. */
  readonly taskQueue: string;
  /** Where `publishEvent` puts events: `httpBus` or `redisBus`. */
  readonly bus?: EventBus;
  /**
   * Where runs and definitions are read from: `projections.reads`, or `apiReads`. Default: reads are refused.
   */
  readonly reads?: RunReads;
  /** Tenant of every call that names none. Default `default`. */
  readonly tenant?: string;
  /** Actor of every call that names none, for the audit. Default `sluice-client`. */
  readonly actor?: string;
}

/** The default payloads by definition id: any id takes any JSON. */
export type AnyPayloads = Readonly<Record<string, Json>>;

/** How to publish a definition. */
export interface PublishOptions {
  /** Default `yaml`, which includes JSON; `json` keeps the source as JSON. */
  readonly format?: 'yaml' | 'json';
  /** Default: the client's. */
  readonly tenant?: string;
  /** Who publishes, for the audit. Default: the client's. */
  readonly actor?: string;
}

/** Start options beside the payload; the workflow's memo carries them. */
export interface StartOptions {
  /**
   * Default `<definition id>/<uuid v7>`. An id is the tenant's: Temporal knows the run as `~<tenant>/<id>`,
   * and one of the tenant `default` by the id alone, unless Sluice makes ids like it. The answer has the
   * exact id.
   */
  readonly workflowId?: string;
  /** Pinned version of the definition; default: the latest published one. */
  readonly version?: number;
  readonly tenant?: string;
  readonly actor?: string;
  /** Keys by which runs are found, in the search attribute `SluiceCorrelationKeys`. */
  readonly correlationKeys?: readonly string[];
  /** What caused the run, for the audit. */
  readonly trigger?: Json;
  /** How many runs events have started in a chain, this one included; the event bridge and `rerun` set it. */
  readonly sluiceChain?: number;
  /** The run that this one repeats; `client.runs.rerun` sets it. */
  readonly rerunOf?: RunRef;
  /** What to do if a run with that id is open: `fail` (default), return that run, or terminate it first. */
  readonly onConflict?: 'fail' | 'use-existing' | 'terminate-existing';
  /** What to do if a closed run has that id: start (default), refuse, or start only if it did not succeed. */
  readonly reuse?: 'always' | 'never' | 'after-failure';
}

/** A start under a workflow id that Sluice made. */
export interface MadeStart extends StartOptions {
  readonly workflowId: string;
}

/** A start; `made`: Sluice made its workflow id. */
export interface AnyStart extends StartOptions {
  readonly made?: boolean;
}

/** A started run. */
export interface StartedRun {
  readonly workflowId: string;
  /**
   * Temporal's first execution run id: constant across continue-as-new and reset, the key of the run's rows.
   */
  readonly runId: string;
}
