/**
 * Finds and reads policy files, and splits them into policies with their places.
 *
 * Invariant: a set of policies is read or refused as a whole, and file and line name each policy, so that an
 * error and a decision point to the text.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SluiceError } from '../contracts/errors.js';

export interface PolicyFile {
  /** File name, without its directory. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads every `*.cedar` file of a directory, by name.
 * @throws SluiceError POLICY_INVALID if the directory can't be read, or has no policy file
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
    const reason = messageOf(cause);
    throw new SluiceError('POLICY_INVALID', `${path} cannot be read: ${reason}`, { cause });
  }
}

/** Hash of the files, names included. It tells which set was in force at a decision. */
export function hashOf(files: readonly PolicyFile[]): string {
  return createHash('sha256')
    .update(JSON.stringify(files.map(({ name, text }) => [name, text])))
    .digest('hex');
}

/** Strings and comments, which may contain semicolons, and the semicolon that ends a policy. */
const TOKEN = /"(?:\\[\s\S]|[^"\\])*"|\/\/[^\n]*|;/g;

/**
 * The policies of a file, by the `file:line` where each begins. May split a file wrongly that does not parse.
 */
export function splitPolicies({ name, text }: PolicyFile): ReadonlyMap<string, string> {
  const policies = new Map<string, string>();
  let from = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token !== ';') continue;
    const policy = text.slice(from, index + 1);
    const place = `${name}:${lineAt(text, from + beginOf(policy))}`;
    // A second policy on one line gets its column too.
    const id = policies.has(place)
      ? `${place}:${from + beginOf(policy) - text.lastIndexOf('\n', from)}`
      : place;
    policies.set(id, policy);
    from = index + 1;
  }
  return policies;
}

/** Where the policy itself begins, after blank lines and comments. */
function beginOf(policy: string): number {
  return /^(?:\s|\/\/[^\n]*(?:\n|$))*/.exec(policy)?.[0].length ?? 0;
}

/** Line of an index, from 1. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
