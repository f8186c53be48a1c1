/**
 * An embedded store is open in one process, once.
 *
 * The engine takes a lock on `<store>/LOCK`, but a second opener hangs in native code and gets no error. So
 * Sluice checks before it starts the engine: it remembers the stores that this process opened, and on Linux
 * the kernel says which other process holds the lock.
 */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';

const claimed = new Set<string>();

/** How long the engine may hold its lock after it reported the store closed, ms. */
const CLOSING_MS = 5_000;
const CLOSING_POLL_MS = 10;

/**
 * Claims the store for this process and creates its directory.
 * @param path directory of the store
 * @returns releases the claim; call and await it after the store was closed: the engine may still be
 *   closing it
 * @throws SluiceError DATABASE_LOCKED where the store is open, CONFIG_INVALID where the directory can't be
 *   created
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
    while ((await lockHolder(lock)) === String(process.pid) && Date.now() < until) {
      await sleep(CLOSING_POLL_MS);
    }
    claimed.delete(directory);
  };
}

function locked(directory: string, holder: string): SluiceError {
  return new SluiceError('DATABASE_LOCKED', `${directory} is open in ${holder}`, {
    details: { directory, holder },
  });
}

/**
 * Id of the process that holds a kernel lock on the file; undefined if none does, or if the system can't
 * say.
 */
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
