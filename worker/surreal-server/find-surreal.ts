/** Finds the `surreal` command, whose server the tests run against beside the embedded database. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../../contracts/errors.js';
import {
  findExecutable,
  locateExecutable,
  type Executable,
  type FindOptions,
  type FoundExecutable,
} from '../executables/find-executable.js';
import { downloadFrom, SURREAL_DOWNLOADS } from './install-surreal.js';

const run = promisify(execFile);
const VERSION_LIMIT_MS = 10_000;

/** The major version whose database files and protocol the packages of this repository are made for. */
const MAJOR = 3;

const surrealFrom = (downloads: string): Executable => ({
  command: 'surreal',
  title: 'SurrealDB server',
  variable: 'SURREAL_CLI_PATH',
  code: 'SURREAL_SERVER_NOT_FOUND',
  probe,
  installers: [downloadFrom(downloads)],
});

/**
 * Finds or installs the `surreal` command: SURREAL_CLI_PATH → PATH → the cache → the official download.
 * @param downloads base address of the downloads
 * @throws SluiceError SURREAL_SERVER_NOT_FOUND
 */
export function findSurreal(options: FindOptions, downloads = SURREAL_DOWNLOADS): Promise<FoundExecutable> {
  return findExecutable(surrealFrom(downloads), options);
}

/**
 * Finds the `surreal` command without a download; undefined where this machine has none.
 * @throws SluiceError SURREAL_SERVER_NOT_FOUND where SURREAL_CLI_PATH names a command that is not usable
 */
export function locateSurreal(options: FindOptions): Promise<FoundExecutable | undefined> {
  return locateExecutable(surrealFrom(SURREAL_DOWNLOADS), options);
}

async function probe(path: string): Promise<FoundExecutable | string> {
  let version: string;
  try {
    version = (await run(path, ['version'], { timeout: VERSION_LIMIT_MS })).stdout.trim();
  } catch (error) {
    return `${path} does not run: ${messageOf(error).split('\n')[0]}`;
  }
  const major = /^v?(\d+)\.\d+\.\d+/.exec(version)?.[1];
  if (major === undefined) return `${path} is not SurrealDB: it prints ${JSON.stringify(version)}`;
  if (Number(major) !== MAJOR) return `${path} is SurrealDB ${version}: Sluice needs version ${MAJOR}`;
  return { path, version };
}
