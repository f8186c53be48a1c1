/** Opens the projections: connection, migrations, writers, read models. */
import type { ProjectionStore } from '../contracts/run/projection.js';
import { connect, type Database } from './connection/connection.js';
import type { DatabaseOptions } from './connection/options.js';
import { withSeal } from './sealed.js';
import type { ValueSeal } from './values/value-seal.js';
import { createApiRequests, type ApiRequests } from './api-request-store.js';
import { createAuditStore, type AuditStore } from './audit-store.js';
import { migrate, requireSchema } from './migrations/migrate.js';
import { createDeadLetters, type DeadLetters } from './dead-letter-store.js';
import { createMaintenance, type Maintenance } from './maintenance/index.js';
import { createErasure, type Erasure } from './erasure-store.js';
import { createEventStore, type EventStore } from './event-store.js';
import { createReconciliation, type Reconciliation } from './reconcile/index.js';
import { createReads, type Reads } from './reads/index.js';
import { createStore } from './store.js';
import { createTasks, type TaskStore } from './task-store.js';
import type { Faults } from './connection/unit-of-work.js';

export interface ProjectionsOptions extends DatabaseOptions {
  /**
   * Encrypts the values in the rows, or reads what encrypts them. Default: they stay in clear.
   */
  readonly seal?: (() => Promise<ValueSeal>) | undefined;
  /** Makes commits fail at named points. For tests only. */
  readonly faults?: Faults;
}

export interface Projections extends ProjectionStore {
  /** Read models: for list pages, timelines and answers of the API. */
  readonly reads: Reads;
  /** Dead letters: writes, reads, and what operators do about them. */
  readonly deadLetters: DeadLetters;
  /** Tasks of people: writes of their workflows, and the inbox. */
  readonly tasks: TaskStore;
  /** What the event bridge writes and reads. */
  readonly events: EventStore;
  /** Idempotency keys of the HTTP API. */
  readonly apiRequests: ApiRequests;
  /** Writes of who did what; `reads.listAudit` reads it. */
  readonly audit: AuditStore;
  /** Rebuild and retention. */
  readonly maintenance: Maintenance;
  /** Removes the values of runs and events; client/erasure/ composes it. */
  readonly erasure: Erasure;
  /** What the reconciler reads and writes. */
  readonly reconciliation: Reconciliation;
  /**
   * Asks the database whether it has the schema of this version.
   * @throws SluiceError SCHEMA_MISSING, SCHEMA_TOO_NEW, SCHEMA_CHANGED, DATABASE_UNAVAILABLE
   */
  requireSchema(): Promise<void>;
  /** The connection itself, for statements that have no writer or read model. */
  readonly database: Database;
  close(): Promise<void>;
}

/**
 * Connects and brings the schema up to date. Many processes may do so at once. Later, a database that is
 * found without its schema is left alone, and counts as lost.
 * @throws SluiceError CONFIG_INVALID, DATABASE_UNAVAILABLE, DATABASE_AUTH, DATABASE_LOCKED, SCHEMA_TOO_NEW,
 *   SCHEMA_CHANGED; KEY_UNKNOWN where the database is encrypted under another key ring
 */
export async function openProjections(options: ProjectionsOptions): Promise<Projections> {
  const seal = await options.seal?.();
  const connection = await connect({ ...options, accept: requireSchema });
  let database: Database;
  try {
    await migrate(connection);
    database = await withSeal(connection, seal);
  } catch (error) {
    await connection.close();
    throw error;
  }
  const writer = { database, faults: options.faults };
  return {
    ...createStore(writer),
    deadLetters: createDeadLetters(writer),
    apiRequests: createApiRequests(writer),
    audit: createAuditStore(writer),
    maintenance: createMaintenance(writer),
    tasks: createTasks(writer),
    events: createEventStore(writer),
    erasure: createErasure(writer),
    reconciliation: createReconciliation(writer),
    reads: createReads(database),
    requireSchema: () => requireSchema(database),
    database,
    close: () => database.close(),
  };
}
