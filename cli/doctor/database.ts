/** SurrealDB: that it answers, its version, the schema, the clock of a server, whether it keeps what is written. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { SluiceError } from '../../contracts/errors.js';
import {
  connect,
  migrationStatus,
  storePath,
  tryUpdatesOfOneRow,
  type Database,
} from '../../projections/index.js';
import type { SluiceConfig } from '../../worker/config/config.js';
import { judgeClock } from './clock.js';
import { attempt, fail, ok, skip, warn, type Finding } from './finding.js';

const LIMIT_MS = 5_000;
/** The major version of SurrealDB that Sluice's statements are written for. */
const MAJOR = 3;
const CONNECTIONS = 4;
const MIGRATE = 'Apply them with `sluice migrate`; a worker does so when it starts.';

/**
 * Runs the checks.
 * @param workers identities of the workers that poll: one of them may be who has the embedded store
 * @param options whether to write, to see whether a server loses updates
 */
export async function checkDatabase(
  config: SluiceConfig['database'],
  workers: Promise<readonly string[]>,
  { tryWrites = false }: { readonly tryWrites?: boolean } = {},
): Promise<readonly Finding[]> {
  const url = new URL(config.url);
  const isServer = url.protocol.startsWith('ws');
  const place = isServer ? url.host : config.url;
  if (url.protocol === 'mem:') {
    return [warn('database', 'mem:// forgets everything when its process ends', 'Set SURREAL_URL.')];
  }
  const path = storePath(config.url);
  if (path !== undefined && !existsSync(path)) {
    return [
      warn(
        'database',
        `there is no store at ${place} yet`,
        'Start a worker, which makes it, or set SURREAL_URL.',
      ),
      skip('schema', 'there is no database yet'),
    ];
  }
  let database: Database;
  try {
    database = await connect({ ...config, connectTimeoutMs: LIMIT_MS });
  } catch (error) {
    return [await refused(error, workers), skip('schema', 'the database cannot be opened')];
  }
  try {
    const names = `namespace ${config.namespace}, database ${config.database}`;
    return [
      ...(isServer
        ? await attempt('database', () => checkVersion(url, `${place}, ${names}`))
        : [ok('database', `${place}, embedded, ${names}`)]),
      ...(await attempt('schema', () => checkSchema(database))),
      ...(isServer ? await attempt('database clock', () => checkClock(database)) : []),
      ...(tryWrites ? await triedWrites(config, isServer) : []),
    ];
  } finally {
    await database.close();
  }
}

/** A store that a worker of this machine has open is as it should be. */
async function refused(error: unknown, workers: Promise<readonly string[]>): Promise<Finding> {
  if (!(error instanceof SluiceError) || error.code !== 'DATABASE_LOCKED') return fail('database', error);
  const pid = /process (\d+)$/.exec(error.message)?.[1];
  const worker = `${pid}@${hostname()}`;
  if (pid === undefined || !(await workers).includes(worker)) return fail('database', error);
  return ok('database', `open in the worker ${worker}, to which an embedded store belongs`);
}

async function checkVersion(url: URL, where: string): Promise<Finding> {
  const address = new URL('/version', `${url.protocol === 'wss:' ? 'https' : 'http'}://${url.host}`);
  const response = await fetch(address, { signal: AbortSignal.timeout(LIMIT_MS) });
  const version = (await response.text()).trim().slice(0, 60);
  const major = Number(/(\d+)\./.exec(version)?.[1]);
  if (major === MAJOR) return ok('database', `${version} at ${where}`);
  return warn('database', `${version} at ${where}`, `Sluice is made for SurrealDB ${MAJOR}.`);
}

async function checkSchema(database: Database): Promise<Finding> {
  const states = await migrationStatus(database);
  const missing = states.filter(({ appliedAt }) => appliedAt === null).map(({ name }) => name);
  if (missing.length === 0) return ok('schema', `${states.length} migrations, all applied`);
  if (missing.length < states.length) return warn('schema', `missing: ${missing.join(', ')}`, MIGRATE);
  return warn(
    'schema',
    'the database has no schema: it is new, or it is another one than the workers use',
    `Check SURREAL_NAMESPACE and SURREAL_DATABASE. ${MIGRATE}`,
  );
}

async function triedWrites(config: SluiceConfig['database'], isServer: boolean): Promise<readonly Finding[]> {
  if (isServer) return attempt('database writes', () => checkWrites(config));
  return [skip('database writes', 'an embedded store has one process, which loses none')];
}

/** Over connections of their own, as several workers have. */
async function checkWrites(config: SluiceConfig['database']): Promise<Finding> {
  const open = () => connect({ ...config, connectTimeoutMs: LIMIT_MS });
  const connections: [Database, ...Database[]] = [await open()];
  try {
    while (connections.length < CONNECTIONS) connections.push(await open());
    const { made, lost } = await tryUpdatesOfOneRow(connections, LIMIT_MS);
    if (lost <= 0) return ok('database writes', `${made} updates of one row at once, none lost`);
    return fail(
      'database writes',
      new SluiceError('DATABASE_FAILED', `${lost} of ${made} updates of one row at once were lost`),
      'Start the server with `rocksdb://PATH`: the engines surrealkv and memory lose updates where several write (docs/operations.md).',
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
    throw new SluiceError('DATABASE_FAILED', 'The database does not tell its time');
  }
  return judgeClock('database clock', 'the database', { before, after, there: answer.value.getTime() });
}
