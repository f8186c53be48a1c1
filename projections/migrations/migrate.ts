/**
 * Numbered, immutable migrations.
 *
 * Invariant: each migration is applied once, whole or not at all, even if several processes start at once.
 * Its statements and its row in `schema_migration` are one transaction that first writes
 * `schema_lock:migrate`: two processes write the same record, so one of them loses the conflict, is sent
 * again, and finds the row.
 *
 * A migration whose first line is `-- compatible` changes nothing for a Sluice that does not know it: it only
 * adds tables, and fields that may be absent. Its row says so, because that Sluice does not have the file.
 * So a release works with a schema that is newer only by such migrations, and going back to it is possible.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { Database } from '../connection/connection.js';
import { commit, Refusal } from '../connection/unit-of-work.js';
import { read } from '../connection/read.js';

interface Migration {
  readonly number: number;
  /** File name without `.surql`, e.g. `0001-base`. */
  readonly name: string;
  readonly text: string;
  readonly hash: string;
  /** Whether a Sluice that does not know it works with it. */
  readonly compatible: boolean;
}

export interface MigrationState {
  readonly number: number;
  readonly name: string;
  /** ISO instant; null where it was not applied yet. */
  readonly appliedAt: string | null;
}

/** Time limit of one migration, ms: an index over many rows takes long. */
const MIGRATION_LIMIT_MS = 3_600_000;

const DIRECTORY = new URL('./', import.meta.url);

const COMPATIBLE = /^-- compatible\n/;

const Applied = z.object({
  number: z.number(),
  name: z.string(),
  hash: z.string(),
  applied_at: z.date(),
  compatible: z.boolean().optional(),
});

async function migrations(): Promise<readonly Migration[]> {
  const names = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.surql')).sort();
  return Promise.all(
    names.map(async (file) => {
      const text = (await readFile(new URL(file, DIRECTORY), 'utf8')).replaceAll('\r\n', '\n');
      const hash = createHash('sha256').update(text).digest('hex');
      const compatible = COMPATIBLE.test(text);
      return { number: Number.parseInt(file, 10), name: file.replace('.surql', ''), text, hash, compatible };
    }),
  );
}

/**
 * Every migration of this version of Sluice, in order, and when it was applied.
 * @throws SluiceError SCHEMA_TOO_NEW where the database has one that this version doesn't know and that is
 *   not marked as compatible, SCHEMA_CHANGED where an applied one was edited since
 */
export async function migrationStatus(database: Database): Promise<readonly MigrationState[]> {
  const known = await migrations();
  const applied = new Map((await appliedMigrations(database)).map((row) => [row.number, row]));
  const newest = Math.max(0, ...known.map((migration) => migration.number));
  const newer = [...applied.values()].find((row) => row.number > newest && row.compatible !== true);
  if (newer !== undefined) {
    throw new SluiceError(
      'SCHEMA_TOO_NEW',
      `The database has migration ${newer.name}; this Sluice knows migrations up to ${newest}`,
      { details: { applied: newer.number, known: newest } },
    );
  }
  return known.map(({ number, name, hash }) => {
    const row = applied.get(number);
    if (row !== undefined && row.hash !== hash) {
      throw new SluiceError('SCHEMA_CHANGED', `Migration ${name} has been edited since it was applied`, {
        details: { number, applied: row.hash, file: hash },
      });
    }
    return { number, name, appliedAt: row?.applied_at.toISOString() ?? null };
  });
}

/**
 * Refuses a database that lacks what this version of Sluice needs. A process that runs has migrated the
 * database when it started: if its schema is missing later, the database was replaced.
 * @throws SluiceError SCHEMA_MISSING, and what `migrationStatus` throws
 */
export async function requireSchema(database: Database): Promise<void> {
  const missing = (await migrationStatus(database)).filter(({ appliedAt }) => appliedAt === null);
  const [first] = missing;
  if (first === undefined) return;
  throw new SluiceError(
    'SCHEMA_MISSING',
    `The database lacks the migration ${first.name}${missing.length > 1 ? ` and ${missing.length - 1} more` : ''}: it was replaced, or a restore is under way`,
    { details: { missing: missing.map(({ name }) => name) } },
  );
}

/**
 * Applies the missing migrations, in order. Many processes may call it at once.
 * @returns the names of the migrations that this call applied
 * @throws SluiceError what `migrationStatus` throws; DATABASE_FAILED with the migration's name
 */
export async function migrate(opened: Database): Promise<readonly string[]> {
  const database: Database = {
    request: (text, variables) => opened.request(text, variables, MIGRATION_LIMIT_MS),
    transact: (text, variables) => opened.transact(text, variables, MIGRATION_LIMIT_MS),
    close: () => opened.close(),
    unreadable: opened.unreadable,
    seal: opened.seal,
  };
  await commit(database, [
    {
      label: 'schema_migration.define',
      text: 'DEFINE TABLE IF NOT EXISTS schema_migration SCHEMAFULL',
    },
    ...['number ON schema_migration TYPE int', 'name ON schema_migration TYPE string'].map(defineField),
    ...['hash ON schema_migration TYPE string', 'applied_at ON schema_migration TYPE datetime'].map(
      defineField,
    ),
    // Absent in what a Sluice applied that did not know the mark.
    defineField('compatible ON schema_migration TYPE option<bool>'),
    { label: 'schema_lock.define', text: 'DEFINE TABLE IF NOT EXISTS schema_lock SCHEMAFULL' },
    defineField('turn ON schema_lock TYPE int'),
  ]);
  const states = await migrationStatus(database);
  const missing = new Set(states.filter((state) => state.appliedAt === null).map((state) => state.number));
  const done: string[] = [];
  for (const migration of await migrations()) {
    if (missing.has(migration.number) && (await apply(database, migration))) done.push(migration.name);
  }
  return done;
}

function defineField(field: string): { readonly label: string; readonly text: string } {
  return { label: `${field.split(' ')[2]}.define`, text: `DEFINE FIELD IF NOT EXISTS ${field}` };
}

/** Returns false where another process applied it first. */
async function apply(database: Database, migration: Migration): Promise<boolean> {
  const statements = splitStatements(migration.text);
  try {
    await commit(
      database,
      [
        {
          label: 'schema_lock.take',
          text: 'UPSERT schema_lock:migrate SET turn = (turn ?? 0) + 1 RETURN NONE',
        },
        {
          label: 'schema_migration.check',
          text: `IF record::exists(type::record('schema_migration', $number)) { THROW 'sluice:APPLIED' }`,
        },
        ...statements.map((text, i) => ({ label: `${migration.name}[${i}]`, text })),
        {
          label: 'schema_migration.create',
          text: `CREATE type::record('schema_migration', $number) SET number = $number, name = $name, hash = $hash, compatible = $compatible, applied_at = time::now() RETURN NONE`,
        },
      ],
      {
        number: migration.number,
        name: migration.name,
        hash: migration.hash,
        compatible: migration.compatible,
      },
    );
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'APPLIED') return false;
    throw error;
  }
}

/**
 * A migration holds DDL only: a statement ends with a semicolon at the end of a line, which no body
 * contains.
 */
function splitStatements(text: string): readonly string[] {
  return text
    .replace(/^--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

async function appliedMigrations(database: Database): Promise<readonly z.infer<typeof Applied>[]> {
  return read(
    database,
    z.array(Applied),
    'SELECT number, name, hash, applied_at, compatible FROM schema_migration ORDER BY number',
  );
}
