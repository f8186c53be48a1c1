import type { Connection, ConnectionOptions } from '@temporalio/client';
import type { Json } from '../../contracts/json.js';
import type { RunRef } from '../../contracts/run/run.js';
import type { EventBus } from '../events/event-bus.js';
import type { RunReads } from '../reads/reads.js';

/** How to connect a client, and what it takes where nothing is said. */
export interface SluiceClientOptions {
  /** An open connection, which stays the caller's to close; or `address`. */
  readonly connection?: Connection;
  /** `host:port` of Temporal; the client then opens a connection of its own. */
  readonly address?: string;
  /** TLS, API key and the like, beside `address`. */
  readonly connectionOptions?: Omit<ConnectionOptions, 'address'>;
  /** True: an own connection is made with the first call that needs it, which then fails where nothing answers. */
  readonly lazy?: boolean;
  readonly namespace: string;
  /** The one task queue that Sluice's workers poll. */
  readonly taskQueue: string;
  /** Where `publish` puts events: `httpBus` or `redisBus`. */
  readonly bus?: EventBus;
  /** Where runs and definitions are shown from: `projections.reads`, or an API. Default: nothing is shown. */
  readonly reads?: RunReads;
  /** Default tenant of everything this client does: `default`. */
  readonly tenant?: string;
  /** Default actor, for the audit: `sluice-client`. */
  readonly actor?: string;
}

/** Payloads by definition id, where nobody has said which: any id takes any JSON. */
export type AnyPayloads = Readonly<Record<string, Json>>;

/** How to publish a definition. */
export interface PublishOptions {
  /** Default `yaml`, of which JSON is a part; `json` keeps the source as JSON. */
  readonly format?: 'yaml' | 'json';
  /** Default: the client's. */
  readonly tenant?: string;
  /** Who publishes, for the audit. Default: the client's. */
  readonly actor?: string;
}

/** Start options that are not payload; they travel in the workflow's memo. */
export interface StartOptions {
  /** Default `<definition id>/<uuid v7>`. */
  readonly workflowId?: string;
  /** Pinned version of the definition; default: the latest published one. */
  readonly version?: number;
  readonly tenant?: string;
  readonly actor?: string;
  /** Keys by which runs are found, in the search attribute `SluiceCorrelationKeys`. */
  readonly correlationKeys?: readonly string[];
  /** What caused the run, for the audit. */
  readonly trigger?: Json;
  /** The run that this one is a re-run of; `client.runs.rerun` says so. */
  readonly rerunOf?: RunRef;
  /** Where a run with that id is open: `fail` (default), give back that one, or terminate it first. */
  readonly onConflict?: 'fail' | 'use-existing' | 'terminate-existing';
  /** Where a closed run has that id: start anyway (default), never, or only if it did not succeed. */
  readonly reuse?: 'always' | 'never' | 'after-failure';
}

/** A started run. */
export interface StartedRun {
  readonly workflowId: string;
  /** Temporal's first execution run id: the same over continue-as-new and reset, the key of the run's rows. */
  readonly runId: string;
}
