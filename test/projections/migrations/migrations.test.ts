/** Migrations: each is applied once, even if many start at once, and they produce the committed schema. */
import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { connect, type Projections } from '../../../projections/index.js';
import { migrate, migrationStatus } from '../../../projections/migrations/migrate.js';
import { commit } from '../../../projections/connection/unit-of-work.js';
import { onEveryDatabase } from '../support/databases.js';

const MIGRATIONS = new URL('../../../projections/migrations/', import.meta.url);

async function ask<T>({ database }: Projections, text: string, variables = {}): Promise<T> {
  const answer = (await database.request(text, variables)).at(-1);
  if (answer?.ok !== true) throw new Error(answer?.reason);
  return answer.value as T;
}

function raise(): never {
  throw new Error('No connection');
}

interface TableInfo {
  readonly fields: Record<string, string>;
  readonly indexes: Record<string, string>;
  readonly events: Record<string, string>;
}

/** The schema as text: one definition in each line, sorted. */
async function schemaOf(projections: Projections): Promise<string> {
  const info = await ask<Record<string, Record<string, string>>>(projections, 'INFO FOR DB');
  const lines = Object.entries(info)
    .filter(([kind]) => kind !== 'tables')
    .flatMap(([, definitions]) => Object.values(definitions));
  for (const [table, definition] of Object.entries(info['tables'] ?? {})) {
    const { fields, indexes, events } = await ask<TableInfo>(projections, `INFO FOR TABLE ${table}`);
    const inside = [...Object.values(fields), ...Object.values(indexes), ...Object.values(events)];
    lines.push([definition, ...inside.sort()].join(';\n') + ';\n');
  }
  return `${lines.sort().join('\n')}`;
}

const applied = (projections: Projections) =>
  ask<{ number: number; name: string; applied_at: Date }[]>(
    projections,
    'SELECT number, name, applied_at FROM schema_migration ORDER BY number',
  );

it('a migration that is marked as compatible only adds tables, and fields that may be absent', async () => {
  const files = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.surql'));
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, MIGRATIONS), 'utf8')));
  const marked = texts.filter((text) => text.startsWith('-- compatible\n'));
  expect(marked.length).toBeGreaterThan(0);
  for (const text of marked) {
    const statements = text
      .replace(/^--.*$/gm, '')
      .split(/;\s*$/m)
      .flatMap((statement) => (statement.trim() === '' ? [] : [statement.trim()]));
    const added = statements.flatMap(
      (statement) => /^DEFINE TABLE (\w+) SCHEMAFULL$/.exec(statement)?.[1] ?? [],
    );
    for (const statement of statements) {
      const field = /^DEFINE FIELD \S+ ON (\w+) TYPE (.*)$/.exec(statement);
      const adds =
        /^DEFINE TABLE \w+ SCHEMAFULL$/.test(statement) ||
        (field !== null && (added.includes(field[1] ?? '') || /^option</.test(field[2] ?? '')));
      expect(adds, statement).toBe(true);
    }
  }
});

onEveryDatabase('Migrations', (host) => {
  let projections: Projections;
  beforeAll(async () => {
    projections = await host.open();
  });

  it('the migrations produce the committed schema (to accept a change: npx vitest run -u test/projections/migrations)', async () => {
    await expect(await schemaOf(projections)).toMatchFileSnapshot('schema.snapshot.txt');
  });

  it('migrations are numbered without a gap and applied in order', async () => {
    const states = await migrationStatus(projections.database);
    expect(states.map(({ number }) => number)).toEqual(states.map((_, i) => i + 1));
    expect(states.every(({ appliedAt }) => appliedAt !== null)).toBe(true);
    expect((await applied(projections)).map(({ name }) => name)).toEqual(states.map(({ name }) => name));
  });

  it('another start applies no migration again', async () => {
    const before = await applied(projections);
    expect(await migrate(projections.database)).toEqual([]);
    expect(await applied(projections)).toEqual(before);
  });

  it('each migration is applied once when ten start at the same time', async () => {
    const options = await host.fresh();
    // An embedded store can be opened once, so ten start on one connection; a server gets ten connections.
    const connections = await Promise.all(
      Array.from({ length: host.kind === 'server' ? 10 : 1 }, () => connect(options)),
    );
    const done = await Promise.all(
      Array.from({ length: 10 }, (_, i) => migrate(connections[i % connections.length] ?? raise())),
    );
    const states = await migrationStatus(connections[0] ?? raise());
    // One of the ten applied each.
    expect(done.flat().sort()).toEqual(states.map(({ name }) => name));
    expect(states.every(({ appliedAt }) => appliedAt !== null)).toBe(true);
    await Promise.all(connections.map((connection) => connection.close()));
  });

  it('a migration that fails halfway leaves nothing behind', async () => {
    const half = commit(projections.database, [
      { label: 'one', text: 'DEFINE TABLE half_way SCHEMAFULL' },
      { label: 'two', text: 'DEFINE FIELD x ON half_way TYPE int' },
      { label: 'three', text: 'DEFINE FIELD x ON half_way TYPE int' },
    ]);
    await expect(half).rejects.toMatchObject({
      code: 'DATABASE_FAILED',
      message: expect.stringMatching(/^three: .*already exists/) as string,
    });
    const { tables } = await ask<{ tables: object }>(projections, 'INFO FOR DB');
    expect(Object.keys(tables)).not.toContain('half_way');
  });

  describe('a database of another version', () => {
    it('a database that a newer Sluice has migrated is refused', async () => {
      const { database } = await host.open();
      await database.request(
        `CREATE schema_migration:9999 SET number = 9999, name = '9999-later', hash = 'x', applied_at = time::now()`,
      );
      await expect(migrate(database)).rejects.toMatchObject({
        code: 'SCHEMA_TOO_NEW',
        message: expect.stringContaining('9999-later') as string,
        help: expect.stringContaining('Upgrade') as string,
      });
    });

    it('a database that is newer only by compatible migrations is accepted, and one more makes it too new', async () => {
      const { database } = await host.open();
      const apply = (number: number, compatible: boolean) =>
        database.request(
          `CREATE type::record('schema_migration', $number) SET number = $number, name = <string> $number + '-later', hash = 'x', compatible = $compatible, applied_at = time::now()`,
          { number, compatible },
        );
      await apply(9997, true);
      await apply(9998, true);
      expect(await migrate(database)).toEqual([]);
      expect((await migrationStatus(database)).at(-1)?.number).toBeLessThan(9997);
      await apply(9999, false);
      await expect(migrate(database)).rejects.toMatchObject({
        code: 'SCHEMA_TOO_NEW',
        message: expect.stringContaining('9999-later') as string,
      });
    });

    it('a database whose applied migration differs from this version is refused', async () => {
      const { database } = await host.open();
      await database.request(`UPDATE schema_migration:1 SET hash = 'other'`);
      await expect(migrate(database)).rejects.toMatchObject({
        code: 'SCHEMA_CHANGED',
        message: expect.stringContaining('0001-base') as string,
      });
    });
  });
});
