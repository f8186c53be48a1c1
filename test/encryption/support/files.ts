/** What the tests of encryption share: the command, and what the files of a store hold. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../../cli/bin.mjs', import.meta.url));
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What the files of a directory hold. */
export async function textOf(directory: string, recursive = true): Promise<string> {
  const files = (await readdir(directory, { recursive, withFileTypes: true })).filter((file) =>
    file.isFile(),
  );
  const texts = files.map((file) => readFile(join(file.parentPath, file.name), 'latin1'));
  return (await Promise.all(texts)).join('\n');
}
