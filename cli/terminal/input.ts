import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { readJson } from '../../contracts/reading/read-json.js';

/** Reads a file named on the command line. @throws SluiceError INPUT_INVALID if it is not a file of UTF-8 */
export async function readInputFile(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new SluiceError('INPUT_INVALID', `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  // A decoder would put another character in the place of each bad byte, and the text would be another one.
  if (!isUtf8(bytes)) {
    const line = 1 + newlinesBefore(bytes, firstBadByte(bytes));
    throw new SluiceError('INPUT_INVALID', `${path} is not UTF-8, first in line ${line}: save it as UTF-8`);
  }
  return bytes.toString('utf8');
}

/** Index of the first byte that is not a part of UTF-8. */
function firstBadByte(bytes: Buffer): number {
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (beginsAsUtf8(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

/** Whether bytes are UTF-8, but for a character that is cut at the end. */
function beginsAsUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function newlinesBefore(bytes: Buffer, end: number): number {
  const newline = 10;
  return bytes.subarray(0, end).filter((byte) => byte === newline).length;
}

/**
 * The value of an option such as `--payload`: JSON, or `@FILE` that contains JSON.
 * @param code of a value that Sluice cannot take, such as an integer that would be rounded
 * @throws SluiceError INPUT_INVALID if it is not JSON; `code`
 */
export async function readJsonInput(
  value: string,
  code: 'PAYLOAD_INVALID' | 'EVENT_INVALID' = 'PAYLOAD_INVALID',
): Promise<Json> {
  const source = value.startsWith('@') ? await readInputFile(value.slice(1)) : value;
  const what = value.startsWith('@') ? value.slice(1) : '--input';
  return readJson(source, what, { syntax: 'INPUT_INVALID', value: code });
}

/** The format by the name of a file: `.json` is JSON, anything else YAML, which includes JSON. */
export function formatOfFile(path: string): 'yaml' | 'json' {
  return path.endsWith('.json') ? 'json' : 'yaml';
}
