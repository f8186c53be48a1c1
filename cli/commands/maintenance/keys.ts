/**
 * `sluice keys`: the file of a key ring.
 *
 * Invariant: the file is replaced as a whole, readable for its owner only, and a key never leaves it. A new
 * key is not current until `use` makes it so: every process must know a key before one of them encrypts
 * with it.
 */
import { createHmac } from 'node:crypto';
import { access, rename, writeFile } from 'node:fs/promises';
import { SluiceError } from '../../../contracts/errors.js';
import {
  checkKeyRing,
  EncryptingCodec,
  newKey,
  readKeyRing,
  readKeyRingFile,
  type KeyRingFile,
} from '../../../encryption/index.js';
import { EXIT } from '../../terminal/exit-codes.js';
import type { Terminal } from '../../terminal/terminal.js';

const OWNER_ONLY = 0o600;

/**
 * Adds a key; the first one makes the file and is current.
 * @param since of a ring of claim keys: from when on what has no claim is refused
 * @throws SluiceError CONFIG_INVALID, INPUT_INVALID
 */
export async function keysAddCommand(
  terminal: Terminal,
  path: string,
  id: string,
  since?: string,
): Promise<number> {
  const ring = await existing(path);
  if (ring !== undefined && Object.hasOwn(ring.keys, id)) {
    throw new SluiceError('INPUT_INVALID', `${path} has a key ${id} already. Choose another name.`);
  }
  if (since !== undefined && ring !== undefined) {
    throw new SluiceError('INPUT_INVALID', `${path} exists: when claims count is said as the file is made.`);
  }
  const next = checkKeyRing({
    current: ring?.current ?? id,
    keys: { ...ring?.keys, [id]: newKey() },
    index: ring?.index ?? newKey(),
    ...((ring?.since ?? since) !== undefined && { since: ring?.since ?? since }),
  });
  const signs = next.since !== undefined;
  await replace(path, next);
  terminal.data({ file: path, added: id, current: next.current });
  terminal.print(
    ring === undefined
      ? signs
        ? `${path} has the key ${id}. Give this file to every process (SLUICE_CLAIM_KEYS_FILE) before ${next.since}: from then on workers refuse what it has not signed.`
        : `${path} has the key ${id}. Give this file to every process (SLUICE_KEY_RING_FILE), and keep a copy: without it nothing that was encrypted can be read.`
      : `${path} has the key ${id}, which ${signs ? 'verifies' : 'decrypts'} only. Give the file to every process and start them again; then run: sluice keys use ${path} ${id}`,
  );
  return EXIT.ok;
}

/**
 * Makes a key the one that encrypts.
 * @throws SluiceError CONFIG_INVALID, INPUT_INVALID
 */
export async function keysUseCommand(terminal: Terminal, path: string, id: string): Promise<number> {
  const ring = await readKeyRingFile(path);
  if (!Object.hasOwn(ring.keys, id)) {
    throw new SluiceError(
      'INPUT_INVALID',
      `${path} has no key ${id}. It has ${Object.keys(ring.keys).join(', ')}.`,
    );
  }
  await replace(path, { ...ring, current: id, index: ring.index ?? newKey() });
  terminal.data({ file: path, current: id });
  terminal.print(
    ring.since === undefined
      ? `${id} encrypts from each process's next start on. Keep the other keys for as long as Temporal or the database keeps what they encrypted.`
      : `${id} signs from each process's next start on. Keep the other keys for as long as Temporal keeps what they signed.`,
  );
  return EXIT.ok;
}

/** Lists the ids of the keys. @throws SluiceError CONFIG_INVALID */
export async function keysListCommand(terminal: Terminal, path: string): Promise<number> {
  const { current, keys, since } = await readKeyRingFile(path);
  const ids = Object.keys(keys);
  terminal.data({ file: path, current, keys: ids, ...(since !== undefined && { since }) });
  const act = since === undefined ? 'encrypts' : 'signs';
  for (const id of ids) {
    terminal.print(
      `${id}  ${id === current ? act : `${since === undefined ? 'decrypts' : 'verifies'} only`}`,
    );
  }
  return EXIT.ok;
}

/**
 * Prints the search attribute of a correlation key.
 * @throws SluiceError CONFIG_INVALID
 */
export async function keysDigestCommand(
  terminal: Terminal,
  path: string,
  key: string,
  tenant: string,
): Promise<number> {
  const codec = new EncryptingCodec(await readKeyRing(path));
  const digest = createHmac('sha256', codec.searchKey(tenant)).update(key).digest('hex').slice(0, 32);
  terminal.data({ digest });
  terminal.print(digest);
  return EXIT.ok;
}

async function existing(path: string): Promise<KeyRingFile | undefined> {
  try {
    await access(path);
  } catch {
    return undefined;
  }
  return readKeyRingFile(path);
}

async function replace(path: string, ring: KeyRingFile): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  try {
    await writeFile(unfinished, `${JSON.stringify(ring, null, 2)}\n`, { mode: OWNER_ONLY, flag: 'wx' });
    await rename(unfinished, path);
  } catch (error) {
    throw new SluiceError('CONFIG_INVALID', `${path} can't be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
