/**
 * JSON values in rows.
 *
 * They are stored as JSON text, because the database sorts the keys of an object, and an expression that
 * reads a recorded output again depends on their order. A text over `LIMITS.inlineBytes` is a row of
 * `blob`, named by its hash, and the column holds `@` and the hash: JSON text never begins with `@`.
 *
 * Invariant [values-are-encrypted]: where a key ring is configured, every text that this writes is encrypted,
 * and the name of a blob is a keyed digest. Readers get them opened (sealed.ts).
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
import { sealKey, type Scope, type ValueSeal } from '../values/value-seal.js';
import type { Statement } from '../connection/unit-of-work.js';

const MARK = '@';

interface BlobRow {
  readonly id: readonly [string, string, string];
  readonly text: string;
}

/** Makes column texts, and collects the blobs that they refer to. */
export class TextWriter {
  private readonly large = new Map<string, string>();
  private readonly scope: Scope;

  /**
   * @param seal how values are written: that of the database
   * @param owner what the blobs belong to: a run id, or a word such as `definition` or `event`
   */
  constructor(
    private readonly seal: ValueSeal,
    private readonly tenant: string,
    private readonly owner: string,
  ) {
    this.scope = [tenant, owner];
  }

  /** Column text of a value; undefined (no column) for undefined. */
  json(value: unknown): string | undefined {
    return value === undefined ? undefined : this.text(JSON.stringify(value));
  }

  /** Column text of a text that never begins with `@`. */
  text(text: string): string {
    if (text.length <= LIMITS.inlineBytes && utf8Length(text) <= LIMITS.inlineBytes) return this.note(text);
    const hash = this.seal.digest(plainDigest(text), this.scope);
    this.large.set(hash, this.note(text));
    return MARK + hash;
  }

  /** Column text of any text; undefined for undefined. */
  note(text: string): string;
  note(text: string | undefined): string | undefined;
  note(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.seal.seal(text, this.scope);
  }

  /** Column text of a correlation key; undefined for undefined and null. */
  key(key: string | null | undefined): string | undefined {
    return key === undefined || key === null ? undefined : sealKey(this.seal, this.tenant, key);
  }

  /** A digest as it is stored: keyed, and the same for equal things of a tenant. @param hex a plain digest */
  digest(hex: string, purpose: string): string {
    return this.seal.digest(hex, [this.tenant, purpose]);
  }

  /**
   * A digest of a value, by which statements know its column text from before the key ring was configured;
   * undefined without one. It is sent, and never stored.
   */
  formerDigest(value: unknown): string | undefined {
    return this.seal.print === undefined || value === undefined
      ? undefined
      : plainDigest(JSON.stringify(value));
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

function plainDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
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
