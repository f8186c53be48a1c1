/**
 * Policy files: found, read, split into policies with their places.
 *
 * Invariant: a set of policies is read whole or refused whole, and each policy is named by its file and line, so
 * that an error and a decision point to the text.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../contracts/errors.js';

export interface PolicyFile {
  /** File name, without its directory. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads every `*.cedar` file of a directory, by name.
 * @throws SluiceError POLICY_INVALID where it can't be read, or holds none
 */
export async function readPolicyFiles(directory: string): Promise<readonly PolicyFile[]> {
  const names = await reading(directory, () => readdir(directory));
  const files = names.filter((name) => name.endsWith('.cedar')).sort();
  if (files.length === 0) {
    throw new SluiceError(
      'POLICY_INVALID',
      `${directory} has no *.cedar file: a directory without policies would deny everything`,
    );
  }
  return Promise.all(
    files.map(async (name) => {
      const path = join(directory, name);
      return { name, text: await reading(path, () => readFile(path, 'utf8')) };
    }),
  );
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SluiceError('POLICY_INVALID', `${path} cannot be read: ${reason}`, { cause });
  }
}

/** Hash of the files, names included: what was in force when a decision was taken. */
export function hashOf(files: readonly PolicyFile[]): string {
  return createHash('sha256')
    .update(JSON.stringify(files.map(({ name, text }) => [name, text])))
    .digest('hex');
}

/** Strings and comments, in which a semicolon ends nothing; and the semicolon that ends a policy. */
const TOKEN = /"(?:\\[\s\S]|[^"\\])*"|\/\/[^\n]*|;/g;

/** The policies of a file, by `file:line` of where each begins. A file that does not parse may be split wrongly. */
export function splitPolicies({ name, text }: PolicyFile): ReadonlyMap<string, string> {
  const policies = new Map<string, string>();
  let from = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token !== ';') continue;
    const policy = text.slice(from, index + 1);
    const place = `${name}:${lineAt(text, from + beginOf(policy))}`;
    // Two on one line: the second is told by its column as well.
    const id = policies.has(place)
      ? `${place}:${from + beginOf(policy) - text.lastIndexOf('\n', from)}`
      : place;
    policies.set(id, policy);
    from = index + 1;
  }
  return policies;
}

/** Where the policy itself begins, behind blank lines and comments. */
function beginOf(policy: string): number {
  return /^(?:\s|\/\/[^\n]*(?:\n|$))*/.exec(policy)?.[0].length ?? 0;
}

/** Line of an index, from 1. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
