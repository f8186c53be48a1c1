/**
 * A key ring: the keys that encrypt what both stores hold, or those that sign claims (claim-codec.ts).
 *
 * Invariants
 * - A key is used for one purpose only: what encrypts is derived from it (HKDF, RFC 5869) by the purpose's
 *   name.
 * - One key is current: it encrypts or signs. All others are retired: they decrypt or verify, so what was
 *   written before a rotation stays readable as long as its key is in the ring.
 * - The index key is apart from these and never changes. It encrypts nothing: digests are made with it, by
 *   which equal values are found, so a rotation leaves them as they are.
 * - No message shows a key.
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, SluiceError } from '../contracts/errors.js';
import { faultText } from '../contracts/reading/json-faults.js';
import { parseJson } from '../contracts/reading/parse-json.js';

/** Bytes of a key: AES-256. */
const KEY_BYTES = 32;

/** What a key is used for. */
export type KeyPurpose = 'payload' | 'column' | 'claim';

/** What the index key is used for. */
type IndexPurpose = 'database' | 'search';

const KeyId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be up to 63 letters, digits, . _ -');
const KeyText = z
  .base64('must be base64')
  .refine((text) => Buffer.from(text, 'base64').length === KEY_BYTES, `must be ${KEY_BYTES} bytes in base64`);

/** The file of SLUICE_KEY_RING_FILE, and that of SLUICE_CLAIM_KEYS_FILE. */
const KeyRingFile = z
  .strictObject({
    /** The key that encrypts. */
    current: KeyId,
    /** Keys in base64, by id. */
    keys: z.record(KeyId, KeyText),
    /** Of claims: from when on what has no claim is refused. Absent: always. */
    since: z.iso.datetime({ offset: true }).optional(),
    /** The key of digests. Files from before there was one lack it; `sluice keys use` adds it. */
    index: KeyText.optional(),
  })
  .refine(({ current, keys }) => Object.hasOwn(keys, current), {
    path: ['current'],
    message: 'names no key of `keys`',
  });
export type KeyRingFile = z.infer<typeof KeyRingFile>;

/** Keys by id and purpose. */
export class KeyRing {
  readonly #derived = new Map<string, Buffer>();
  readonly #keys: ReadonlyMap<string, Buffer>;

  /** @param file what {@link readKeyRing} parsed */
  constructor(private readonly file: KeyRingFile) {
    this.#keys = new Map(Object.entries(file.keys).map(([id, text]) => [id, Buffer.from(text, 'base64')]));
  }

  /** The id of the key that encrypts. */
  get current(): string {
    return this.file.current;
  }

  /** From when on what has no claim is refused, epoch ms. */
  get since(): number {
    return this.file.since === undefined ? 0 : Date.parse(this.file.since);
  }

  /** Whether the ring has a key. */
  has(id: string): boolean {
    return this.#keys.has(id);
  }

  /**
   * The key for a purpose, 32 bytes.
   * @throws SluiceError KEY_UNKNOWN
   */
  key(id: string, purpose: KeyPurpose): Buffer {
    const name = `${purpose} ${id}`;
    const known = this.#derived.get(name);
    if (known !== undefined) return known;
    const master = this.#keys.get(id);
    if (master === undefined) {
      throw new SluiceError(
        'KEY_UNKNOWN',
        `The key ring has no key ${JSON.stringify(id)}. It has ${[...this.#keys.keys()].join(', ')}.`,
      );
    }
    const derived = derive(master, purpose);
    this.#derived.set(name, derived);
    return derived;
  }

  /**
   * The key of digests for a purpose, 32 bytes.
   * @throws SluiceError CONFIG_INVALID where the ring has none
   */
  index(purpose: IndexPurpose): Buffer {
    if (this.file.index !== undefined) {
      return derive(Buffer.from(this.file.index, 'base64'), `index/${purpose}`);
    }
    throw new SluiceError(
      'CONFIG_INVALID',
      `SLUICE_KEY_RING_FILE: the key ring has no index key. Run "sluice keys use FILE ${this.current}", which adds one, and give the file to every process.`,
    );
  }
}

function derive(master: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', `sluice/${purpose}`, KEY_BYTES));
}

/**
 * Reads a key ring.
 * @param path the file
 * @param variable that names it, for messages
 * @throws SluiceError CONFIG_INVALID where the file can't be read or is not valid
 */
export async function readKeyRing(path: string, variable?: string): Promise<KeyRing> {
  return new KeyRing(await readKeyRingFile(path, variable));
}

/** The content of a key ring's file. @throws SluiceError CONFIG_INVALID */
export async function readKeyRingFile(path: string, variable = 'SLUICE_KEY_RING_FILE'): Promise<KeyRingFile> {
  const invalid = (why: string, cause?: unknown): SluiceError =>
    new SluiceError('CONFIG_INVALID', `${variable}: ${path}: ${why}`, { cause });
  let read: ReturnType<typeof parseJson>;
  try {
    read = parseJson(await readFile(path, 'utf8'));
  } catch (error) {
    // The parser's own message shows a part of the text, which may be a key.
    throw error instanceof SyntaxError ? invalid('it is not JSON') : invalid(messageOf(error), error);
  }
  if (read.duplicates.length > 0) throw invalid(read.duplicates.map((fault) => faultText(fault)).join('; '));
  const parsed = KeyRingFile.safeParse(read.value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
  throw invalid(problems.join('; '));
}

/** Checks the content of a file before it is written. @throws SluiceError INPUT_INVALID */
export function checkKeyRing(file: KeyRingFile): KeyRingFile {
  const { since } = KeyRingFile.shape;
  if (!since.safeParse(file.since).success) {
    throw new SluiceError('INPUT_INVALID', `${file.since} is not an instant such as 2026-11-30T18:00:00Z.`);
  }
  const parsed = z.array(KeyId).safeParse(Object.keys(file.keys));
  if (parsed.success) return file;
  throw new SluiceError(
    'INPUT_INVALID',
    `The name of a key ${parsed.error.issues[0]?.message ?? 'is invalid'}.`,
  );
}

/** A new random key, base64. */
export function newKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}
