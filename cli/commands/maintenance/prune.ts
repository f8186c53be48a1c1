import { SluiceError } from '../../../contracts/errors.js';
import type { SluiceConfig } from '../../../worker/config/config.js';
import { pruneEvents, pruneRuns } from '../../../worker/processes/retention.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { withProjections } from './database.js';

/**
 * `sluice prune`: removes closed runs and inbound events past their retention.
 * @param days age of runs, in days; default: SLUICE_RETENTION_DAYS
 * @param eventDays age of events, in days; default: SLUICE_EVENT_RETENTION_DAYS
 * @throws SluiceError CONFIG_INVALID if neither is set
 */
export async function pruneCommand(
  terminal: Terminal,
  config: SluiceConfig,
  days = config.retentionDays,
  eventDays = config.eventRetentionDays,
): Promise<number> {
  if (days === undefined && eventDays === undefined) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'No age given: use --days or --event-days, or set SLUICE_RETENTION_DAYS or SLUICE_EVENT_RETENTION_DAYS',
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
      terminal.print(`Removed ${removedEvents} inbound events received more than ${eventDays} days ago.`);
    }
    return EXIT.ok;
  });
}

/** Reports the total after each batch. */
function counting(terminal: Terminal, what: string): (batch: number) => boolean {
  let soFar = 0;
  return (batch) => {
    soFar += batch;
    if (batch > 0) terminal.note(`${soFar} ${what} removed`);
    return true;
  };
}
