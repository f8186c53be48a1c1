/**
 * Static keys: a file with the name, roles, tenants and sha-256 of each key.
 *
 * A key has 256 random bits, too many to guess, so a fast hash is enough. Every entry is compared, each in
 * constant time, so that the time of an answer does not reveal how close a guess is.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { faultText, type JsonFault } from '../../contracts/reading/json-faults.js';
import { parseJson } from '../../contracts/reading/parse-json.js';
import { GroupName, MOST_GROUPS, PrincipalName, Role, TenantGrant, type Principal } from './principal.js';

const PREFIX = 'sluice_';
const KEY_BYTES = 32;

const KeyEntry = z.strictObject({
  /** The actor in the audit. */
  name: PrincipalName,
  /** sha-256 of the key, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits: `sluice api key` prints it'),
  roles: z.array(Role).min(1),
  /** Groups of the person: roles that tasks name. */
  groups: z.array(GroupName).max(MOST_GROUPS).optional(),
  tenants: z.array(TenantGrant).min(1),
  /** The key is refused from this instant on. */
  expires: z.iso.datetime({ offset: true }).optional(),
});
export type KeyEntry = z.infer<typeof KeyEntry>;

const KeyFile = z.strictObject({ keys: z.array(KeyEntry) });

/** Finds the principal of a key. */
export type FindKey = (token: string) => Principal | undefined;

/** A new key and its entry. The key itself is not stored. */
export function makeKey(entry: Omit<KeyEntry, 'hash'>): { readonly key: string; readonly entry: KeyEntry } {
  const key = `${PREFIX}${randomBytes(KEY_BYTES).toString('base64url')}`;
  const checked = KeyEntry.safeParse({ ...entry, hash: hashOf(key).toString('hex') });
  if (checked.success) return { key, entry: checked.data };
  throw new SluiceError('INPUT_INVALID', problemsOf(checked.error).join('; '), {
    details: problemsOf(checked.error),
  });
}

/**
 * Reads the file of SLUICE_API_KEYS_FILE.
 * @throws SluiceError CONFIG_INVALID if the file cannot be read or is not valid; the message shows no hash
 */
export async function readKeyFile(path: string): Promise<readonly KeyEntry[]> {
  const invalid = (why: string, cause?: unknown): SluiceError =>
    new SluiceError('CONFIG_INVALID', `SLUICE_API_KEYS_FILE: ${path}: ${why}`, { cause });
  let value: unknown;
  let duplicates: readonly JsonFault[];
  try {
    const read = parseJson(await readFile(path, 'utf8'));
    value = read.value;
    duplicates = read.duplicates;
  } catch (error) {
    throw invalid(error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message, error);
  }
  // A reviewer may have looked at the first, while the last one counts.
  if (duplicates.length > 0) throw invalid(duplicates.map((fault) => faultText(fault)).join('; '));
  const parsed = KeyFile.safeParse(value);
  if (!parsed.success) throw invalid(problemsOf(parsed.error).join('; '));
  const names = parsed.data.keys.map(({ name }) => name);
  const duplicate = names.find((name, at) => names.indexOf(name) !== at);
  if (duplicate !== undefined) throw invalid(`two keys are named "${duplicate}"`);
  return parsed.data.keys;
}

/**
 * @param entries the keys as they are now
 * @param now the clock, epoch ms
 */
export function keyFinder(entries: () => readonly KeyEntry[], now: () => number): FindKey {
  return (token) => {
    const tokenHash = hashOf(token);
    let found: KeyEntry | undefined;
    for (const entry of entries()) {
      if (timingSafeEqual(tokenHash, Buffer.from(entry.hash, 'hex'))) found = entry;
    }
    if (found === undefined) return undefined;
    if (found.expires !== undefined && Date.parse(found.expires) <= now()) return undefined;
    const { name, roles, groups, tenants } = found;
    return { kind: 'key', name, roles, tenants, ...(groups !== undefined && { groups }) };
  };
}

/** True for a token of the shape that `makeKey` gives. */
export function looksLikeKey(token: string): boolean {
  return token.startsWith(PREFIX);
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function problemsOf(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}
