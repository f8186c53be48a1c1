/**
 * An embedded store is open in one process, once, and only its owner can read it.
 *
 * The engine takes a lock on `<store>/LOCK`, but a second opener hangs in native code and gets no error. So
 * Sluice checks before it starts the engine: it remembers the stores that this process opened, and on Linux
 * the kernel says which other process holds the lock.
 */
import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
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
    await makePrivate(directory);
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

const OTHERS = 0o077;
const OWNER_ONLY = 0o700;
/** The directory of a project's data. */
const PROJECT_DATA = '.sluice';

/** A store that another user owns keeps its permissions: to widen or narrow them is that user's matter. */
async function makePrivate(directory: string): Promise<void> {
  // The engine creates files at any time. A thread cannot set the mask of its process.
  if (isMainThread) process.umask(OTHERS);
  await mkdir(directory, { recursive: true, mode: OWNER_ONLY });
  const parent = dirname(directory);
  for (const path of basename(parent) === PROJECT_DATA ? [parent, directory] : [directory]) {
    const { uid } = await stat(path);
    if (uid === process.getuid?.()) await chmod(path, OWNER_ONLY);
  }
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
