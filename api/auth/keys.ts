/**
 * Static keys: a file of names, roles, tenants, and of each key its sha-256.
 *
 * A key is 256 random bits, so that a fast hash is enough: there is nothing to guess. Every entry is compared, each in
 * constant time, so that the time of an answer says nothing about how near a guess came.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { Role, TenantGrant, type Principal } from './principal.js';

const PREFIX = 'sluice_';

const KeyEntry = z.strictObject({
  /** Stands in the audit as the actor. */
  name: z.string().min(1).max(200),
  /** sha-256 of the key, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits: `sluice api key` prints it'),
  roles: z.array(Role).min(1),
  tenants: z.array(TenantGrant).min(1),
  /** From then on it is refused. */
  expires: z.iso.datetime({ offset: true }).optional(),
});
export type KeyEntry = z.infer<typeof KeyEntry>;

const KeyFile = z.strictObject({ keys: z.array(KeyEntry) });

/** Finds the principal of a key. */
export type FindKey = (token: string) => Principal | undefined;

/** A new key and its entry; the key itself is stored nowhere. */
export function makeKey(entry: Omit<KeyEntry, 'hash'>): { readonly key: string; readonly entry: KeyEntry } {
  const key = `${PREFIX}${randomBytes(32).toString('base64url')}`;
  const checked = KeyEntry.safeParse({ ...entry, hash: hashOf(key).toString('hex') });
  if (checked.success) return { key, entry: checked.data };
  throw new SluiceError('INPUT_INVALID', problemsOf(checked.error).join('; '), {
    details: problemsOf(checked.error),
  });
}

/**
 * Reads the file of SLUICE_API_KEYS_FILE.
 * @throws SluiceError CONFIG_INVALID where it cannot be read, is no JSON, or is wrong; no hash is shown
 */
export async function readKeyFile(path: string): Promise<readonly KeyEntry[]> {
  const invalid = (why: string, cause?: unknown): SluiceError =>
    new SluiceError('CONFIG_INVALID', `SLUICE_API_KEYS_FILE: ${path}: ${why}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalid(error instanceof SyntaxError ? 'it is no JSON' : (error as Error).message, error);
  }
  const parsed = KeyFile.safeParse(value);
  if (!parsed.success) throw invalid(problemsOf(parsed.error).join('; '));
  const names = parsed.data.keys.map(({ name }) => name);
  const double = names.find((name, at) => names.indexOf(name) !== at);
  if (double !== undefined) throw invalid(`two keys are named "${double}"`);
  return parsed.data.keys;
}

/** @param now epoch ms */
export function keyFinder(entries: readonly KeyEntry[], now: () => number): FindKey {
  const known = entries.map((entry) => ({ entry, hash: Buffer.from(entry.hash, 'hex') }));
  return (token) => {
    const given = hashOf(token);
    let found: KeyEntry | undefined;
    for (const { entry, hash } of known) if (timingSafeEqual(given, hash)) found = entry;
    if (found === undefined) return undefined;
    if (found.expires !== undefined && Date.parse(found.expires) <= now()) return undefined;
    const { name, roles, tenants } = found;
    return { name, roles, tenants };
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
