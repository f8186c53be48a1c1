/** The two ways to install a Temporal CLI: the download of Temporal's SDK, and a build with Go. */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from '../executables/cache-directory.js';
import { execute } from '../executables/execute.js';
import { fileNameOf, type FindOptions, type Installed } from '../executables/find-executable.js';
import { withProgress } from '../executables/progress.js';

/** The newest tag that `go install` can build; later ones have a `replace` in their go.mod. */
const GO_MODULE = 'github.com/temporalio/cli/cmd/temporal';
const GO_VERSION = 'v1.5.1';
const GO_BUILD_LIMIT_MS = 20 * 60_000;
const GO_VERSION_LIMIT_MS = 10_000;
const DOWNLOAD_LIMIT_MS = 3 * 60_000;

/** Installs the CLI with the download of Temporal's SDK. */
export async function downloadWithSdk(scratch: string, options: FindOptions): Promise<Installed> {
  const { env, log } = options;
  log('No Temporal server on this machine: downloading it with the Temporal SDK …');
  const script = fileURLToPath(new URL('./download-cli.mjs', import.meta.url));
  const ended = await withProgress(options, 'Downloading the Temporal CLI', () =>
    execute(process.execPath, [script, scratch], {
      env,
      limitMs: DOWNLOAD_LIMIT_MS,
      stalled: () => readdirSync(scratch).length === 0,
    }),
  );
  const file = readdirSync(scratch).find((name) => !name.endsWith('.downloading'));
  if (ended.code !== 0 || file === undefined) {
    return { reason: `the SDK's download failed (${ended.reason})` };
  }
  return { path: join(scratch, file), version: `sdk-${sdkVersion()}` };
}

/** Builds the CLI with the machine's Go toolchain. */
export async function buildWithGo(scratch: string, options: FindOptions): Promise<Installed> {
  const { env, log } = options;
  const go = await execute('go', ['version'], { env, limitMs: GO_VERSION_LIMIT_MS });
  if (go.code !== 0) return { reason: 'there is no Go toolchain to build it with' };
  log('Building the Temporal CLI with Go, once; this takes two to four minutes …');
  const cache = cacheDirectory(env);
  // Go refuses to run without a home for its caches.
  const home =
    env.HOME === undefined || env.HOME === ''
      ? { GOPATH: join(cache, 'go'), GOCACHE: join(cache, 'go-build') }
      : {};
  const ended = await withProgress(options, 'Building the Temporal CLI with Go', () =>
    execute('go', ['install', `${GO_MODULE}@${GO_VERSION}`], {
      // GOOS and GOARCH would build it for another machine.
      env: { ...home, ...env, GOBIN: scratch, GOOS: undefined, GOARCH: undefined },
      limitMs: GO_BUILD_LIMIT_MS,
    }),
  );
  if (ended.code !== 0) return { reason: `go install failed (${ended.reason})` };
  return { path: join(scratch, fileNameOf('temporal')), version: GO_VERSION };
}

function sdkVersion(): string {
  const manifest = createRequire(import.meta.url)('@temporalio/testing/package.json') as { version: string };
  return manifest.version;
}
