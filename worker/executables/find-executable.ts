/**
 * Finds a command that a local server needs, or installs it into Sluice's cache.
 *
 * Order: the environment variable that names it → PATH → the cache → the installers → a coded error that says
 * how to install it. A command that the variable names is used or refused, never silently replaced.
 *
 * Invariant: a directory `<cache>/<command>/<version>/` is complete. Each installer works in a scratch
 * directory and renames its result into place, so installers that run at once, or die, do no harm.
 */
import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { SluiceError, type ErrorCode } from '../../contracts/errors.js';
import type { Environment } from '../config/config.js';
import { cacheDirectory } from './cache-directory.js';
import type { ProgressOutput } from './progress.js';

/** A command that starts and is of a version that Sluice can use. */
export interface FoundExecutable {
  readonly path: string;
  /** What the command prints as its version. */
  readonly version: string;
}

/** Gets a line for each slow step and for each candidate that is not usable. */
export interface FindOptions extends ProgressOutput {
  readonly env: Environment;
}

/** What an installer leaves in its scratch directory, or why it failed. */
export type Installed = { readonly path: string; readonly version: string } | { readonly reason: string };

export type Installer = (scratch: string, options: FindOptions) => Promise<Installed>;

/** A command and the ways to get it. */
export interface Executable {
  /** The command's name, without `.exe`; also its directory in the cache. */
  readonly command: string;
  /** What the command runs, for messages. */
  readonly title: string;
  /** The environment variable that names its path. */
  readonly variable: string;
  /** Thrown where it can neither be found nor installed. */
  readonly code: ErrorCode;
  /** Runs the command at that path; a text says why it is not usable. */
  readonly probe: (path: string) => Promise<FoundExecutable | string>;
  /** Tried in this order. */
  readonly installers: readonly Installer[];
}

/**
 * Finds the command on this machine, or installs it.
 * @throws SluiceError `executable.code`
 */
export async function findExecutable(executable: Executable, options: FindOptions): Promise<FoundExecutable> {
  const present = await locateExecutable(executable, options);
  if (present !== undefined) return present;
  const installed = await executable.probe(await install(executable, options));
  if (typeof installed !== 'string') return installed;
  throw new SluiceError(executable.code, installed);
}

/**
 * Finds the command on this machine without installing it; undefined where it is not present.
 * @throws SluiceError `executable.code` where the environment names a command that is not usable
 */
export async function locateExecutable(
  { command, variable, code, probe }: Executable,
  { env, log }: FindOptions,
): Promise<FoundExecutable | undefined> {
  const named = env[variable];
  if (named !== undefined && named !== '') {
    const found = await probe(named);
    if (typeof found !== 'string') return found;
    throw new SluiceError(code, `${variable}: ${found}`);
  }
  for (const path of [...onPath(env, command), ...cached(env, command)]) {
    const found = await probe(path);
    if (typeof found !== 'string') return found;
    log(`Skipped: ${found}`);
  }
  return undefined;
}

/** The file name of a command on this platform. */
export function fileNameOf(command: string): string {
  return process.platform === 'win32' ? `${command}.exe` : command;
}

function onPath(env: Environment, command: string): string[] {
  const directories = (env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, fileNameOf(command))).filter(isExecutable);
}

/** Newest first. Each version has its own directory, `<cache>/<command>/<version>/`. */
function cached(env: Environment, command: string): string[] {
  const root = join(cacheDirectory(env), command);
  return listDirectory(root)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(root, name, fileNameOf(command)))
    .filter(isExecutable)
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
}

async function install(
  { command, title, code, installers }: Executable,
  options: FindOptions,
): Promise<string> {
  const root = join(cacheDirectory(options.env), command);
  mkdirSync(root, { recursive: true });
  const tried: string[] = [];
  for (const installer of installers) {
    const scratch = mkdtempSync(join(root, '.install-'));
    try {
      const result = await installer(scratch, options);
      if ('path' in result) return moveIntoPlace(result.path, join(root, result.version), command);
      tried.push(result.reason);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  throw new SluiceError(code, `No ${title} was found or could be installed: ${tried.join('; ')}.`);
}

function moveIntoPlace(file: string, directory: string, command: string): string {
  chmodSync(file, 0o755);
  mkdirSync(directory, { recursive: true });
  const target = join(directory, fileNameOf(command));
  renameSync(file, target);
  return target;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Absent, or this user may not run it.
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
