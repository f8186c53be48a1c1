/** Checks this machine: Node, the packages that package.json pins, and the native parts of two of them. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { attempt, fail, ok, type Finding } from './finding.js';

const require = createRequire(import.meta.url);

const Manifest = z.object({
  version: z.string(),
  engines: z.object({ node: z.string() }).optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
});

/** Packages with a binary for each platform and libc. */
const NATIVE = ['@temporalio/core-bridge', '@surrealdb/node'];

const INSTALL = 'Install the packages of the lock file with `npm ci`.';

/** Runs the checks. */
export async function checkMachine(): Promise<readonly Finding[]> {
  const own = readManifest(new URL('../../package.json', import.meta.url));
  return [
    checkNode(own.engines?.node ?? '>=0', process.versions.node),
    checkPackages(own.version, own.dependencies),
    ...(await attempt('native', checkNative)),
  ];
}

function checkNode(wanted: string, have: string): Finding {
  const [major = 0, minor = 0] = wanted.match(/\d+/g)?.map(Number) ?? [];
  const [haveMajor = 0, haveMinor = 0] = have.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return ok('node', have);
  const message = `Node ${have} is too old: Sluice needs ${wanted}`;
  return fail('node', new SluiceError('CONFIG_INVALID', message), 'Install a newer Node: https://nodejs.org');
}

function checkPackages(version: string, wanted: Readonly<Record<string, string>>): Finding {
  const wrong = Object.entries(wanted).flatMap(([name, pinned]) => {
    const have = installedVersion(name);
    return have === pinned ? [] : [`${name} ${have ?? 'missing'} (wants ${pinned})`];
  });
  if (wrong.length > 0) {
    const message = `Sluice ${version}: ${wrong.join(', ')}`;
    return fail('packages', new SluiceError('CONFIG_INVALID', message), INSTALL);
  }
  const temporal = wanted['@temporalio/worker'] ?? '';
  return ok(
    'packages',
    `Sluice ${version}, ${Object.keys(wanted).length} packages as pinned, Temporal SDK ${temporal}`,
  );
}

/** Searches the directories, because a package may not export its package.json. */
function installedVersion(name: string): string | undefined {
  const path = (require.resolve.paths(name) ?? [])
    .map((directory) => join(directory, name, 'package.json'))
    .find((file) => existsSync(file));
  return path === undefined ? undefined : readManifest(path).version;
}

function readManifest(file: string | URL): z.infer<typeof Manifest> {
  return Manifest.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** Loads the native packages: nothing else proves that their binaries work on this machine. */
async function checkNative(): Promise<Finding> {
  const place = `${process.platform}-${process.arch}`;
  for (const name of NATIVE) {
    try {
      await import(name);
    } catch (error) {
      const [reason] = messageOf(error).split('\n');
      const message = `${name} cannot be loaded on ${place}: ${reason}`;
      const fix = `${INSTALL} Temporal's SDK needs glibc 2.28 or newer; it runs on Debian but not on Alpine.`;
      return fail('native', new SluiceError('CONFIG_INVALID', message, { cause: error }), fix);
    }
  }
  return ok('native', `${NATIVE.join(' and ')} load on ${place}`);
}
