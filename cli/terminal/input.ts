import { readFile } from 'node:fs/promises';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';

/** Reads a file named on the command line. @throws SluiceError INPUT_INVALID if it cannot be read */
export async function readInputFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new SluiceError('INPUT_INVALID', `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The value of `--input`: JSON, or `@FILE` that contains JSON. @throws SluiceError INPUT_INVALID */
export async function readJsonInput(value: string): Promise<Json> {
  const source = value.startsWith('@') ? await readInputFile(value.slice(1)) : value;
  try {
    return JSON.parse(source) as Json;
  } catch (error) {
    const what = value.startsWith('@') ? value.slice(1) : '--input';
    throw new SluiceError('INPUT_INVALID', `${what} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** The format by the name of a file: `.json` is JSON, anything else YAML, which includes JSON. */
export function formatOfFile(path: string): 'yaml' | 'json' {
  return path.endsWith('.json') ? 'json' : 'yaml';
}
