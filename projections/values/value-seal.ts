/**
 * How values are written in columns: as they are, or encrypted by a key ring. This room knows no cipher; what
 * encrypts is given to it when the database is opened.
 *
 * An encrypted text is `~1:TAG:KEY:DATA`. JSON text never begins with `~`. The tag (22 characters) is a keyed
 * digest of the text and its scope, under a key that no rotation changes: equal tags are equal texts, and
 * only within one scope. Statements compare and list by it (`fn::value_tag`, `fn::event_key`).
 */
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { COLUMNS, VALUE_COLUMNS } from './value-columns.js';

/** What a text is a value of: the tenant first. Equal texts of two scopes look different. */
export type Scope = readonly [tenant: string, ...more: string[]];

/** Writes and reads the texts of value columns. */
export interface ValueSeal {
  /** The same text in the same scope gives the same column text, until a key is rotated. */
  seal(text: string, scope: Scope): string;
  /**
   * A text that was never encrypted, or that was changed since, comes back as it is.
   * @throws SluiceError KEY_UNKNOWN where the key that encrypted it is missing
   */
  open(text: string): string;
  /** A digest under a key that no rotation changes. @param hex a plain digest */
  digest(hex: string, scope: Scope): string;
  /** Tells one ring from another; undefined: nothing is encrypted. */
  readonly print: string | undefined;
}

const SEALED = /^~1:[\w-]{22}:[A-Za-z0-9._-]+:[\w-]+$/;

/** Characters of a sealed text that hold its tag, and those before it. */
const TAG_END = 25;
const TAG_START = 3;

/** Whether a text of a value column is encrypted. */
export function isSealed(text: string): boolean {
  return text.startsWith('~1:') && SEALED.test(text);
}

/** Values stay as they are. */
export const PLAIN: ValueSeal = {
  seal: (text) => text,
  open: (text) => {
    if (!isSealed(text)) return text;
    throw new SluiceError(
      'KEY_UNKNOWN',
      'The database holds encrypted values, and this process has no key ring. Set SLUICE_KEY_RING_FILE.',
    );
  },
  digest: (hex) => hex,
  print: undefined,
};

/** A correlation key as it is in lists: the keyed digest of an encrypted one. */
export function listedKey(column: string): string {
  return isSealed(column) ? `~${column.slice(TAG_START, TAG_END)}` : column;
}

/** The scope of a tenant's correlation keys: equal keys have equal tags, wherever they are. */
const KEYS = 'correlation-key';

/** The column text of a correlation key. */
export function sealKey(seal: ValueSeal, tenant: string, key: string): string {
  return seal.seal(key, [tenant, KEYS]);
}

/** The column texts under which a key may be found: that of now, and the plain one from before. */
export function keyTexts(seal: ValueSeal, tenant: string, key: string): readonly string[] {
  return [...new Set([sealKey(seal, tenant, key), key])];
}

const NAMES = new Set(Object.values(VALUE_COLUMNS).flat());
/** Names of columns whose texts Sluice makes itself: no caller can choose one that looks encrypted. */
const OWN = new Set(
  Object.values(COLUMNS).flatMap((columns) =>
    Object.keys(columns).filter((name) => columns[name] === 'json'),
  ),
);

/**
 * Rows with their value columns opened, found by their names, at any depth. What is elsewhere stays as it is:
 * a plain column may hold any text that a caller chose.
 */
export function openRows(seal: ValueSeal, answer: unknown): unknown {
  return holdsSealed(answer) ? opened(seal, answer) : answer;
}

/** Whether a sealed text is anywhere in it: most answers need no copy. */
function holdsSealed(value: unknown): boolean {
  if (typeof value === 'string') return isSealed(value);
  if (Array.isArray(value)) return value.some(holdsSealed);
  return isRow(value) && Object.values(value).some(holdsSealed);
}

function opened(seal: ValueSeal, answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map((item) => opened(seal, item));
  if (!isRow(answer)) return answer;
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [
      name,
      NAMES.has(name) ? openColumn(seal, name, value) : opened(seal, value),
    ]),
  );
}

function openColumn(seal: ValueSeal, name: string, value: unknown): unknown {
  if (typeof value === 'string') {
    return isSealed(value) && (seal.print !== undefined || OWN.has(name)) ? openText(seal, value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => openColumn(seal, name, item));
  return opened(seal, value);
}

/** What a reader gets in place of a text whose key is missing: no string, so its row cannot be read. */
class MissingKey {
  constructor(readonly message: string) {}
}

function openText(seal: ValueSeal, text: string): string | MissingKey {
  try {
    return seal.open(text);
  } catch (error) {
    return new MissingKey(toSluiceError(error).message);
  }
}

/** Which key is missing of a text in these rows; undefined: none. */
export function missingKeyIn(value: unknown): string | undefined {
  if (value instanceof MissingKey) return value.message;
  if (!Array.isArray(value) && !isRow(value)) return undefined;
  for (const inner of Object.values(value)) {
    const missing = missingKeyIn(inner);
    if (missing !== undefined) return missing;
  }
  return undefined;
}

/** A plain object: not a date, a record id or another class of the driver. */
function isRow(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
