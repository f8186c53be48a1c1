/**
 * Secrets by name, from the environment or from a directory of files, as Kubernetes mounts them.
 *
 * Invariants
 * - Nothing is cached: the next action reads a rotated file.
 * - A name has the form that definitions may use, so it cannot leave the directory.
 * - An empty secret counts as missing.
 */
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecretProvider } from '../../activities/index.js';
import { SECRET_NAME } from '../../contracts/definition/names.js';
import { SluiceError } from '../../contracts/errors.js';
import type { SecretSource } from '../config/config-variables.js';
import type { Environment } from '../config/config.js';

/**
 * Makes the provider that the configuration names.
 * @param env holds the variables of `env:PREFIX`; read each time
 * @throws SluiceError CONFIG_INVALID where `dir:` does not name a directory
 */
export function createSecretProvider(source: SecretSource, env: Environment): SecretProvider {
  switch (source.kind) {
    case 'env':
      return fromEnvironment(source.prefix, env);
    case 'dir':
      return fromDirectory(source.path);
  }
}

function fromEnvironment(prefix: string, env: Environment): SecretProvider {
  return {
    read: (name) => {
      const value = SECRET_NAME.test(name) ? env[prefix + name] : undefined;
      return Promise.resolve(value === '' ? undefined : value);
    },
  };
}

function fromDirectory(directory: string): SecretProvider {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new SluiceError('CONFIG_INVALID', `SLUICE_SECRETS: ${directory} is not a directory`);
  }
  return {
    async read(name) {
      if (!SECRET_NAME.test(name)) return undefined;
      try {
        // Editors and `echo` end the file with a newline that does not belong to the secret.
        const value = (await readFile(join(directory, name), 'utf8')).replace(/\r?\n$/, '');
        return value === '' ? undefined : value;
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
        if (code === 'ENOENT') return undefined;
        throw new SluiceError('SECRET_NOT_FOUND', `The secret "${name}" cannot be read: ${code}`, {
          cause: error,
        });
      }
    },
  };
}
