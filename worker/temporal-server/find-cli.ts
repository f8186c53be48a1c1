/** Finds the `temporal` command, whose dev server every local stack runs on. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../../contracts/errors.js';
import {
  findExecutable,
  type Executable,
  type FindOptions,
  type FoundExecutable,
} from '../executables/find-executable.js';
import { buildWithGo, downloadWithSdk } from './install-cli.js';

const run = promisify(execFile);
const VERSION_LIMIT_MS = 10_000;

/** The oldest server that does all that Sluice asks of it (user metadata, updates). */
export const OLDEST_SERVER = [1, 27] as const;

const TEMPORAL_CLI: Executable = {
  command: 'temporal',
  title: 'Temporal server',
  variable: 'TEMPORAL_CLI_PATH',
  code: 'TEMPORAL_SERVER_NOT_FOUND',
  probe,
  installers: [downloadWithSdk, buildWithGo],
};

/**
 * Finds or installs the `temporal` command: TEMPORAL_CLI_PATH → PATH → the cache → the SDK's download →
 * `go install`.
 * @throws SluiceError TEMPORAL_SERVER_NOT_FOUND
 */
export function findTemporalCli(options: FindOptions): Promise<FoundExecutable> {
  return findExecutable(TEMPORAL_CLI, options);
}

async function probe(path: string): Promise<FoundExecutable | string> {
  let version: string;
  try {
    version = (await run(path, ['--version'], { timeout: VERSION_LIMIT_MS })).stdout.trim();
  } catch (error) {
    return `${path} does not run: ${messageOf(error).split('\n')[0]}`;
  }
  const server = /Server (\d+)\.(\d+)/.exec(version);
  if (server === null) return `${path} is not a Temporal CLI: it prints ${JSON.stringify(version)}`;
  const [major, minor] = [Number(server[1]), Number(server[2])];
  if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
    return `${path} is too old (${version}): its server must be ${OLDEST_SERVER.join('.')} or newer`;
  }
  return { path, version };
}
