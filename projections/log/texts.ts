/**
 * JSON values in rows.
 *
 * They are stored as JSON text, because the database sorts the keys of an object, and an expression that
 * reads a recorded output again depends on their order. A text over `LIMITS.inlineBytes` is a row of
 * `blob`, named by its hash, and the column holds `@` and the hash: JSON text never begins with `@`.
 */
import { createHash } from 'node:crypto';
import { RecordId } from 'surrealdb';
import { z } from 'zod';
import type { Json } from '../../contracts/json.js';
import { utf8Length } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Database } from '../connection/connection.js';
import { readReadable } from '../connection/read.js';
import type { Statement } from '../connection/unit-of-work.js';

const MARK = '@';

interface BlobRow {
  readonly id: readonly [string, string, string];
  readonly text: string;
}

/** Makes column texts, and collects the blobs that they refer to. */
export class TextWriter {
  private readonly large = new Map<string, string>();

  /** @param owner what the blobs belong to: a run id, or a word such as `definition` or `event` */
  constructor(
    private readonly tenant: string,
    private readonly owner: string,
  ) {}

  /** Column text of a value; undefined (no column) for undefined. */
  json(value: unknown): string | undefined {
    return value === undefined ? undefined : this.text(JSON.stringify(value));
  }

  /** Column text of a text that never begins with `@`. */
  text(text: string): string {
    if (text.length <= LIMITS.inlineBytes && utf8Length(text) <= LIMITS.inlineBytes) return text;
    const hash = createHash('sha256').update(text).digest('hex');
    this.large.set(hash, text);
    return MARK + hash;
  }

  /** The statement that stores the blobs; none where no text was large. */
  statements(): readonly Statement[] {
    if (this.large.size === 0) return [];
    return [{ label: 'blob.insert', text: 'INSERT IGNORE INTO blob $blobs RETURN NONE' }];
  }

  variables(): { readonly blobs?: readonly BlobRow[] } {
    if (this.large.size === 0) return {};
    return { blobs: [...this.large].map(([hash, text]) => ({ id: [this.tenant, this.owner, hash], text })) };
  }
}

/**
 * Resolves the column texts of one owner.
 * @throws SluiceError DATABASE_FAILED where a blob is missing
 */
export async function loadTexts(
  database: Database,
  tenant: string,
  owner: string,
  columns: readonly (string | undefined)[],
): Promise<(column: string) => string> {
  const hashes = new Set(columns.flatMap((column) => (column?.startsWith(MARK) ? [column.slice(1)] : [])));
  const found = new Map<string, string>();
  if (hashes.size > 0) {
    const ids = [...hashes].map((hash) => new RecordId('blob', [tenant, owner, hash]));
    const shape = z.object({ hash: z.string(), text: z.string() });
    for (const { hash, text } of await readReadable(
      database,
      shape,
      'SELECT *, id[2] AS hash FROM $ids WHERE text != NONE',
      { ids },
    )) {
      found.set(hash, text);
    }
  }
  return (column) => {
    if (!column.startsWith(MARK)) return column;
    const text = found.get(column.slice(1));
    if (text === undefined) {
      throw new SluiceError('DATABASE_FAILED', `The blob ${column} of ${owner} is missing`);
    }
    return text;
  };
}

/** A column's JSON; undefined where the row doesn't have the column. */
export type Decode = (column: string | undefined) => Json | undefined;

/** Resolves and parses the column texts of one owner. */
export async function loadJson(
  database: Database,
  tenant: string,
  owner: string,
  columns: readonly (string | undefined)[],
): Promise<Decode> {
  const load = await loadTexts(database, tenant, owner, columns);
  return (column) => (column === undefined ? undefined : (JSON.parse(load(column)) as Json));
}
