/** The options of a process's database, whose state it notes. */
import type { DatabaseOptions, DatabaseState } from '../../projections/index.js';
import type { SluiceConfig } from '../config/config.js';
import type { ServiceStates } from './service-states.js';

/** The options of a process's database. */
export function watchedDatabase(
  { database }: Pick<SluiceConfig, 'database'>,
  states: ServiceStates,
): DatabaseOptions {
  return {
    ...database,
    onState: ({ connected, reason }: DatabaseState) =>
      states.note('database', connected ? undefined : { code: 'DATABASE_UNAVAILABLE', reason }),
  };
}
