/**
 * Loads `sluice.config.ts` and the actions of the modules that it names.
 *
 * Invariant: without a file nothing is added; a file that exists is loaded completely, or the start stops
 * with CONFIG_INVALID and the file's name. An action never goes missing silently: a module without actions is
 * an error.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { register } from 'tsx/esm/api';
import { isAction } from '../../actions/index.js';
import type { ActionDefinition } from '../../contracts/run/action.js';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import { ProjectConfig } from './define-config.js';

const FILES = ['sluice.config.ts', 'sluice.config.js', 'sluice.config.mjs'];

export interface Project {
  /** Path of the configuration file; undefined: the project does not have one. */
  readonly file: string | undefined;
  readonly actions: readonly ActionDefinition[];
  readonly allowHosts: readonly string[];
}

/**
 * Loads the project in a directory.
 * @throws SluiceError CONFIG_INVALID
 */
export async function loadProject(directory: string): Promise<Project> {
  const file = FILES.map((name) => join(directory, name)).find((path) => existsSync(path));
  if (file === undefined) return { file, actions: [], allowHosts: [] };
  const parsed = ProjectConfig.safeParse((await load(file, file))['default']);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? `the default export: ${message}` : `${path.join('.')}: ${message}`,
    );
    throw invalid(file, problems.join('; '));
  }
  const actions: ActionDefinition[] = [];
  for (const name of parsed.data.actions) {
    actions.push(...(await actionsOf(resolve(dirname(file), name), file)));
  }
  return { file, actions, allowHosts: parsed.data.http.allowHosts };
}

async function actionsOf(path: string, configFile: string): Promise<readonly ActionDefinition[]> {
  const exported = Object.values(await load(path, configFile)).flat();
  // A module may export an action by name and in its list as well.
  const actions = new Set(exported.filter(isAction));
  if (actions.size === 0) {
    throw invalid(configFile, `${path} does not export an action made with defineAction`);
  }
  return [...actions];
}

let typescript = false;

async function load(path: string, configFile: string): Promise<Record<string, unknown>> {
  if (!existsSync(path)) throw invalid(configFile, `${path} does not exist`);
  if (!typescript && path.endsWith('.ts')) {
    register();
    typescript = true;
  }
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw invalid(configFile, `${path} cannot be loaded: ${messageOf(error)}`, error);
  }
}

function invalid(file: string, problem: string, cause?: unknown): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${file}: ${problem}`, cause === undefined ? {} : { cause });
}
