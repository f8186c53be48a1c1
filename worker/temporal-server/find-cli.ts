/**
 * Finds the `temporal` command, whose dev server everything local runs on.
 *
 * Order: TEMPORAL_CLI_PATH → `temporal` on PATH → a copy that an earlier run cached → the SDK's download →
 * `go install` → an error that says how to install it. What was named explicitly is used or refused, never
 * silently replaced by something else.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { SluiceError } from '../../contracts/errors.js';
import type { Environment } from '../config/config.js';
import { cacheDirectory, commandName } from './cache-directory.js';
import { installCli } from './install-cli.js';

const run = promisify(execFile);

/** The oldest server that does all that Sluice asks of it (user metadata, updates). */
export const OLDEST_SERVER = [1, 27] as const;

/** A `temporal` command that starts and is new enough. */
export interface TemporalCli {
  readonly path: string;
  /** What `temporal --version` says. */
  readonly version: string;
}

export interface FindCliOptions {
  readonly env: Environment;
  /** Told what takes long and what was passed over. */
  readonly log: (line: string) => void;
}

/**
 * Finds or installs the `temporal` command.
 * @throws SluiceError TEMPORAL_SERVER_NOT_FOUND
 */
export async function findTemporalCli({ env, log }: FindCliOptions): Promise<TemporalCli> {
  const named = env.TEMPORAL_CLI_PATH;
  if (named !== undefined && named !== '') {
    const found = await probe(named);
    if (typeof found !== 'string') return found;
    throw new SluiceError('TEMPORAL_SERVER_NOT_FOUND', `TEMPORAL_CLI_PATH: ${found}`);
  }
  for (const path of [...onPath(env), ...cached(env)]) {
    const found = await probe(path);
    if (typeof found !== 'string') return found;
    log(`Passed over: ${found}`);
  }
  const installed = await probe(await installCli({ env, log }));
  if (typeof installed !== 'string') return installed;
  throw new SluiceError('TEMPORAL_SERVER_NOT_FOUND', installed);
}

function onPath(env: Environment): string[] {
  const directories = (env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, commandName())).filter(isExecutable);
}

/** Newest first. Each version has a directory of its own, `<cache>/temporal/<version>/temporal`. */
function cached(env: Environment): string[] {
  const root = join(cacheDirectory(env), 'temporal');
  return listDirectory(root)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(root, name, commandName()))
    .filter(isExecutable)
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
}

/** The command at that path, or why it can't be used. */
async function probe(path: string): Promise<TemporalCli | string> {
  let version: string;
  try {
    version = (await run(path, ['--version'], { timeout: 10_000 })).stdout.trim();
  } catch (error) {
    return `${path} does not run: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
  }
  const server = /Server (\d+)\.(\d+)/.exec(version);
  if (server === null) return `${path} is no Temporal CLI: it says ${JSON.stringify(version)}`;
  const [major, minor] = [Number(server[1]), Number(server[2])];
  if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
    return `${path} is too old (${version}): its server must be ${OLDEST_SERVER.join('.')} or newer`;
  }
  return { path, version };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Absent or not ours to run: not a candidate.
    return false;
  }
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // No cache yet.
    return [];
  }
}
