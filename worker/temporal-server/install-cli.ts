/**
 * Gets a Temporal CLI where the machine has none: the SDK's download, else `go install`.
 *
 * Invariant: what stands under `<cache>/temporal/<version>/` is complete. Each installer works in a scratch
 * directory and renames its result into place, so installers that run at once, or die, harm nobody.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../../contracts/errors.js';
import type { Environment } from '../config/config.js';
import { cacheDirectory, commandName } from './cache-directory.js';

/** The newest tag that `go install` can build; later ones have a `replace` in their go.mod. */
const GO_MODULE = 'github.com/temporalio/cli/cmd/temporal';
const GO_VERSION = 'v1.5.1';
const GO_LIMIT_MS = 20 * 60_000;
/** Nothing has arrived by then: the download can't be reached, whatever the firewall says or doesn't. */
const DOWNLOAD_STALL_MS = 10_000;
const DOWNLOAD_LIMIT_MS = 3 * 60_000;

interface InstallOptions {
  readonly env: Environment;
  readonly log: (line: string) => void;
}

/**
 * Installs the CLI into the cache and gives its path.
 * @throws SluiceError TEMPORAL_SERVER_NOT_FOUND with what was tried and why it failed
 */
export async function installCli(options: InstallOptions): Promise<string> {
  const root = join(cacheDirectory(options.env), 'temporal');
  mkdirSync(root, { recursive: true });
  const tried: string[] = [];
  for (const installer of [sdkDownload, goInstall]) {
    const scratch = mkdtempSync(join(root, '.install-'));
    try {
      const result = await installer(scratch, options);
      if ('path' in result) return moveIntoPlace(result.path, join(root, result.version));
      tried.push(result.reason);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  throw new SluiceError(
    'TEMPORAL_SERVER_NOT_FOUND',
    `No Temporal server was found or could be installed: ${tried.join('; ')}.`,
  );
}

type Installed = { readonly path: string; readonly version: string } | { readonly reason: string };

async function sdkDownload(scratch: string, { env, log }: InstallOptions): Promise<Installed> {
  log('No Temporal server on this machine: trying the download of the Temporal SDK …');
  const script = fileURLToPath(new URL('./download-cli.mjs', import.meta.url));
  const ended = await execute(process.execPath, [script, scratch], {
    env,
    limitMs: DOWNLOAD_LIMIT_MS,
    stalled: () => readdirSync(scratch).length === 0,
  });
  const file = readdirSync(scratch).find((name) => !name.endsWith('.downloading'));
  if (ended.code !== 0 || file === undefined) {
    return { reason: `the SDK's download failed (${ended.reason})` };
  }
  return { path: join(scratch, file), version: `sdk-${sdkVersion()}` };
}

async function goInstall(scratch: string, { env, log }: InstallOptions): Promise<Installed> {
  const go = await execute('go', ['version'], { env, limitMs: 10_000 });
  if (go.code !== 0) return { reason: 'there is no Go toolchain to build it with' };
  log('Building the Temporal CLI with Go, once; this takes two to four minutes …');
  const cache = cacheDirectory(env);
  // Go refuses to run without a home for its own caches; GOOS and GOARCH would build for another machine.
  const home =
    env.HOME === undefined || env.HOME === ''
      ? { GOPATH: join(cache, 'go'), GOCACHE: join(cache, 'go-build') }
      : {};
  const ended = await execute('go', ['install', `${GO_MODULE}@${GO_VERSION}`], {
    env: { ...home, ...env, GOBIN: scratch, GOOS: undefined, GOARCH: undefined },
    limitMs: GO_LIMIT_MS,
  });
  if (ended.code !== 0) return { reason: `go install failed (${ended.reason})` };
  return { path: join(scratch, commandName()), version: GO_VERSION };
}

function moveIntoPlace(file: string, directory: string): string {
  chmodSync(file, 0o755);
  mkdirSync(directory, { recursive: true });
  const target = join(directory, commandName());
  renameSync(file, target);
  return target;
}

function sdkVersion(): string {
  const manifest = createRequire(import.meta.url)('@temporalio/testing/package.json') as { version: string };
  return manifest.version;
}

/** Runs a command; `stalled` is asked once, after DOWNLOAD_STALL_MS, whether to give up already. */
function execute(
  command: string,
  args: readonly string[],
  options: { readonly env: Environment; readonly limitMs: number; readonly stalled?: () => boolean },
): Promise<{ readonly code: number; readonly reason: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let gaveUp: string | undefined;
    const giveUp = (reason: string) => {
      gaveUp = reason;
      child.kill('SIGKILL');
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => (output = (output + text).slice(-2_000)));
    }
    const limit = setTimeout(() => giveUp('it took too long'), options.limitMs);
    const stall = setTimeout(() => {
      if (options.stalled?.() === true) giveUp('nothing arrived');
    }, DOWNLOAD_STALL_MS);
    const settle = (code: number, reason: string) => {
      clearTimeout(limit);
      clearTimeout(stall);
      resolve({ code, reason: gaveUp ?? reason });
    };
    child.once('error', (error) => settle(127, error.message));
    child.once('close', (code) => settle(code ?? 1, lastLine(output)));
  });
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() ?? 'no output';
}
