import { SluiceError } from '../../../contracts/errors.js';
import type { SluiceConfig } from '../../../worker/config/config.js';
import { pruneEvents, pruneRuns } from '../../../worker/processes/retention.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { withProjections } from './database.js';

/**
 * `sluice prune`: removes closed runs and inbound events past their retention, now.
 * @param days of runs, given on the command line; absent: SLUICE_RETENTION_DAYS
 * @param eventDays of events, given on the command line; absent: SLUICE_EVENT_RETENTION_DAYS
 * @throws SluiceError CONFIG_INVALID where nothing says how old
 */
export async function pruneClosedRuns(
  terminal: Terminal,
  config: SluiceConfig,
  days = config.retentionDays,
  eventDays = config.eventRetentionDays,
): Promise<number> {
  if (days === undefined && eventDays === undefined) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'How old? Give --days or --event-days, or set SLUICE_RETENTION_DAYS or SLUICE_EVENT_RETENTION_DAYS',
    );
  }
  return await withProjections(config, async (projections) => {
    if (days !== undefined) {
      const removed = await pruneRuns(projections, days, counting(terminal, 'runs'));
      terminal.data({ removed, days });
      terminal.print(`Removed ${removed} closed runs that ended more than ${days} days ago.`);
    }
    if (eventDays !== undefined) {
      const removedEvents = await pruneEvents(projections, eventDays, counting(terminal, 'events'));
      terminal.data({ removedEvents, eventDays });
      terminal.print(`Removed ${removedEvents} inbound events that came more than ${eventDays} days ago.`);
    }
    return EXIT.ok;
  });
}

/** Says after each batch how many there were so far. */
function counting(terminal: Terminal, what: string): (batch: number) => boolean {
  let soFar = 0;
  return (batch) => {
    soFar += batch;
    if (batch > 0) terminal.note(`${soFar} ${what} removed`);
    return true;
  };
}
