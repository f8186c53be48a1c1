/** Reads runs and definitions directly from the database. The first read opens it. */
import type { RunReads } from '../../client/index.js';
import { openProjections, type Projections } from '../../projections/index.js';
import type { SluiceConfig } from '../../worker/config/config.js';

export interface DatabaseReads {
  readonly reads: RunReads;
  /** Closes the database if a read opened it. */
  readonly close: () => Promise<void>;
}

/** Whether the database is a server, which several processes may use at once. */
export function isServer({ url }: SluiceConfig['database']): boolean {
  return /^wss?:/i.test(url);
}

/**
 * Reads from a database.
 * @throws SluiceError from each read: DATABASE_UNAVAILABLE, DATABASE_AUTH, SCHEMA_TOO_NEW
 */
export function databaseReads(database: SluiceConfig['database']): DatabaseReads {
  let opened: Promise<Projections> | undefined;
  const read = async <T>(query: (reads: Projections['reads']) => Promise<T>): Promise<T> => {
    opened ??= openProjections(database);
    return query((await opened).reads);
  };
  return {
    reads: {
      listRuns: (...args) => read((reads) => reads.listRuns(...args)),
      getRun: (...args) => read((reads) => reads.getRun(...args)),
      listSteps: (...args) => read((reads) => reads.listSteps(...args)),
      listEvents: (...args) => read((reads) => reads.listEvents(...args)),
      pageWaits: (...args) => read((reads) => reads.pageWaits(...args)),
      pageInvocations: (...args) => read((reads) => reads.pageInvocations(...args)),
      pageEvidence: (...args) => read((reads) => reads.pageEvidence(...args)),
      pageInbound: (...args) => read((reads) => reads.pageInbound(...args)),
      listAudit: (...args) => read((reads) => reads.listAudit(...args)),
      listDefinitions: (...args) => read((reads) => reads.listDefinitions(...args)),
      listTasks: (...args) => read((reads) => reads.listTasks(...args)),
      countTasks: (...args) => read((reads) => reads.countTasks(...args)),
      getTask: (...args) => read((reads) => reads.getTask(...args)),
      listTaskEntries: (...args) => read((reads) => reads.listTaskEntries(...args)),
      getDefinition: (...args) => read((reads) => reads.getDefinition(...args)),
      listCalendars: (...args) => read((reads) => reads.listCalendars(...args)),
      getCalendar: (...args) => read((reads) => reads.getCalendar(...args)),
    },
    close: async () => {
      const projections = await opened?.catch(() => undefined);
      await projections?.close();
    },
  };
}
