/**
 * One process, one opening of an embedded store.
 *
 * The engine itself takes a lock on `<store>/LOCK`, but a second opener hangs in native code for ever
 * instead of being told. So the question is asked before the engine is: openings of this process are
 * remembered, and on Linux the kernel says which other process holds the lock.
 */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';

const claimed = new Set<string>();

/** The engine closes a store after it has said so: how long its lock may still be there, ms. */
const CLOSING_MS = 5_000;

/**
 * Claims the store for this process and makes its directory.
 * @param path directory of the store
 * @returns gives the claim back; call it when the store has been closed, and wait: the engine may still be at it
 * @throws SluiceError DATABASE_LOCKED where the store is open, CONFIG_INVALID where the directory cannot be made
 */
export async function claimStore(path: string): Promise<() => Promise<void>> {
  const directory = resolve(path);
  if (claimed.has(directory)) throw locked(directory, 'this process');
  claimed.add(directory);
  const lock = join(directory, 'LOCK');
  try {
    await mkdir(directory, { recursive: true });
    const holder = await lockHolder(lock);
    if (holder === String(process.pid)) throw locked(directory, 'this process');
    if (holder !== undefined) throw locked(directory, `process ${holder}`);
  } catch (error) {
    claimed.delete(directory);
    if (error instanceof SluiceError) throw error;
    throw new SluiceError(
      'CONFIG_INVALID',
      `The database directory ${directory} cannot be used: ${toSluiceError(error).message}`,
      { cause: error },
    );
  }
  return async () => {
    const until = Date.now() + CLOSING_MS;
    while ((await lockHolder(lock)) === String(process.pid) && Date.now() < until) await sleep(10);
    claimed.delete(directory);
  };
}

function locked(directory: string, holder: string): SluiceError {
  return new SluiceError('DATABASE_LOCKED', `${directory} is open in ${holder}`, {
    details: { directory, holder },
  });
}

/** Process id that holds a kernel lock on the file; undefined where none does, or where the system can't say. */
async function lockHolder(file: string): Promise<string | undefined> {
  const inode = await absentIsUndefined(stat(file).then((found) => String(found.ino)));
  const table = await absentIsUndefined(readFile('/proc/locks', 'utf8'));
  if (inode === undefined || table === undefined) return undefined;
  for (const line of table.split('\n')) {
    const [, pid, place] = /(?:FLOCK|POSIX|OFDLCK)\s+\S+\s+\S+\s+(-?\d+)\s+(\S+)/.exec(line) ?? [];
    if (place?.split(':')[2] === inode) return pid;
  }
  return undefined;
}

async function absentIsUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
