/**
 * Step paths and block paths: `steps[1]` is a step, `steps[1].then` a block (a list of steps).
 *
 * Invariant: `childBlocks` is the one place that knows which blocks a step has and what their paths are;
 * everything else here follows from it.
 */
import { SluiceError } from '../errors.js';
import type { Definition } from './definition.js';
import type { Step } from './steps.js';

/** A list of steps with its path. */
export interface Block {
  readonly path: string;
  readonly steps: readonly Step[];
}

/**
 * The blocks directly inside a step, in document order.
 * @param stepPath path of the step, e.g. `steps[4]`; its case 2 is then `steps[4].cases[2]`
 */
export function childBlocks(step: Step, stepPath: string): readonly Block[] {
  const block = (name: string, steps: readonly Step[] | undefined): readonly Block[] =>
    steps === undefined ? [] : [{ path: `${stepPath}.${name}`, steps }];
  switch (step.type) {
    case 'control.if':
      return [...block('then', step.then), ...block('else', step.else)];
    case 'control.switch':
      return [
        ...step.cases.flatMap(({ steps }, i) => block(`cases[${i}]`, steps)),
        ...block('default', step.default),
      ];
    case 'control.forEach':
    case 'control.while':
      return block('body', step.body);
    case 'control.parallel':
    case 'control.race':
      return Object.entries(step.branches).flatMap(([name, steps]) => block(`branches.${name}`, steps));
    case 'control.tryCatch':
      return [...block('try', step.try), ...block('catch', step.catch), ...block('finally', step.finally)];
    case 'control.saga':
      return block('steps', step.steps);
    default:
      return [];
  }
}

const INDEX = /^\[(\d+)\]/;

/** Follows a path from the root to the block it names, or to the block and index of the step it names. */
function follow(
  definition: Definition,
  path: string,
): { block: Block; index: number | undefined } | undefined {
  let block: Block = { path: 'steps', steps: definition.steps };
  if (!path.startsWith(block.path)) return undefined;
  while (path !== block.path) {
    const index = INDEX.exec(path.slice(block.path.length))?.[1];
    const step = index === undefined ? undefined : block.steps[Number(index)];
    if (index === undefined || step === undefined) return undefined;
    const stepPath = `${block.path}[${index}]`;
    if (path === stepPath) return { block, index: Number(index) };
    const next = childBlocks(step, stepPath).find(
      (child) => path === child.path || path.startsWith(`${child.path}[`),
    );
    if (next === undefined) return undefined;
    block = next;
  }
  return { block, index: undefined };
}

/**
 * The steps of a block.
 * @param blockPath e.g. `steps`, `steps[1].then`, `steps[2].branches.left`, `steps[0].cases[2]`
 * @throws SluiceError STATE_CORRUPT if the definition has no such block
 */
export function blockAt(definition: Definition, blockPath: string): readonly Step[] {
  const found = follow(definition, blockPath);
  if (found === undefined || found.index !== undefined) throw noSuch('block', blockPath, definition);
  return found.block.steps;
}

/**
 * The step at a path.
 * @param stepPath e.g. `steps[1].then[0]`
 * @throws SluiceError STATE_CORRUPT if the definition has no such step
 */
export function stepAt(definition: Definition, stepPath: string): Step {
  const found = follow(definition, stepPath);
  const step = found?.index === undefined ? undefined : found.block.steps[found.index];
  if (step === undefined) throw noSuch('step', stepPath, definition);
  return step;
}

function noSuch(what: string, path: string, definition: Definition): SluiceError {
  return new SluiceError(
    'STATE_CORRUPT',
    `definition ${definition.id} version ${definition.version} has no ${what} at ${path}`,
  );
}

/** Every step of a definition with its path, in document order. */
export function* walkSteps(
  definition: Definition,
): Generator<{ readonly path: string; readonly step: Step }> {
  yield* walkBlock({ path: 'steps', steps: definition.steps });
}

function* walkBlock(block: Block): Generator<{ readonly path: string; readonly step: Step }> {
  for (const [index, step] of block.steps.entries()) {
    const path = `${block.path}[${index}]`;
    yield { path, step };
    for (const child of childBlocks(step, path)) yield* walkBlock(child);
  }
}
