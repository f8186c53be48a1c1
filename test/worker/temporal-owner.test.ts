/** A database belongs to one Temporal: what claims it, what refuses, and what moves it. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isSameTemporal } from '../../contracts/services/temporal-identity.js';
import { openProjections } from '../../projections/index.js';
import { askTemporal } from '../../worker/temporal/temporal-connection.js';
import { requireOwnDatabase, temporalIdentity } from '../../worker/temporal/temporal-owner.js';
import { event, execution, runStartedAs } from '../projections/support/runs.js';
import { runCommand } from '../support/command.js';
import { suiteTemporal } from '../support/services.js';
import { startMain } from './main-process.js';

const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DAY_S = 86_400;
const CLAIMS = 8;

describe('a database and the Temporal that it belongs to', () => {
  let address: string;
  let namespace: string;
  /** Another namespace of the same server. */
  let other: string;
  let directory: string;
  let url: string;

  beforeAll(async () => {
    ({ address, namespace } = await suiteTemporal());
    other = `other-${randomUUID()}`;
    const connection = await Connection.connect({ address });
    await connection.workflowService.registerNamespace({
      namespace: other,
      workflowExecutionRetentionPeriod: { seconds: DAY_S as never },
    });
    await connection.close();
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-owner-'));
    url = `surrealkv://${directory}/db`;
  });
  afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

  const sluice = (of: string, ...args: string[]) =>
    runCommand(process.execPath, [BIN, '--json', ...args], {
      cwd: ROOT,
      env: {
        ...process.env,
        ...{ SURREAL_URL: url, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: of, USER: 'ada' },
      },
    });
  const lines = (text: string): unknown[] =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);

  it('of processes of two Temporals that claim a database at once, one wins, and the other is refused [a-database-has-one-temporal]', async () => {
    const projections = await openProjections({ url });
    const connection = await Connection.connect({ address });
    try {
      const service = connection.workflowService;
      const settled = await Promise.allSettled(
        Array.from({ length: CLAIMS }, (_, i) =>
          requireOwnDatabase(projections, service, i % 2 === 0 ? namespace : other),
        ),
      );
      const owner = await projections.maintenance.temporalOwner();
      const mine = await temporalIdentity(service, owner?.namespace ?? '');
      expect(owner).toMatchObject(mine);
      for (const [i, result] of settled.entries()) {
        if ((i % 2 === 0 ? namespace : other) === owner?.namespace) {
          expect(result.status).toBe('fulfilled');
        } else {
          expect(result).toMatchObject({
            status: 'rejected',
            reason: { code: 'DATABASE_OF_ANOTHER_TEMPORAL' },
          });
        }
      }
    } finally {
      await connection.close();
      await projections.close();
    }
  });

  it('a worker on another namespace refuses to start, says whose database it is, and changes nothing', async () => {
    const projections = await openProjections({ url });
    const connection = await Connection.connect({ address });
    await requireOwnDatabase(projections, connection.workflowService, namespace);
    const before = await projections.maintenance.temporalOwner();
    await connection.close();
    await projections.close();

    const worker = startMain({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: other, SURREAL_URL: url });
    expect(await worker.exited).toBe(1);
    const last = worker.lines().at(-1);
    expect(last).toMatchObject({ level: 'fatal', code: 'DATABASE_OF_ANOTHER_TEMPORAL' });
    expect(last?.msg).toContain(`namespace "${namespace}"`);
    expect(last?.msg).toContain(`namespace "${other}"`);

    for (const process of ['api', 'bridge'] as const) {
      const refused = await sluice(other, process);
      expect({ process, out: refused.stdout + refused.stderr }).toMatchObject({
        out: expect.stringContaining('DATABASE_OF_ANOTHER_TEMPORAL') as unknown,
      });
      expect(refused.code).not.toBe(0);
    }
    const after = await openProjections({ url });
    expect(await after.maintenance.temporalOwner()).toEqual(before);
    await after.close();
  });

  it('prune removes no run that Temporal may still reset, and none of another Temporal [rows-outlive-histories]', async () => {
    const projections = await openProjections({ url });
    const connection = await Connection.connect({ address });
    await requireOwnDatabase(projections, connection.workflowService, other);
    const of = execution();
    await projections.commitEvents(of, [runStartedAs(of), event(2, 'RUN_SUCCEEDED', { result: 1 })]);
    await connection.close();
    await projections.close();

    // The other namespace keeps closed workflows for a day.
    for (const days of ['0.5', '1']) {
      const refused = await sluice(other, 'prune', '--days', days, '--yes');
      expect(refused.code).not.toBe(0);
      expect(lines(refused.stdout)).toMatchObject([{ error: { code: 'RETENTION_TOO_SHORT' } }]);
    }
    const foreign = await sluice(namespace, 'prune', '--days', '900', '--yes');
    expect(lines(foreign.stdout)).toMatchObject([{ error: { code: 'DATABASE_OF_ANOTHER_TEMPORAL' } }]);
    const counted = await sluice(other, 'prune', '--days', '1.5', '--dry-run');
    expect(lines(counted.stdout)).toMatchObject([{ wouldRemove: { runs: { count: 1 } } }]);
    const done = await sluice(other, 'prune', '--days', '1.5', '--yes');
    expect(lines(done.stdout)).toMatchObject([{ removed: 1 }, { removedTasks: 0 }]);
  });

  it('only `sluice database move` moves a database, after it has said what that does, and with an audit row', async () => {
    const first = await openProjections({ url });
    const connection = await Connection.connect({ address });
    await requireOwnDatabase(first, connection.workflowService, namespace);
    await first.close();

    const foreign = await sluice(other, 'database', 'owner');
    expect(foreign.code).toBe(1);
    expect(lines(foreign.stdout)).toMatchObject([
      { owner: { namespace }, connected: { namespace: other }, own: false },
    ]);
    for (const [more, code] of [
      [['--dry-run'], 0],
      // Without a terminal nothing is asked, and nothing happens.
      [[], 2],
    ] as const) {
      expect((await sluice(other, 'database', 'move', ...more)).code).toBe(code);
      expect((await sluice(namespace, 'database', 'owner')).code).toBe(0);
    }
    const refused = await sluice(other, 'rebuild', '--from-temporal');
    expect(lines(refused.stdout)).toMatchObject([{ error: { code: 'DATABASE_OF_ANOTHER_TEMPORAL' } }]);

    const moved = await sluice(other, 'database', 'move', '--yes');
    expect(moved.code).toBe(0);
    expect(lines(moved.stdout)).toMatchObject([{ openRuns: 0, moved: true }]);
    const after = await openProjections({ url });
    const { items } = await after.reads.listAudit('default');
    expect(items).toMatchObject([{ act: 'database.move', subject: 'ada', outcome: 'done' }]);
    await expect(requireOwnDatabase(after, connection.workflowService, namespace)).rejects.toMatchObject({
      code: 'DATABASE_OF_ANOTHER_TEMPORAL',
    });
    await requireOwnDatabase(after, connection.workflowService, other);
    await connection.close();
    await after.close();
  });

  it('a worker whose Temporal was replaced behind its address is no longer connected', async () => {
    const connection = await NativeConnection.connect({ address });
    try {
      const known = await temporalIdentity(connection.workflowService, namespace);
      await askTemporal(connection, known);
      await expect(askTemporal(connection, { ...known, namespaceId: randomUUID() })).rejects.toMatchObject({
        code: 'DATABASE_OF_ANOTHER_TEMPORAL',
      });
    } finally {
      await connection.close();
    }
  });

  it('a row of the owner that cannot be read is claimed by no process', async () => {
    const projections = await openProjections({ url });
    const connection = await Connection.connect({ address });
    try {
      const claim = () => requireOwnDatabase(projections, connection.workflowService, namespace);
      await claim();
      await projections.database.request(`UPDATE temporal_owner:one SET namespace_id = ''`);
      await expect(claim()).rejects.toMatchObject({
        code: 'DATABASE_FAILED',
        message: expect.stringContaining('sluice database move') as unknown,
      });
      const identity = await temporalIdentity(connection.workflowService, namespace);
      await projections.maintenance.claimForTemporal(identity, true);
      await claim();
    } finally {
      await connection.close();
      await projections.close();
    }
  });

  it('a global namespace is the same in another cluster, another one is not', () => {
    const one = { namespace: 'n', namespaceId: 'id', clusterId: 'a', global: false };
    expect(isSameTemporal(one, { ...one, namespace: 'renamed' })).toBe(true);
    expect(isSameTemporal(one, { ...one, clusterId: 'b' })).toBe(false);
    expect(isSameTemporal({ ...one, global: true }, { ...one, clusterId: 'b', global: true })).toBe(true);
    expect(isSameTemporal(one, { ...one, clusterId: undefined })).toBe(true);
    expect(isSameTemporal({ ...one, global: true }, { ...one, namespaceId: 'x', global: true })).toBe(false);
  });
});
