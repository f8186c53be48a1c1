/** `sluice migrate`, `rebuild` and `prune`, against a store on disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openProjections } from '../../projections/index.js';
import { event, execution, runStartedAs } from '../projections/support/runs.js';
import { runCommand } from '../support/command.js';

const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let directory: string;
let url: string;
const of = execution({ tenant: 'acme' });
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-cli-database-'));
  url = `surrealkv://${directory}/db`;
});
afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

const sluice = (...args: string[]) =>
  runCommand(process.execPath, [BIN, '--json', ...args], {
    cwd: ROOT,
    env: { ...process.env, SURREAL_URL: url, USER: 'ada' },
  });

const SOME = { count: 1, bytes: expect.any(Number) as number };
const NONE = { count: 0, bytes: 0 };

const lines = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

it('migrate, rebuild and prune repair a store on disk and report what they did; prune removes nothing unasked [every-act-has-a-name]', async () => {
  const fresh = await sluice('migrate');
  expect(fresh.code).toBe(0);
  expect(lines(fresh.stdout)[0]).toMatchObject({ migration: '0001-base', now: true });

  const projections = await openProjections({ url });
  await projections.commitEvents(of, [runStartedAs(of), event(2, 'RUN_SUCCEEDED', { result: 1 })]);
  await projections.database.request(`UPDATE run SET status = 'FAILED'`);
  const arrived = { tenant: 'acme', source: 's', id: 'e-1', name: 'PAID' };
  const receivedAt = new Date(Date.now() - 3 * 86_400_000);
  await projections.events.record({
    event: { ...arrived, time: null, correlationKey: null, payload: null },
    ...{ envelope: {}, correlation: { key: null, resolvedBy: 'none', tried: [] }, via: 'http', receivedAt },
  });
  const nothing = { deliveries: [], triggers: [], routedTo: [], error: null, receivedAt };
  await projections.events.finish(arrived, { outcome: 'UNRESOLVED', ...nothing });
  const act = { tenant: 'acme', at: receivedAt, requestId: 'q-1' };
  await projections.audit.begin({ ...act, kind: 'key', issuer: undefined, subject: 'ada', act: 'a', on: [] });
  // While this process has the store open, no other process can open it.
  const locked = await sluice('rebuild');
  expect(locked.code).toBe(3);
  expect(lines(locked.stdout)).toMatchObject([{ error: { code: 'DATABASE_LOCKED' } }]);
  await projections.close();

  const rebuilt = await sluice('rebuild');
  expect(rebuilt.code).toBe(0);
  expect(lines(rebuilt.stdout)).toMatchObject([
    { tenant: 'acme', runId: of.run.runId, rows: [{ table: 'run' }] },
    { runs: 1, changed: 1, failed: 0 },
  ]);

  const ages = ['--days', '0', '--event-days', '2', '--audit-days', '2', '--history-gone'];
  const asked = await sluice('prune', ...ages);
  expect(asked.code).toBe(2);
  expect(lines(asked.stdout)).toMatchObject([{ error: { code: 'USAGE_INVALID' } }]);
  const counted = await sluice('prune', ...ages, '--dry-run');
  expect(lines(counted.stdout)).toEqual([
    {
      wouldRemove: { runs: SOME, tasks: NONE, events: SOME, audit: SOME },
      days: 0,
      eventDays: 2,
      auditDays: 2,
    },
  ]);
  const younger = await sluice(
    'prune',
    ...['--days', '90000', '--event-days', '4'],
    ...['--history-gone', '--dry-run'],
  );
  expect(lines(younger.stdout)).toMatchObject([{ wouldRemove: { runs: NONE, events: NONE, audit: NONE } }]);
  // Neither the question nor the count has removed anything.
  const pruned = await sluice('prune', ...ages, '--yes');
  expect(lines(pruned.stdout)).toEqual([
    { removed: 1, days: 0 },
    { removedTasks: 0, days: 0 },
    { removedEvents: 1, eventDays: 2 },
    { removedAudit: 1, auditDays: 2 },
  ]);
  const after = await openProjections({ url });
  const { items } = await after.reads.listAudit('default');
  await after.close();
  // Neither the question, nor the count, nor the database that was in use has left a row.
  expect(items).toMatchObject([
    { kind: 'cli', subject: 'ada', act: 'prune', on: ['runs:0d', 'events:2d', 'audit:2d'], outcome: 'done' },
    { kind: 'cli', subject: 'ada', act: 'rebuild', on: [], outcome: 'done' },
  ]);
  const unsaid = await sluice('prune');
  expect(unsaid.code).toBe(3);
  expect(lines(unsaid.stdout)).toMatchObject([{ error: { code: 'CONFIG_INVALID' } }]);
}, 60_000);
