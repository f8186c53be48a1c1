import type { Client } from '@temporalio/client';
import {
  describeTemporal,
  isSameTemporal,
  type TemporalIdentity,
} from '../../../contracts/services/temporal-identity.js';
import type { Cursor, Projections } from '../../../projections/index.js';
import { temporalIdentity } from '../../../worker/temporal/temporal-owner.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';
import { agreed } from '../../terminal/agreed.js';
import { AUDITED_IN, recorded } from './database.js';

export interface MoveOptions {
  /** Show what would happen, and change nothing. */
  readonly dryRun?: boolean | undefined;
  /** Move without a question. */
  readonly yes?: boolean | undefined;
}

/** Runs of one page. */
const PAGE = 500;

/**
 * `sluice database owner`: whose runs the database has.
 * @returns 1 if it is another Temporal than that of the configuration
 */
export async function ownerCommand(
  terminal: Terminal,
  { maintenance }: Pick<Projections, 'maintenance'>,
  temporal: Client,
): Promise<number> {
  const connected = await identityOf(temporal);
  const owner = await maintenance.temporalOwner();
  const own = owner === undefined || isSameTemporal(owner, connected);
  terminal.data({
    owner: owner === undefined ? null : { ...shown(owner), since: owner.since.toISOString() },
    connected: shown(connected),
    own,
  });
  terminal.print(
    owner === undefined
      ? 'No process has used the database yet: the first one claims it.'
      : `The database has the runs of ${describeTemporal(owner)}, since ${owner.since.toISOString()}.`,
  );
  terminal.print(
    `This configuration is for ${describeTemporal(connected)}${own ? '' : ', which is ANOTHER one: no worker, bridge or API starts with it'}.`,
  );
  return own ? EXIT.ok : EXIT.failed;
}

/**
 * `sluice database move`: makes the database that of the Temporal of the configuration.
 *
 * Invariant: nothing changes before a person was told what happens to the open runs and agreed, or `--yes`
 * was given. The move has an audit row.
 * @throws SluiceError USAGE_INVALID without a terminal to ask on; TEMPORAL_UNAVAILABLE, DATABASE_*
 */
export async function moveCommand(
  terminal: Terminal,
  projections: Pick<Projections, 'maintenance' | 'reconciliation' | 'audit'>,
  temporal: Client,
  { dryRun, yes, subject }: MoveOptions & { readonly subject: string },
): Promise<number> {
  const connected = await identityOf(temporal);
  const owner = await projections.maintenance.temporalOwner();
  if (owner !== undefined && isSameTemporal(owner, connected)) {
    terminal.data({ moved: false, owner: shown(connected) });
    terminal.print(`Nothing to do: the database is that of ${describeTemporal(connected)} already.`);
    return EXIT.ok;
  }
  const open = await openRuns(projections);
  const from = owner === undefined ? 'no owner' : describeTemporal(owner);
  terminal.print(`From: ${from}\nTo:   ${describeTemporal(connected)}`);
  terminal.print(
    `${open} runs are open in the database. Those that the new Temporal does not know will be called INTERRUPTED, and what they did is left to dead letters. If they still run on the old one, that one goes on with them, and nothing of that reaches this database. Restart all workers, bridges and APIs afterwards.`,
  );
  const report = { from: owner?.namespaceId ?? null, to: connected.namespaceId, openRuns: open };
  if (dryRun === true) {
    terminal.data({ ...report, moved: false, dryRun: true });
    terminal.print('Nothing was changed.');
    return EXIT.ok;
  }
  if (yes !== true && !(await agreed(terminal, 'Move the database? [y/N] '))) {
    terminal.print('Nothing was changed.');
    return EXIT.failed;
  }
  const on = [`temporal:${connected.namespaceId}`];
  await recorded(projections, { tenant: AUDITED_IN, subject, act: 'database.move', on }, async () => ({
    result: await projections.maintenance.claimForTemporal(connected, true),
    on: owner === undefined ? [] : [`temporal:${owner.namespaceId}`],
  }));
  terminal.data({ ...report, moved: true });
  terminal.print('The database was moved.');
  return EXIT.ok;
}

/** An identity as JSON. */
function shown({ namespace, namespaceId, clusterId, global }: TemporalIdentity) {
  return { namespace, namespaceId, clusterId: clusterId ?? null, global };
}

function identityOf({ connection, options }: Client): Promise<TemporalIdentity> {
  return temporalIdentity(connection.workflowService, options.namespace);
}

/** How many runs are open in the database. */
async function openRuns({ reconciliation }: Pick<Projections, 'reconciliation'>): Promise<number> {
  let open = 0;
  for (let after: Cursor | undefined; ;) {
    const { items, next } = await reconciliation.watchedRuns(after, PAGE);
    open += items.filter(({ row }) => row !== undefined && row.endedAt === undefined).length;
    if (next === undefined) return open;
    after = next;
  }
}
