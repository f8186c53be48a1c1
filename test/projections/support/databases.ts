/**
 * The databases that every test of this room runs on: in memory, the embedded stores on disk, and a real
 * SurrealDB server.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  openProjections,
  type FaultPoint,
  type Projections,
  type ProjectionsOptions,
} from '../../../projections/index.js';
import { needs } from '../../support/requirements.js';
import { startServer, type Server } from '../../support/servers/surreal-server.js';
/** A place that holds databases of one kind. */
export interface DatabaseHost {
  readonly kind: 'mem' | 'surrealkv' | 'rocksdb' | 'server';
  /** Options for a new database. */
  fresh(): Promise<ProjectionsOptions>;
  /** Opens a new database, which is closed when the tests of this host end. */
  open(options?: Partial<ProjectionsOptions>): Promise<Projections>;
  /** The same, and the fault points that its commits pass, in order. */
  openWatched(): Promise<{ readonly projections: Projections; readonly points: FaultPoint[] }>;
}

type Kind = DatabaseHost['kind'];

/**
 * Declares the same tests for each kind of database.
 * @param kinds the kinds on which the tests make sense; default: all
 */
export function onEveryDatabase(
  name: string,
  body: (host: DatabaseHost) => void,
  kinds: readonly Kind[] = ['mem', 'surrealkv', 'rocksdb', 'server'],
): void {
  for (const kind of kinds) {
    describe(`${name} (${kind})`, kind === 'server' ? needs('surreal') : {}, () => {
      body(host(kind));
    });
  }
}

let databases = 0;

function host(kind: Kind): DatabaseHost {
  const opened = new Set<Projections>();
  let directory = '';
  let server: Server | undefined;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-projections-'));
    if (kind === 'server') server = await startServer();
  });
  afterAll(async () => {
    await Promise.all([...opened].map((projections) => projections.close()));
    await server?.kill();
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  const fresh = async (): Promise<ProjectionsOptions> => {
    databases += 1;
    if (kind === 'mem') return { url: 'mem://' };
    if (kind !== 'server') return { url: `${kind}://${join(directory, `store-${databases}`)}` };
    if (server === undefined) throw new Error('The server has not been started');
    // Not every build of the server has RocksDB, and the others lose updates; transactions that overlap are
    // `rocksdb`'s here, and those of several connections (migrations.test.ts).
    const oneAtATime = true;
    return { url: server.url, username: 'root', password: 'root', database: `test_${databases}`, oneAtATime };
  };
  const open: DatabaseHost['open'] = async (options = {}) => {
    const projections = await openProjections({ ...(await fresh()), ...options });
    opened.add(projections);
    return projections;
  };
  return {
    kind,
    fresh,
    open,
    async openWatched() {
      const points: FaultPoint[] = [];
      const projections = await open({
        faults: (point) => {
          points.push(point);
          return false;
        },
      });
      return { projections, points };
    },
  };
}
