import { readFile } from 'node:fs/promises';
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';

/** Reads a file named on the command line. INPUT_INVALID where it can't be read. */
export async function readInputFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('INPUT_INVALID', `${path} cannot be read: ${reason}`, { cause: error });
  }
}

/** The value of `--input`: JSON, or `@file` with JSON in it. INPUT_INVALID where it is neither. */
export async function readJsonInput(value: string): Promise<Json> {
  const source = value.startsWith('@') ? await readInputFile(value.slice(1)) : value;
  try {
    return JSON.parse(source) as Json;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const what = value.startsWith('@') ? value.slice(1) : '--input';
    throw new SluiceError('INPUT_INVALID', `${what} is no JSON: ${reason}`, { cause: error });
  }
}

/** `json` for a file whose name says so, else YAML, of which JSON is a part. */
export function formatOfFile(path: string): 'yaml' | 'json' {
  return path.endsWith('.json') ? 'json' : 'yaml';
}
