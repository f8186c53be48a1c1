/**
 * The workflow code as a worker loads it.
 *
 * Invariant: a bundle is a function of its sources and of this file, and its file is named by their hash. So
 * a cached bundle is never stale, and two processes that build it concurrently write the same bytes. Bundling
 * takes seconds; a worker that finds the file skips it.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { bundleWorkflowCode, type Logger, type WorkflowBundleOption } from '@temporalio/worker';
import { FAILURE_CONVERTER_PATH } from '../../encryption/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The rooms whose code can be in the bundle. */
const ROOMS = ['workflows', 'contracts', 'expressions'];
const CACHE = join(ROOT, '.sluice', 'cache');
/** Hexadecimal digits of the sources' hash in a file name. */
const HASH_DIGITS = 16;

/**
 * Time limit of one activation of a workflow. The SDK's default of 5 s is too short for a run with hundreds
 * of lanes on an overloaded machine, and exceeding it does not fail the task: stopping the code in the middle
 * aborts the process, with every run that it holds. So a task that takes too long is left to the server,
 * which gives it to another worker after 10 s. No definition can make an endless task: the expressions and
 * steps of one task are bounded (contracts/limits.ts).
 */
export const ISOLATE_OPTIONS = { isolateExecutionTimeout: '5 minutes' } as const;

/** The sources of a bundle. */
export const WORKFLOW_SOURCES = {
  workflowsPath: join(ROOT, 'workflows', 'index.ts'),
  workflowInterceptorModules: [join(ROOT, 'workflows', 'interceptors.ts')],
  payloadConverterPath: join(ROOT, 'workflows', 'payload-converter.ts'),
  preloadModules: [join(ROOT, 'workflows', 'preload.ts')],
};

/**
 * What a bundle does with the messages of failures: `plain`, or `encoded` for a worker with a key ring, which
 * encrypts them (encryption/failure-converter.cjs).
 */
export type FailureMessages = 'plain' | 'encoded';

/** What a data converter does with them. */
export function failureMessagesOf(converter: DataConverter | undefined): FailureMessages {
  return converter?.failureConverterPath === undefined ? 'plain' : 'encoded';
}

const loaded = new Map<FailureMessages, Promise<WorkflowBundleOption>>();

/**
 * The bundle of all workflows, built once for each state of the sources.
 * @param failures what becomes of the messages of failures
 * @param logger gets the bundler's messages; default: none, because errors are thrown anyway
 */
export function loadWorkflowBundle(
  failures: FailureMessages = 'plain',
  logger: Logger = SILENT,
): Promise<WorkflowBundleOption> {
  const before = loaded.get(failures);
  if (before !== undefined) return before;
  const loading = load(failures, logger).catch((error: unknown) => {
    loaded.delete(failures);
    throw error;
  });
  loaded.set(failures, loading);
  return loading;
}

async function load(failures: FailureMessages, logger: Logger): Promise<WorkflowBundleOption> {
  const variant = failures === 'plain' ? '' : '-encoded';
  const codePath = join(CACHE, `workflows-${await hashOfSources()}${variant}.js`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({
    ...WORKFLOW_SOURCES,
    ...(failures === 'encoded' && { failureConverterPath: FAILURE_CONVERTER_PATH }),
    logger,
  });
  try {
    await mkdir(CACHE, { recursive: true });
    const unfinished = `${codePath}.${process.pid}`;
    await writeFile(unfinished, code);
    await rename(unfinished, codePath);
    return { codePath };
  } catch (error) {
    // In a container the sources may be on a read-only disk; then every start bundles again.
    logger.warn('The workflow bundle could not be cached', { error });
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
  return hash.digest('hex').slice(0, HASH_DIGITS);
}

const SILENT: Logger = {
  log: () => undefined,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
