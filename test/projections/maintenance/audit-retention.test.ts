/** Retention removes old audit rows, with their entries in every list, and no other row. */
import { expect, it } from 'vitest';
import type { Projections } from '../../../projections/index.js';
import { countPrunable, pruneAudit, startRetention } from '../../../worker/processes/retention.js';
import { waitFor } from '../../support/wait-for.js';
import { onEveryDatabase } from '../support/databases.js';

const DAY_MS = 86_400_000;

let ids = 0;

interface Done {
  readonly tenant?: string;
  readonly on?: readonly string[];
  /** False: it is under way, or its process died. */
  readonly ended?: boolean;
}

/** Records an act of `days` ago; returns the id of its request. */
async function act(
  { audit }: Projections,
  days: number,
  { tenant = 'acme', on = ['run:r-1'], ended = true }: Done = {},
): Promise<string> {
  const key = { tenant, at: new Date(Date.now() - days * DAY_MS), requestId: `q-${++ids}` };
  await audit.begin({ ...key, kind: 'key', issuer: undefined, subject: 'ada', act: 'bulkRuns', on: [] });
  if (ended) await audit.settle(key, { outcome: 'done', code: undefined, on, endedAt: key.at });
  return key.requestId;
}

async function count({ database }: Projections, table: string): Promise<number> {
  const [answer] = await database.request(`SELECT VALUE id FROM ${table}`);
  if (answer?.ok !== true) throw new Error(answer?.reason);
  return (answer.value as readonly unknown[]).length;
}

onEveryDatabase(
  'Retention of the audit',
  (host) => {
    it('old audit rows of every tenant are removed with all their entries, and younger ones stay [every-act-has-a-name]', async () => {
      const projections = await host.open();
      const young = await act(projections, 29);
      const other = await act(projections, 1, { tenant: 'beta' });
      await act(projections, 31);
      await act(projections, 400, { tenant: 'beta', on: ['definition:d', 'run:r-2'] });
      // More things than a row shows: its further entries are found in the lists.
      await act(projections, 32, { on: Array.from({ length: 130 }, (_, i) => `run:many-${i}`) });
      // Its process died.
      await act(projections, 33, { ended: false });
      const ages = { days: undefined, eventDays: undefined, auditDays: 30 };
      const { runs, events, audit } = await countPrunable(projections, ages);
      expect([runs.count, events.count, audit.count]).toEqual([0, 0, 4]);
      expect(audit.bytes).toBeGreaterThan(4 * 100);
      expect(await count(projections, 'audit')).toBe(6);
      expect(await pruneAudit(projections, 30)).toBe(4);
      expect([await count(projections, 'audit'), await count(projections, 'audit_on')]).toEqual([2, 2]);
      const { reads } = projections;
      const onRun = await reads.listAudit('acme', { on: 'run:r-1' });
      expect(onRun.items.map(({ requestId }) => requestId)).toEqual([young]);
      const ofBeta = await reads.listAudit('beta');
      expect(ofBeta.items.map(({ requestId }) => requestId)).toEqual([other]);
      expect(await pruneAudit(projections, 30)).toBe(0);
    });

    it('an act that may be under way keeps its row, and those behind it are removed, in batches', async () => {
      const projections = await host.open();
      const open = await act(projections, 0.5, { ended: false });
      for (let i = 0; i < 7; i++) await act(projections, 0.6 + i);
      const begunBefore = new Date();
      expect(await projections.maintenance.removeAudit({ begunBefore, limit: 5 })).toBe(5);
      expect(await pruneAudit(projections, 0)).toBe(2);
      const left = await projections.reads.listAudit('acme');
      expect(left.items.map(({ requestId }) => requestId)).toEqual([open]);
      expect(await count(projections, 'audit_on')).toBe(0);
    });

    it('a worker removes old audit rows regularly, even if it keeps runs and events', async () => {
      const projections = await host.open();
      await act(projections, 3);
      const logged: string[] = [];
      const keptDays = () => Promise.reject(new Error('Only runs need it'));
      const log = { info: (_: object, text: string) => logged.push(text), error: () => undefined };
      const stop = startRetention({ projections, days: undefined, keptDays, auditDays: 2, everyMs: 5, log });
      await waitFor(() => logged.length > 0);
      await stop();
      expect(logged).toEqual(['Audit rows past their retention were removed']);
    });
  },
  ['surrealkv', 'rocksdb', 'server'],
);
