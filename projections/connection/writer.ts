import type { Database } from './connection.js';
import type { Faults } from './unit-of-work.js';

/** What every writer needs. */
export interface Writer {
  readonly database: Database;
  readonly faults?: Faults | undefined;
}
