import { readFile } from 'node:fs/promises';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { readJson } from '../../contracts/reading/read-json.js';

/** Reads a file named on the command line. @throws SluiceError INPUT_INVALID if it cannot be read */
export async function readInputFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new SluiceError('INPUT_INVALID', `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
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
