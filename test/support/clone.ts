/**
 * A copy of this clone for a test that runs a whole `npm start`. It has its own `.sluice/`, so a
 * developer's running stack is left alone. Packages are shared by a link.
 */
import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_COPIED = new Set(['node_modules', '.git', '.sluice', 'test', 'docs', 'coverage']);
const MARK = 'SLUICE_TEST_CLONE';

export interface TestClone {
  readonly root: string;
  /** Environment of a new user: without variables that point to other servers. */
  readonly env: NodeJS.ProcessEnv;
  /** Command lines of every process that was started with `env`, or by one that was, and still runs. */
  leftovers(): string[];
  remove(): void;
}

export function makeClone(): TestClone {
  const root = mkdtempSync(join(tmpdir(), 'sluice-clone-'));
  for (const name of readdirSync(ROOT)) {
    if (!NOT_COPIED.has(name)) cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  // The bundle is named by the hash of its sources; with its cache the copy starts as fast as the original.
  const cache = join('.sluice', 'cache');
  if (existsSync(join(ROOT, cache))) cpSync(join(ROOT, cache), join(root, cache), { recursive: true });
  const mark = randomUUID();
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(TEMPORAL_(?!CLI_PATH)|SLUICE_|SURREAL_|npm_|VITEST)/.test(name),
  );
  return {
    root,
    env: { ...Object.fromEntries(own), [MARK]: mark },
    leftovers: () => processesWith(`${MARK}=${mark}`),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Processes whose environment has that entry; from /proc, so on Linux only. */
function processesWith(entry: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readProcess(pid, 'environ').includes(entry))
    .map((pid) => `${pid} ${readProcess(pid, 'cmdline').join(' ')}`);
}

function readProcess(pid: string, file: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
  } catch {
    // It has ended in the meantime, or belongs to another user.
    return [];
  }
}
