/**
 * The directory of the local stack's data.
 *
 * Invariant: only its owner reads what Sluice keeps in `.sluice/`: payloads, logs, and the stores of Temporal
 * and SurrealDB. Directories are 0700 and files 0600, also those that child processes write later, and those
 * that an older release left.
 */
import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError, messageOf } from '../../contracts/errors.js';

const OTHERS = 0o077;
const PERMISSIONS = 0o777;

/**
 * Creates the directory, and takes every permission of others from it, and from what this process writes
 * later.
 * @throws SluiceError CONFIG_INVALID where it belongs to another user
 */
export function keepPrivate(directory: string): void {
  process.umask(OTHERS);
  try {
    mkdirSync(directory, { recursive: true });
    close(directory);
  } catch (error) {
    throw new SluiceError('CONFIG_INVALID', `${directory} cannot be made private: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Links are left alone: what they point to is not Sluice's. */
function close(path: string): void {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return;
  const mode = found.mode & PERMISSIONS;
  if ((mode & OTHERS) !== 0) chmodSync(path, mode & ~OTHERS);
  if (found.isDirectory()) for (const name of readdirSync(path)) close(join(path, name));
}
