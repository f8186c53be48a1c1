import { SluiceError } from '../../../contracts/errors.js';
import type { Projections, Prunable } from '../../../projections/index.js';
import type { SluiceConfig } from '../../../worker/config/config.js';
import {
  type Ages,
  countPrunable,
  pruneAudit,
  pruneEvents,
  pruneRuns,
  pruneTasks,
} from '../../../worker/processes/retention.js';
import { keptDays, requireLongerThan } from '../../../worker/temporal/kept-histories.js';
import { connectTemporal } from '../../../worker/temporal/temporal-connection.js';
import { requireSame, temporalIdentity } from '../../../worker/temporal/temporal-owner.js';
import { agreed } from '../../terminal/agreed.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { AUDITED_IN, recorded, withProjections } from './database.js';

export interface PruneOptions {
  /** Age of runs, in days since they ended; default: SLUICE_RETENTION_DAYS. */
  readonly days?: number | undefined;
  /** Age of inbound events, in days since they arrived; default: SLUICE_EVENT_RETENTION_DAYS. */
  readonly eventDays?: number | undefined;
  /** Age of audit rows, in days since their act began; default: SLUICE_AUDIT_RETENTION_DAYS. */
  readonly auditDays?: number | undefined;
  /** Temporal has lost the histories for good: do not ask it how long it keeps them. */
  readonly historyGone?: boolean | undefined;
  /** Count and measure what would be removed, and remove nothing. */
  readonly dryRun?: boolean | undefined;
  /** Remove without a question. */
  readonly yes?: boolean | undefined;
}

/** Who prunes, for the audit. */
interface ByWhom {
  readonly subject: string;
}

/**
 * `sluice prune`: removes closed runs and tasks, inbound events and audit rows past their retention.
 *
 * Invariants
 * - Nothing is removed before its count was shown and a person agreed, or `--yes` was given.
 * - An audit row says who pruned, and by which ages; the dry run leaves none.
 * - No run is removed that Temporal may still reset (worker/temporal/kept-histories.ts).
 * @throws SluiceError CONFIG_INVALID if no age is given; USAGE_INVALID without a terminal to ask on;
 * RETENTION_TOO_SHORT, DATABASE_OF_ANOTHER_TEMPORAL, TEMPORAL_UNAVAILABLE unless the histories are said to be
 * gone; DATABASE_*
 */
export async function pruneCommand(
  terminal: Terminal,
  config: SluiceConfig,
  options: PruneOptions & ByWhom,
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
    if (days !== undefined && options.historyGone !== true) await requireForgotten(config, projections, days);
    if (dryRun === true || yes !== true) {
      const wouldRemove = await countPrunable(projections, { days, eventDays, auditDays });
      const what = planOf({ ...wouldRemove, days, eventDays, auditDays });
      if (dryRun === true) {
        terminal.data({
          wouldRemove: {
            runs: { ...wouldRemove.runs },
            tasks: { ...wouldRemove.tasks },
            events: { ...wouldRemove.events },
            audit: { ...wouldRemove.audit },
          },
          ...(days !== undefined && { days }),
          ...(eventDays !== undefined && { eventDays }),
          ...(auditDays !== undefined && { auditDays }),
        });
        terminal.print(
          `Would remove at most ${what}. Nothing was removed. Sizes are those of the rows; the store gives space back when it compacts.`,
        );
        return EXIT.ok;
      }
      if (!(await agreed(terminal, `Remove ${what} for good? [y/N] `))) {
        terminal.print('Nothing was removed.');
        return EXIT.failed;
      }
    }
    const ages = Object.entries({ runs: days, events: eventDays, audit: auditDays }).flatMap(([what, age]) =>
      age === undefined ? [] : [`${what}:${age}d`],
    );
    const act = { tenant: AUDITED_IN, subject: options.subject, act: 'prune', on: ages };
    await recorded(projections, act, async () => {
      await prune(terminal, projections, { days, eventDays, auditDays });
      return { result: undefined, on: [] };
    });
    return EXIT.ok;
  });
}

async function prune(
  terminal: Terminal,
  projections: Projections,
  { days, eventDays, auditDays }: Ages,
): Promise<void> {
  if (days !== undefined) {
    const removed = await pruneRuns(projections, days, counting(terminal, 'runs'));
    terminal.data({ removed, days });
    terminal.print(`Removed ${removed} closed runs that ended more than ${days} days ago.`);
    // After the runs that asked for them.
    const removedTasks = await pruneTasks(projections, days, counting(terminal, 'tasks'));
    terminal.data({ removedTasks, days });
    terminal.print(`Removed ${removedTasks} tasks that ended more than ${days} days ago.`);
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
}

/** Makes sure that the Temporal of these runs keeps none that is so old. */
async function requireForgotten(
  { temporal }: SluiceConfig,
  { maintenance }: Projections,
  days: number,
): Promise<void> {
  const connection = await connectTemporal(temporal);
  try {
    const { workflowService } = connection;
    const owner = await maintenance.temporalOwner();
    if (owner !== undefined) requireSame(owner, await temporalIdentity(workflowService, temporal.namespace));
    requireLongerThan(days, await keptDays(workflowService, temporal.namespace));
  } finally {
    await connection.close();
  }
}

type Plan = Ages & Awaited<ReturnType<typeof countPrunable>>;

function planOf({ runs, tasks, days, events, eventDays, audit, auditDays }: Plan): string {
  const parts: string[] = [];
  if (days !== undefined) {
    parts.push(`${runs.count} closed runs that ended more than ${days} days ago (${sizeOf(runs)})`);
    parts.push(`${tasks.count} tasks that ended more than ${days} days ago (${sizeOf(tasks)})`);
  }
  if (eventDays !== undefined) {
    parts.push(`${events.count} inbound events received more than ${eventDays} days ago (${sizeOf(events)})`);
  }
  if (auditDays !== undefined) {
    parts.push(`${audit.count} audit rows of acts more than ${auditDays} days ago (${sizeOf(audit)})`);
  }
  return parts.join(' and ');
}

/** A size that a person reads: `about 4.2 MB`. */
function sizeOf({ bytes }: Prunable): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / THOUSAND));
  return `about ${(bytes / 10 ** (power * THOUSAND)).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];
/** Power of ten between two units. */
const THOUSAND = 3;

/** Reports the total after each batch. */
function counting(terminal: Terminal, what: string): (batch: number) => boolean {
  let soFar = 0;
  return (batch) => {
    soFar += batch;
    if (batch > 0) terminal.note(`${soFar} ${what} removed`);
    return true;
  };
}
