import { SluiceError } from '../../../contracts/errors.js';
import type { SluiceConfig } from '../../../worker/config/config.js';
import {
  type Ages,
  countPrunable,
  pruneAudit,
  pruneEvents,
  pruneRuns,
} from '../../../worker/processes/retention.js';
import { agreed } from '../../terminal/agreed.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { withProjections } from './database.js';

export interface PruneOptions {
  /** Age of runs, in days since they ended; default: SLUICE_RETENTION_DAYS. */
  readonly days?: number | undefined;
  /** Age of inbound events, in days since they arrived; default: SLUICE_EVENT_RETENTION_DAYS. */
  readonly eventDays?: number | undefined;
  /** Age of audit rows, in days since their act began; default: SLUICE_AUDIT_RETENTION_DAYS. */
  readonly auditDays?: number | undefined;
  /** Count what would be removed, and remove nothing. */
  readonly dryRun?: boolean | undefined;
  /** Remove without a question. */
  readonly yes?: boolean | undefined;
}

/**
 * `sluice prune`: removes closed runs, inbound events and audit rows past their retention.
 *
 * Invariant: nothing is removed before its count was shown and a person agreed, or `--yes` was given.
 * @throws SluiceError CONFIG_INVALID if no age is given; USAGE_INVALID without a terminal to ask on
 */
export async function pruneCommand(
  terminal: Terminal,
  config: SluiceConfig,
  options: PruneOptions,
): Promise<number> {
  const { days = config.retentionDays, eventDays = config.eventRetentionDays, dryRun, yes } = options;
  const { auditDays = config.auditRetentionDays } = options;
  if ((days ?? eventDays ?? auditDays) === undefined) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'No age given: use --days, --event-days or --audit-days, or set SLUICE_RETENTION_DAYS, SLUICE_EVENT_RETENTION_DAYS or SLUICE_AUDIT_RETENTION_DAYS',
    );
  }
  return await withProjections(config, async (projections) => {
    if (dryRun === true || yes !== true) {
      const wouldRemove = await countPrunable(projections, { days, eventDays, auditDays });
      const what = planOf({ ...wouldRemove, days, eventDays, auditDays });
      if (dryRun === true) {
        terminal.data({
          wouldRemove,
          ...(days !== undefined && { days }),
          ...(eventDays !== undefined && { eventDays }),
          ...(auditDays !== undefined && { auditDays }),
        });
        terminal.print(`Would remove at most ${what}. Nothing was removed.`);
        return EXIT.ok;
      }
      if (!(await agreed(terminal, `Remove ${what} for good? [y/N] `))) {
        terminal.print('Nothing was removed.');
        return EXIT.failed;
      }
    }
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
    if (auditDays !== undefined) {
      const removedAudit = await pruneAudit(projections, auditDays, counting(terminal, 'audit rows'));
      terminal.data({ removedAudit, auditDays });
      terminal.print(`Removed ${removedAudit} audit rows of acts more than ${auditDays} days ago.`);
    }
    return EXIT.ok;
  });
}

type Plan = Ages & Awaited<ReturnType<typeof countPrunable>>;

function planOf({ runs, days, events, eventDays, audit, auditDays }: Plan): string {
  const parts: string[] = [];
  if (days !== undefined) parts.push(`${runs} closed runs that ended more than ${days} days ago`);
  if (eventDays !== undefined) {
    parts.push(`${events} inbound events received more than ${eventDays} days ago`);
  }
  if (auditDays !== undefined) parts.push(`${audit} audit rows of acts more than ${auditDays} days ago`);
  return parts.join(' and ');
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
