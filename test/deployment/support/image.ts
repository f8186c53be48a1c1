/**
 * The content of the Dockerfile's image on disk, without Docker: the same files at the same places, and
 * the packages that remain after those for development are pruned.
 *
 * Invariant: there is nothing else. A file or a package that a process needs and that the image lacks is
 * missing here, too.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DockerfileParser, type Copy, type Instruction } from 'dockerfile-ast';
import { loadWorkflowBundle } from '../../../worker/temporal/workflow-bundle.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export const dockerfile = DockerfileParser.parse(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));

/** Instructions after the last FROM: those of the stage that becomes the image. */
export function finalStage(): readonly Instruction[] {
  const all = dockerfile.getInstructions();
  const last = all.findLastIndex((instruction) => instruction.getInstruction() === 'FROM');
  return all.slice(last + 1);
}

/** Words of an instruction that is written as JSON. */
export function jsonWords(keyword: string): string[] {
  const found = finalStage().find((instruction) => instruction.getInstruction() === keyword);
  return JSON.parse(found?.getArgumentsContent() ?? '[]') as string[];
}

export interface Image {
  /** Where `/app` is. */
  readonly app: string;
  /** Variables that the image sets. */
  readonly env: Readonly<Record<string, string>>;
  remove(): void;
}

/** Makes one. */
export async function makeImage(): Promise<Image> {
  // What the first stage makes: the bundle; the derived engine is there because tests can't run without it.
  await loadWorkflowBundle();
  const directory = mkdtempSync(join(tmpdir(), 'sluice-image-'));
  chmodSync(directory, 0o755);
  const app = join(directory, 'app');
  mkdirSync(app);
  for (const copy of dockerfile.getCOPYs()) {
    if (copy.getFromFlag() === null || !finalStage().some((one) => one.toString() === copy.toString())) {
      continue;
    }
    copyInto(app, copy);
  }
  const env = finalStage()
    .filter((instruction) => instruction.getInstruction() === 'ENV')
    .map((instruction) => (instruction.getArgumentsContent() ?? '').split('=') as [string, string]);
  return {
    app,
    env: Object.fromEntries(env),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function copyInto(app: string, copy: Copy): void {
  const words = copy.getArguments().map((argument) => argument.getValue());
  const to = words.at(-1) ?? '';
  for (const from of words.slice(0, -1)) {
    const name = from.replace(/^\/app\//, '');
    const target = to.endsWith('/') ? join(app, to, name) : join(app, to);
    if (name === 'node_modules') copyPackages(target);
    else if (!existsSync(join(ROOT, name))) throw new Error(`COPY ${from}: there is no ${name}`);
    else cpSync(join(ROOT, name), target, { recursive: true });
  }
}

/** As `npm prune --omit=dev` leaves them, by links: the copy shares the files. */
function copyPackages(target: string): void {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { readonly dev?: boolean }>;
  };
  const kept = Object.entries(packages)
    .filter(
      ([path, { dev }]) => path.startsWith('node_modules/') && dev !== true && existsSync(join(ROOT, path)),
    )
    .map(([path]) => path.slice('node_modules/'.length));
  // A package in a package comes with it.
  for (const path of kept.filter((name) => !name.includes('/node_modules/'))) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    execFileSync('cp', ['-al', join(ROOT, 'node_modules', path), join(target, path)]);
  }
}
