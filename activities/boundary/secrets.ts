/**
 * Secrets of an action's input.
 *
 * Invariants: a secret is read for each use and lives only in the memory of the activity; the redactor learns
 * every value before anything else gets it; only the places that the author wrote are resolved, never data
 * that looks like a marker.
 */
import type { SecretRef } from '../../contracts/run/activity-refs.js';
import { SluiceError } from '../../contracts/errors.js';
import { isJsonObject, type Json } from '../../contracts/json.js';
import type { SecretProvider } from './deps.js';
import type { SecretRedactor } from './redactor.js';

/**
 * Reads one secret.
 * @throws SluiceError SECRET_NOT_FOUND
 */
export async function readSecret(
  provider: SecretProvider,
  redactor: SecretRedactor,
  name: string,
): Promise<string> {
  const value = await provider.read(name);
  if (value === undefined) {
    throw new SluiceError('SECRET_NOT_FOUND', `This worker has no secret "${name}"`, { details: { name } });
  }
  redactor.learn(name, value);
  return value;
}

/**
 * A copy of the input with the secrets in their places.
 * @throws SluiceError SECRET_NOT_FOUND; INPUT_INVALID if a place does not hold the expected marker
 */
export async function resolveSecrets(
  input: Json,
  refs: readonly SecretRef[],
  provider: SecretProvider,
  redactor: SecretRedactor,
): Promise<Json> {
  let resolved = input;
  for (const { path, name } of refs) {
    const value = await readSecret(provider, redactor, name);
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
