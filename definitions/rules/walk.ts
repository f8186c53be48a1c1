/**
 * Walks the steps of a document that may be wrong anywhere.
 *
 * Invariant: the walk enters every block that the author may have meant, even in a step of an unknown type,
 * so that one mistake hides no other; paths and blocks are named as in `contracts/definition/paths.ts`.
 */
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { STEP_TYPES, type StepType } from '../../contracts/definition/index.js';
import { nearNames } from '../../contracts/near.js';
import type { DocumentPath } from '../source/source.js';

/** A step in the document, with its surroundings. */
export interface FoundStep {
  readonly value: Json;
  /** Keys from the root of the document. */
  readonly path: DocumentPath;
  readonly stepPath: string;
  /** Its type, or the similar one that its author probably meant; undefined if no type is similar. */
  readonly type: StepType | undefined;
  readonly inLoop: boolean;
  readonly inCatch: boolean;
}

const BLOCKS: Readonly<Partial<Record<StepType, readonly string[]>>> = {
  'control.if': ['then', 'else'],
  'control.switch': ['cases', 'default'],
  'control.forEach': ['body'],
  'control.while': ['body'],
  'control.parallel': ['branches'],
  'control.race': ['branches'],
  'control.tryCatch': ['try', 'catch', 'finally'],
  'control.saga': ['steps'],
};
const ALL_BLOCKS = [...new Set(Object.values(BLOCKS).flat())];

/** A list of steps inside a step. */
interface FoundBlock {
  readonly steps: readonly Json[];
  readonly path: DocumentPath;
  readonly stepPath: string;
  readonly key: string;
}

/** The step type with this name or a similar one. */
export function meantType(type: Json | undefined): StepType | undefined {
  if (typeof type !== 'string') return undefined;
  const name = STEP_TYPES.find((candidate) => candidate === type) ?? nearNames(type, STEP_TYPES, 1)[0];
  return STEP_TYPES.find((candidate) => candidate === name);
}

/** Every step in the order of the document; an outer step comes before its inner ones. */
export function* findSteps(document: Json): Generator<FoundStep> {
  const steps = isJsonObject(document) ? document['steps'] : undefined;
  if (!Array.isArray(steps)) return;
  const root = { steps: steps as readonly Json[], path: ['steps'], stepPath: 'steps', key: 'steps' };
  yield* inBlock(root, { inLoop: false, inCatch: false });
}

function* inBlock(
  block: FoundBlock,
  around: { readonly inLoop: boolean; readonly inCatch: boolean },
): Generator<FoundStep> {
  for (const [index, value] of block.steps.entries()) {
    const type = isJsonObject(value) ? meantType(value['type']) : undefined;
    const path = [...block.path, index];
    const stepPath = `${block.stepPath}[${index}]`;
    yield { value, path, stepPath, type, ...around };
    if (!isJsonObject(value)) continue;
    for (const inner of blocksOf(value, type, path, stepPath)) {
      yield* inBlock(inner, {
        inLoop: around.inLoop || inner.key === 'body',
        inCatch: around.inCatch || inner.key === 'catch',
      });
    }
  }
}

function* blocksOf(
  step: JsonObject,
  type: StepType | undefined,
  path: DocumentPath,
  stepPath: string,
): Generator<FoundBlock> {
  const keys = type === undefined ? ALL_BLOCKS : (BLOCKS[type] ?? []);
  for (const key of keys) {
    const value = step[key];
    if (key === 'cases' && Array.isArray(value)) {
      for (const [i, branch] of (value as readonly Json[]).entries()) {
        const steps = isJsonObject(branch) ? branch['steps'] : undefined;
        if (Array.isArray(steps)) {
          yield { steps, path: [...path, key, i, 'steps'], stepPath: `${stepPath}.cases[${i}]`, key };
        }
      }
    } else if (key === 'branches' && isJsonObject(value)) {
      for (const [name, steps] of Object.entries(value)) {
        if (Array.isArray(steps)) {
          yield { steps, path: [...path, key, name], stepPath: `${stepPath}.branches.${name}`, key };
        }
      }
    } else if (key !== 'branches' && Array.isArray(value)) {
      yield { steps: value, path: [...path, key], stepPath: `${stepPath}.${key}`, key };
    }
  }
}

/**
 * Path of the step that a part of the document is in: `steps[0].cases[1][2]` for
 * `steps`, 0, `cases`, 1, `steps`, 2, `id`; null outside the steps.
 */
export function stepPathOf(path: DocumentPath): string | null {
  let found: string | null = null;
  let at = 0;
  let block = '';
  for (;;) {
    const [key, next, after] = [path[at], path[at + 1], path[at + 2]];
    if (typeof key !== 'string' || (at === 0 ? key !== 'steps' : !ALL_BLOCKS.includes(key))) return found;
    if (key === 'cases' && typeof next === 'number' && after === 'steps') {
      [block, at] = [`${block}.cases[${next}]`, at + 3];
    } else if (key === 'branches' && typeof next === 'string') {
      [block, at] = [`${block}.branches.${next}`, at + 2];
    } else {
      [block, at] = [at === 0 ? key : `${block}.${key}`, at + 1];
    }
    const index = path[at];
    if (typeof index !== 'number') return found;
    found = block = `${block}[${index}]`;
    at++;
  }
}

/** The step with empty blocks: their steps are checked separately. */
export function withoutBlocks(step: JsonObject, type: StepType | undefined): JsonObject {
  const keys = type === undefined ? ALL_BLOCKS : (BLOCKS[type] ?? []);
  const flat: Record<string, Json> = { ...step };
  for (const key of keys) {
    const value = step[key];
    if (Array.isArray(value)) {
      flat[key] = key === 'cases' ? (value as readonly Json[]).map(withoutSteps) : [];
    } else if (key === 'branches' && isJsonObject(value)) {
      flat[key] = Object.fromEntries(
        Object.entries(value).map(([name, steps]) => [name, Array.isArray(steps) ? [] : steps]),
      );
    }
  }
  return flat;
}

function withoutSteps(branch: Json): Json {
  return isJsonObject(branch) && Array.isArray(branch['steps']) ? { ...branch, steps: [] } : branch;
}
