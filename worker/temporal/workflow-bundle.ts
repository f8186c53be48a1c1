/**
 * The workflow code as a worker loads it.
 *
 * Invariant: a bundle is a function of its sources and of this file, so its file is named by their hash: a cached one is never
 * stale, and two processes that make the same one at once write the same bytes. Bundling takes seconds; a
 * worker that finds the file starts without it.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger, type WorkflowBundleOption } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The rooms whose code can be in the bundle. */
const ROOMS = ['workflows', 'contracts', 'expressions'];
const CACHE = join(ROOT, '.sluice', 'cache');

/**
 * How long one activation of a workflow may take by the clock. The SDK's own 5 s are past where a run with
 * hundreds of lanes is worked on by a machine with too much to do, and what follows is not a failed task: to
 * stop the code in the middle aborts the process, with every run that it has in hand. So the end of a task that
 * takes too long is left to the server, which gives it to another worker after 10 s; no definition can make
 * one without end, because expressions and steps of one task are bounded (contracts/limits.ts).
 */
export const ISOLATE_OPTIONS = { isolateExecutionTimeout: '5 minutes' } as const;

/** What a bundle is made of. */
export const WORKFLOW_SOURCES = {
  workflowsPath: join(ROOT, 'workflows', 'index.ts'),
  workflowInterceptorModules: [join(ROOT, 'workflows', 'interceptors.ts')],
  payloadConverterPath: join(ROOT, 'workflows', 'payload-converter.ts'),
  preloadModules: [join(ROOT, 'workflows', 'preload.ts')],
};

let loaded: Promise<WorkflowBundleOption> | undefined;

/**
 * The bundle of all workflows, made once for each state of the sources.
 * @param logger gets what the bundler says; default: nothing but errors, which are thrown anyway
 */
export function loadWorkflowBundle(logger: Logger = SILENT): Promise<WorkflowBundleOption> {
  loaded ??= load(logger).catch((error: unknown) => {
    loaded = undefined;
    throw error;
  });
  return loaded;
}

async function load(logger: Logger): Promise<WorkflowBundleOption> {
  const codePath = join(CACHE, `workflows-${await hashOfSources()}.js`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({ ...WORKFLOW_SOURCES, logger });
  try {
    await mkdir(CACHE, { recursive: true });
    const unfinished = `${codePath}.${process.pid}`;
    await writeFile(unfinished, code);
    await rename(unfinished, codePath);
    return { codePath };
  } catch (error) {
    // In a container the sources may lie on a read-only disk; then every start bundles anew.
    logger.warn('The workflow bundle could not be kept', { error });
    return { code };
  }
}

async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const sdk = createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string };
  hash.update(`${sdk.version}\n`).update(await readFile(fileURLToPath(import.meta.url)));
  for (const room of ROOMS) {
    const files = await readdir(join(ROOT, room), { recursive: true });
    for (const file of files.filter((name) => /\.[cm]?[jt]s$/.test(name)).sort()) {
      const content = await readFile(join(ROOT, room, file));
      hash.update(`${room}/${file} ${content.length}\n`).update(content);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

const SILENT: Logger = {
  log: () => undefined,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
