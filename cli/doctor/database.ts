/** Checks SurrealDB: that it answers, its version, schema and clock, and whether it loses updates. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { SluiceError } from '../../contracts/errors.js';
import {
  connect,
  lookThrough,
  migrationStatus,
  storePath,
  temporalOwner,
  tryUpdatesOfOneRow,
  type Database,
  type UnreadableRow,
} from '../../projections/index.js';
import type { SluiceConfig } from '../../worker/config/config.js';
import { describeTemporal, isSameTemporal } from '../../contracts/services/temporal-identity.js';
import { judgeClock } from './clock.js';
import { attempt, fail, ok, skip, warn, type Finding } from './finding.js';
import type { TemporalReport } from './temporal.js';

/** Time limit for an answer, ms. */
const LIMIT_MS = 5_000;
/** Characters of a version that a finding shows. */
const VERSION_CHARACTERS = 60;
/** Rows of each kind that the doctor looks at. */
const LOOKED_AT = 5_000;
/** Rows that a finding names. */
const SHOWN_ROWS = 5;
/** The major version of SurrealDB that Sluice supports. */
const MAJOR = 3;
/** Connections that write at once, as several workers do. */
const CONNECTIONS = 4;
const MIGRATE = 'Apply them with `sluice migrate`; a worker also does this when it starts.';

/**
 * Runs the checks.
 * @param temporal the polling workers, of which one may have the embedded store open; and which Temporal
 *   it is
 * @param options `tryWrites`: write to the server to find out whether it loses updates
 */
export async function checkDatabase(
  config: SluiceConfig['database'],
  temporal: Promise<Pick<TemporalReport, 'workers' | 'identity'>>,
  { tryWrites = false }: { readonly tryWrites?: boolean } = {},
): Promise<readonly Finding[]> {
  const url = new URL(config.url);
  const isServer = url.protocol.startsWith('ws');
  const place = isServer ? url.host : config.url;
  if (url.protocol === 'mem:') {
    return [warn('database', 'mem:// loses all data when its process ends', 'Set SURREAL_URL.')];
  }
  const path = storePath(config.url);
  if (path !== undefined && !existsSync(path)) {
    return [
      warn(
        'database',
        `there is no store at ${place} yet`,
        'Start a worker, which creates it, or set SURREAL_URL.',
      ),
      skip('schema', 'there is no database yet'),
    ];
  }
  const unreadable: UnreadableRow[] = [];
  let database: Database;
  try {
    database = await connect({
      ...config,
      connectTimeoutMs: LIMIT_MS,
      onUnreadable: (row) => unreadable.push(row),
    });
  } catch (error) {
    return [await openFailure(error, temporal), skip('schema', 'the database cannot be opened')];
  }
  try {
    const names = `namespace ${config.namespace}, database ${config.database}`;
    const schema = await attempt('schema', () => checkSchema(database));
    const current = schema.every(({ status }) => status === 'ok');
    return [
      ...(isServer
        ? await attempt('database', () => checkVersion(url, `${place}, ${names}`))
        : [ok('database', `${place}, embedded, ${names}`)]),
      ...schema,
      ...(current
        ? await attempt('database owner', async () => checkOwner(database, await temporal))
        : [skip('database owner', 'the schema is not complete')]),
      ...(await attempt('rows', () => checkRows(database, unreadable))),
      ...(isServer ? await attempt('database clock', () => checkClock(database)) : []),
      ...(tryWrites ? await writeFindings(config, isServer) : []),
    ];
  } finally {
    await database.close();
  }
}

/** Judges a failure to open the database. A store that a worker of this machine has open is in order. */
async function openFailure(
  error: unknown,
  temporal: Promise<Pick<TemporalReport, 'workers'>>,
): Promise<Finding> {
  if (!(error instanceof SluiceError) || error.code !== 'DATABASE_LOCKED') return fail('database', error);
  const pid = /process (\d+)$/.exec(error.message)?.[1];
  const worker = `${pid}@${hostname()}`;
  if (pid === undefined || !(await temporal).workers.includes(worker)) return fail('database', error);
  return ok('database', `open in the worker ${worker}, which owns the embedded store`);
}

