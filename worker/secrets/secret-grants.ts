/**
 * Which tenants and definitions a secret belongs to: the file of SLUICE_SECRET_GRANTS_FILE.
 *
 * Invariants
 * - With the file, a secret that it does not list belongs to no one.
 * - What counts is the last valid file, also after a change.
 * - Tenant and definition are those of the run, never what an action says.
 */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { SecretOwner, SecretProvider } from '../../activities/index.js';
import { DefinitionId, SECRET_NAME } from '../../contracts/definition/names.js';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { faultText } from '../../contracts/reading/json-faults.js';
import { parseJson } from '../../contracts/reading/parse-json.js';
import { TenantId } from '../../contracts/run/messages.js';
import { RereadFile } from '../../ingress/index.js';
import type { Environment, SluiceConfig } from '../config/config.js';
import { createSecretProvider } from './secret-provider.js';

/** Every tenant, or every definition. */
const ALL = '*';

const Grant = z.strictObject({
  tenants: z.array(z.union([z.literal(ALL), TenantId])).min(1),
  /** Default: every definition of these tenants. */
  definitions: z
    .array(z.union([z.literal(ALL), DefinitionId]))
    .min(1)
    .optional(),
});
const GrantsFile = z.strictObject({
  secrets: z.record(z.string().regex(SECRET_NAME, 'is not the name of a secret'), Grant),
});

/** Grants by the name of the secret. */
export type SecretGrants = z.infer<typeof GrantsFile>['secrets'];

/**
 * Reads the file.
 * @throws SluiceError CONFIG_INVALID
 */
export async function readSecretGrants(path: string): Promise<SecretGrants> {
  const invalid = (why: string, cause?: unknown): SluiceError =>
    new SluiceError('CONFIG_INVALID', `SLUICE_SECRET_GRANTS_FILE: ${path}: ${why}`, { cause });
  let read: ReturnType<typeof parseJson>;
  try {
    read = parseJson(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalid(error instanceof SyntaxError ? 'it is not JSON' : messageOf(error), error);
  }
  // A reviewer may have looked at the first, while the last one counts.
  if (read.duplicates.length > 0) throw invalid(read.duplicates.map((fault) => faultText(fault)).join('; '));
  const parsed = GrantsFile.safeParse(read.value);
  if (parsed.success) return parsed.data.secrets;
  throw invalid(parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`).join('; '));
}

/**
 * A provider that gives each secret only to whom it belongs.
 * @param grants the grants as they are now
 */
function withGrants(provider: SecretProvider, grants: () => SecretGrants): SecretProvider {
  return {
    read: (name) => provider.read(name),
    belongsTo(name, { tenant, definition }: SecretOwner) {
      const all = grants();
      if (!Object.hasOwn(all, name)) return false;
      const { tenants, definitions = [ALL] } = all[name] as SecretGrants[string];
      const has = (list: readonly string[], value: string): boolean =>
        list.includes(ALL) || list.includes(value);
      return has(tenants, tenant) && has(definitions, definition);
    },
  };
}

/**
 * The secrets of the configuration, each for those whom it belongs to.
 * @param env holds the variables of `env:PREFIX`
 * @throws SluiceError CONFIG_INVALID
 */
export async function openSecrets(
  { secrets, secretGrantsFile }: Pick<SluiceConfig, 'secrets' | 'secretGrantsFile'>,
  env: Environment,
  log: Logger,
): Promise<{ readonly secrets: SecretProvider; readonly close: () => void }> {
  const provider = createSecretProvider(secrets, env);
  if (secretGrantsFile === undefined) {
    log.info('Every definition of every tenant may name every secret: SLUICE_SECRET_GRANTS_FILE is not set');
    return { secrets: provider, close: () => undefined };
  }
  const grants = await RereadFile.open(secretGrantsFile, readSecretGrants, log);
  return { secrets: withGrants(provider, () => grants.value), close: () => grants.close() };
}
