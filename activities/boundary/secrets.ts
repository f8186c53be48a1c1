/**
 * Secrets of an action's input.
 *
 * Invariants: a secret is read for each use, only for whom it belongs to, and lives only in the memory of the
 * activity. The redactor learns every value before anything else gets it. Only places that the author wrote
 * are resolved, never data that looks like a marker.
 */
import type { SecretRef } from '../../contracts/run/activity-refs.js';
import { SluiceError } from '../../contracts/errors.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import type { SecretOwner, SecretProvider } from './deps.js';
import type { SecretRedactor } from './redactor.js';

/** Reads the secrets of one run. */
export interface SecretReader {
  readonly provider: SecretProvider;
  readonly redactor: SecretRedactor;
  readonly owner: SecretOwner;
}

/**
 * Refuses names of secrets that belong to others.
 * @throws SluiceError SECRET_FORBIDDEN
 */
export function requireOwnSecrets(
  provider: SecretProvider,
  owner: SecretOwner,
  names: readonly string[],
): void {
  const foreign = [...new Set(names)].filter((name) => provider.belongsTo?.(name, owner) === false);
  if (foreign.length === 0) return;
  throw new SluiceError(
    'SECRET_FORBIDDEN',
    `${foreign.join(', ')}: not for the definition ${owner.definition} of the tenant ${owner.tenant}`,
    { details: { names: foreign, ...owner } },
  );
}

/**
 * Reads one secret.
 * @throws SluiceError SECRET_NOT_FOUND, SECRET_FORBIDDEN
 */
export async function readSecret({ provider, redactor, owner }: SecretReader, name: string): Promise<string> {
  requireOwnSecrets(provider, owner, [name]);
  const value = await provider.read(name);
  if (value === undefined) {
    throw new SluiceError('SECRET_NOT_FOUND', `This worker has no secret "${name}"`, { details: { name } });
  }
  redactor.learn(name, value);
  return value;
}

/**
 * A copy of the input with the secrets in their places.
 * @throws SluiceError SECRET_NOT_FOUND, SECRET_FORBIDDEN; INPUT_INVALID if a place does not hold the expected
 *   marker
 */
export async function resolveSecrets(
  input: Json,
  refs: readonly SecretRef[],
  reader: SecretReader,
): Promise<Json> {
  let resolved = input;
  for (const { path, name } of refs) {
    const value = await readSecret(reader, name);
    resolved = replaceAt(resolved, path, name, value);
  }
  return resolved;
}

function replaceAt(node: Json, path: readonly (string | number)[], name: string, value: string): Json {
  const [key, ...rest] = path;
  if (key === undefined) {
    if (isJsonObject(node) && node['$secret'] === name) return value;
  } else if (Array.isArray(node) && typeof key === 'number' && key < node.length) {
    return node.map((item: Json, index) => (index === key ? replaceAt(item, rest, name, value) : item));
  } else if (isJsonObject(node) && Object.hasOwn(node, key)) {
    const at = String(key);
    return { ...node, [at]: replaceAt(node[at] as Json, rest, name, value) };
  }
  throw new SluiceError('INPUT_INVALID', `The input has no secret "${name}" where the envelope names one`);
}
