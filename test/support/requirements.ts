/**
 * What some tests need beyond Node and Temporal. Where it is missing they are skipped, and `npm test`
 * ends with their number and the reason; CI fails on any skipped test.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestOptions } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why a test is skipped; scripts/lib/test-report.mjs prints it. */
    skippedFor?: string;
  }
}

/** Path of the `surreal` command; undefined on a machine without one. */
export const surrealBinary = process.env.SURREAL_CLI_PATH || undefined;

/** Path of `redis-server`; undefined on a machine without one. */
export const redisBinary = process.env.SLUICE_REDIS_BIN || onPath('redis-server');

/** Path of the browser; undefined on a machine without one. */
export const chromiumBinary = process.env.SLUICE_CHROMIUM_BIN || onPath('chromium');

/** Requirements by name: whether each is met, and the reason to print where it is not. */
const REQUIREMENTS = {
  surreal: {
    met: () => surrealBinary !== undefined,
    reason: 'no SurrealDB server: put `surreal` (version 3) on PATH or name it in SURREAL_CLI_PATH',
  },
  redis: {
    met: () => redisBinary !== undefined,
    reason: 'no Redis server: put `redis-server` on PATH or name it in SLUICE_REDIS_BIN',
  },
  chromium: {
    met: () => chromiumBinary !== undefined,
    reason: 'no browser: put `chromium` on PATH or name it in SLUICE_CHROMIUM_BIN',
  },
  python: {
    met: () => spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0,
    reason: 'no python3 with venv: install it (Debian: apt-get install python3-venv)',
  },
} as const;

/** Options of a `describe` or `it` that is skipped where one of these is missing. */
export function needs(...names: (keyof typeof REQUIREMENTS)[]): Pick<TestOptions, 'skip' | 'meta'> {
  const missing = names.find((name) => !REQUIREMENTS[name].met());
  if (missing === undefined) return { skip: false, meta: {} };
  return { skip: true, meta: { skippedFor: REQUIREMENTS[missing].reason } };
}

function onPath(command: string): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  return candidates
    .map((directory) => join(directory, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