async function checkVersion(url: URL, where: string): Promise<Finding> {
  const address = new URL('/version', `${url.protocol === 'wss:' ? 'https' : 'http'}://${url.host}`);
  const response = await fetch(address, { signal: AbortSignal.timeout(LIMIT_MS) });
  const version = (await response.text()).trim().slice(0, VERSION_CHARACTERS);
  const major = Number(/(\d+)\./.exec(version)?.[1]);
  if (major === MAJOR) return ok('database', `${version} at ${where}`);
  return warn('database', `${version} at ${where}`, `Sluice supports SurrealDB ${MAJOR}.`);
}

async function checkSchema(database: Database): Promise<Finding> {
  const states = await migrationStatus(database);
  const missing = states.filter(({ appliedAt }) => appliedAt === null).map(({ name }) => name);
  if (missing.length === 0) return ok('schema', `${states.length} migrations, all applied`);
  if (missing.length < states.length) return warn('schema', `missing: ${missing.join(', ')}`, MIGRATE);
  return warn(
    'schema',
    'the database has no schema: it is new, or the workers use a different one',
    `Check SURREAL_NAMESPACE and SURREAL_DATABASE. ${MIGRATE}`,
  );
}

/** Whose runs the database has. */
async function checkOwner(
  database: Database,
  { identity }: Pick<TemporalReport, 'identity'>,
): Promise<Finding> {
  const owner = await temporalOwner(database);
  if (identity === undefined) return skip('database owner', 'Temporal is not available');
  if (owner === undefined) {
    return ok('database owner', 'no process has used the database yet: the first one claims it');
  }
  if (isSameTemporal(owner, identity)) {
    return ok('database owner', `this Temporal, since ${owner.since.toISOString()}`);
  }
  return fail(
    'database owner',
    new SluiceError(
      'DATABASE_OF_ANOTHER_TEMPORAL',
      `the database has the runs of ${describeTemporal(owner)}; this is ${describeTemporal(identity)}`,
    ),
  );
}

/** Rows that services leave out because they cannot be read. */
async function checkRows(database: Database, unreadable: readonly UnreadableRow[]): Promise<Finding> {
  const all = await lookThrough(database, LOOKED_AT);
  const part = all ? '' : `, of the first ${LOOKED_AT} of each kind`;
  if (unreadable.length === 0) return ok('rows', `all that services work through can be read${part}`);
  const shown = unreadable.slice(0, SHOWN_ROWS).map(({ id, reason }) => `${id} (${reason})`);
  const more = unreadable.length > SHOWN_ROWS ? ` and ${unreadable.length - SHOWN_ROWS} more` : '';
  return warn(
    'rows',
    `${unreadable.length} cannot be read${part}: ${shown.join(', ')}${more}`,
    'Services leave them out and go on. Restore them from a back-up, or correct them (docs/operations.md).',
  );
}

async function writeFindings(
  config: SluiceConfig['database'],
  isServer: boolean,
): Promise<readonly Finding[]> {
  if (isServer) return attempt('database writes', () => checkWrites(config));
  return [skip('database writes', 'not needed: an embedded store has a single writer')];
}

/** Updates one row over several connections at once, as several workers do. */
async function checkWrites(config: SluiceConfig['database']): Promise<Finding> {
  const open = () => connect({ ...config, connectTimeoutMs: LIMIT_MS });
  const connections: [Database, ...Database[]] = [await open()];
  try {
    while (connections.length < CONNECTIONS) connections.push(await open());
    const { made: updates, lost } = await tryUpdatesOfOneRow(connections, LIMIT_MS);
    if (lost <= 0) return ok('database writes', `${updates} concurrent updates of one row, none lost`);
    return fail(
      'database writes',
      new SluiceError('DATABASE_FAILED', `${lost} of ${updates} concurrent updates of one row were lost`),
      'Start the server with `rocksdb://PATH`: the engines surrealkv and memory lose concurrent updates (docs/operations.md).',
    );
  } finally {
    for (const connection of connections) await connection.close();
  }
}

async function checkClock(database: Database): Promise<Finding> {
  const before = Date.now();
  const [answer] = await database.request('RETURN time::now()');
  const after = Date.now();
  if (answer?.ok !== true || !(answer.value instanceof Date)) {
    throw new SluiceError('DATABASE_FAILED', 'The database did not report its time');
  }
  return judgeClock('database clock', 'the database', { before, after, other: answer.value.getTime() });
}
