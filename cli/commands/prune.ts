import { SluiceError } from '../../contracts/errors.js';
import type { SluiceConfig } from '../../worker/config.js';
import { pruneRuns } from '../../worker/retention.js';
import { EXIT } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { withProjections } from './database.js';

/**
 * `sluice prune`: removes closed runs past their retention, now.
 * @param days given on the command line; absent: SLUICE_RETENTION_DAYS
 * @throws SluiceError CONFIG_INVALID where neither says how old
 */
export async function pruneClosedRuns(
  terminal: Terminal,
  config: SluiceConfig,
  days = config.retentionDays,
): Promise<number> {
  if (days === undefined) {
    throw new SluiceError('CONFIG_INVALID', 'How old? Give --days, or set SLUICE_RETENTION_DAYS');
  }
  return await withProjections(config, async (projections) => {
    let soFar = 0;
    const removed = await pruneRuns(projections, days, (batch) => {
      soFar += batch;
      if (batch > 0) terminal.note(`${soFar} runs removed`);
      return true;
    });
    terminal.data({ removed, days });
    terminal.print(`Removed ${removed} closed runs that ended more than ${days} days ago.`);
    return EXIT.ok;
  });
}
