/**
 * Runs and definitions read straight from the database, which is opened with the first question: a command that asks
 * nothing of it opens nothing.
 */
import type { RunReads } from '../../client/index.js';
import { openProjections, type Projections } from '../../projections/index.js';
import type { SluiceConfig } from '../../worker/config/config.js';

export interface DatabaseReads {
  readonly reads: RunReads;
  /** Closes the database, where it was opened. */
  readonly close: () => Promise<void>;
}

/** True for a database that several processes may have open: a server. */
export function isServer({ url }: SluiceConfig['database']): boolean {
  return /^wss?:/i.test(url);
}

/** Reads from a database. @throws SluiceError each question: DATABASE_UNAVAILABLE, DATABASE_AUTH, SCHEMA_TOO_NEW */
export function databaseReads(database: SluiceConfig['database']): DatabaseReads {
  let opened: Promise<Projections> | undefined;
  const ask = async <T>(question: (reads: Projections['reads']) => Promise<T>): Promise<T> => {
    opened ??= openProjections(database);
    return question((await opened).reads);
  };
  return {
    reads: {
      listRuns: (...args) => ask((reads) => reads.listRuns(...args)),
      getRun: (...args) => ask((reads) => reads.getRun(...args)),
      listSteps: (...args) => ask((reads) => reads.listSteps(...args)),
      listEvents: (...args) => ask((reads) => reads.listEvents(...args)),
      pageWaits: (...args) => ask((reads) => reads.pageWaits(...args)),
      pageInvocations: (...args) => ask((reads) => reads.pageInvocations(...args)),
      pageEvidence: (...args) => ask((reads) => reads.pageEvidence(...args)),
      pageInbound: (...args) => ask((reads) => reads.pageInbound(...args)),
      listDefinitions: (...args) => ask((reads) => reads.listDefinitions(...args)),
      getDefinition: (...args) => ask((reads) => reads.getDefinition(...args)),
    },
    close: async () => {
      const database = await opened?.catch(() => undefined);
      await database?.close();
    },
  };
}
