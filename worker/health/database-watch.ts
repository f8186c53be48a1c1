/** The options of a process's database, whose state it notes. */
import type { DatabaseState, ProjectionsOptions } from '../../projections/index.js';
import type { SluiceConfig } from '../config/config.js';
import type { ServiceStates } from './service-states.js';

/** The options of a process's database. */
export function watchedDatabase(
  { database }: Pick<SluiceConfig, 'database'>,
  states: ServiceStates,
): ProjectionsOptions {
  return {
    ...database,
    onState: ({ connected, reason }: DatabaseState) =>
      states.note('database', connected ? undefined : { code: 'DATABASE_UNAVAILABLE', reason }),
  };
}
