/**
 * Two tenants with identical ids: in every read and every write, neither sees or touches the other's rows.
 * The lists are checked against the reads and writes that projections offer, so that a new one can't be
 * forgotten.
 */
import { expect, it } from 'vitest';
import type { Execution } from '../../../contracts/run/projection.js';
import type { Projections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import { execution } from '../support/runs.js';
import { GIVES, LIFE, offered, READS, READS_OF_ALL, WRITES } from '../support/tenant-life.js';

/** Every row that contains the tenant's name, of every table, as text, sorted. */
async function rowsOf(projections: Projections, tenant: string): Promise<readonly string[]> {
  const [info] = await projections.database.request('INFO FOR DB');
  const names = info?.ok === true ? Object.keys((info.value as { tables: object }).tables) : [];
  const answers = await projections.database.request(names.map((name) => `SELECT * FROM ${name}`).join(';'));
  const own = new RegExp(`\\b${tenant}\\b`);
  return answers
    .flatMap((answer) => (answer.ok ? (answer.value as unknown[]) : []))
    .map((row) => JSON.stringify(row))
    .filter((row) => own.test(row))
    .sort();
}

onEveryDatabase(
  'Two tenants with identical ids',
  (host) => {
    it('the lists of reads and writes cover everything that projections offer', async () => {
      const projections = await host.open();
      const listed = new Set([...Object.keys(READS), ...Object.keys(WRITES), ...READS_OF_ALL]);
      expect(offered(projections).filter((name) => !listed.has(name))).toEqual([]);
    });

    it('two tenants with identical ids never see or touch each other’s rows', async () => {
      const projections = await host.open();
      const of = execution({ tenant: 'acme' });
      // One name is the beginning of the other: a range of keys must not reach into it.
      const other: Execution = { ...of, run: { ...of.run, tenant: 'acme2' } };
      for (const live of Object.values(LIFE)) await live(projections, of);
      const before = await rowsOf(projections, 'acme');

      for (const [name, [ask, nothing]] of Object.entries(READS)) {
        expect(await ask(projections, other), name).toEqual(nothing);
      }
      expect(await rowsOf(projections, 'acme')).toEqual(before);
      expect(await rowsOf(projections, 'acme2')).toEqual([]);

      const answers: Record<string, unknown> = {};
      for (const [name, [ask, nothing]] of Object.entries(READS)) {
        answers[name] = await ask(projections, of);
        expect(answers[name], `${name} has rows to lose`).not.toEqual(nothing);
      }
      for (const [name, write] of Object.entries(WRITES)) {
        const given = await write(projections, other);
        if (name in GIVES) expect(given, name).toEqual(GIVES[name]);
        expect(await rowsOf(projections, 'acme'), name).toEqual(before);
      }
      for (const [name, [ask]] of Object.entries(READS)) {
        expect(await ask(projections, of), name).toEqual(answers[name]);
      }
      // Retention removed the closed run of the other tenant, whole, and none of this one.
      expect(await projections.reads.getRun(other.run.tenant, other.run.runId)).toBeUndefined();
    });
  },
  ['surrealkv', 'server'],
);
