/**
 * What a process says about its database while it runs: a log line and a metric at each change.
 *
 * Invariant: a lost database is visible from the first failed try on, and is never the end of the process.
 */
import type { Logger } from 'pino';
import type { DatabaseOptions, DatabaseState } from '../../projections/index.js';
import type { SluiceConfig } from '../config/config.js';

/**
 * The options of a process's database.
 * @param set called with 1 when the database is connected, with 0 when it is lost
 */
export function watchedDatabase(
  { database }: Pick<SluiceConfig, 'database'>,
  log: Pick<Logger, 'info' | 'warn'>,
  set: (connected: 0 | 1) => void = () => undefined,
): DatabaseOptions {
  return {
    ...database,
    onState({ connected, reason }: DatabaseState) {
      set(connected ? 1 : 0);
      if (connected) {
        log.info({}, 'The database is connected again');
        return;
      }
      log.warn(
        { code: 'DATABASE_UNAVAILABLE', reason },
        'The database is lost; it is tried again without end',
      );
    },
  };
}
