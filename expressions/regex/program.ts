/** Compiles a regular expression to instructions for the backtracking matcher. */
import { EngineError } from '../budget/engine-error.js';
import { MAX_REGEX } from '../budget/limits.js';
import type { RegexNode, RegexTree } from './syntax.js';

export type Instruction =
  | { readonly op: 'char'; readonly test: (unit: number) => boolean }
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'clear'; readonly from: number; readonly to: number }
  | { readonly op: 'progress'; readonly slot: number }
  | {
      readonly op: 'look';
      readonly negative: boolean;
      readonly clear: readonly [number, number];
      end: number;
    }
  | { readonly op: 'back'; readonly index: number }
  | { readonly op: 'assert'; readonly what: '^' | '$' | 'b' | 'B' }
  | { readonly op: 'match' };

export interface Program {
  readonly code: readonly Instruction[];
  /** Slots of captures (two for each group) and, after them, of loops. */
  readonly slots: number;
  readonly groups: number;
  /** Upper bound of the native engine's work for a text of this length; infinite if unknown. */
  nativeCost(length: number): number;
}

export function compileRegex(tree: RegexTree): Program {
  const code: Instruction[] = [];
  let slots = tree.groups * 2;
  const emit = <T extends Instruction>(instruction: T): T => {
    if (code.length >= MAX_REGEX) throw tooLarge();
    code.push(instruction);
    return instruction;
  };
  const clear = ([from, to]: readonly [number, number]) => {
    if (to > from) emit({ op: 'clear', from: from * 2, to: to * 2 });
  };

  const optionalTurn = (
    node: RegexNode & { kind: 'repeat' },
    again: boolean,
  ): { split: Instruction & { op: 'split' } } => {
    const start = code.length;
    const split = emit({ op: 'split', first: start + 1, second: start + 1 });
    const slot = slots++;
    emit({ op: 'save', slot });
    clear(node.groups);
    write(node.body);
    // ECMA-262: an optional iteration that consumes nothing fails.
    emit({ op: 'progress', slot });
    if (again) emit({ op: 'jump', to: start });
    return { split };
  };
  const leave = (split: Instruction & { op: 'split' }, greedy: boolean) => {
    if (greedy) {
      split.second = code.length;
    } else {
      split.second = split.first;
      split.first = code.length;
    }
  };

  const write = (node: RegexNode): void => {
    switch (node.kind) {
      case 'char':
        emit({ op: 'char', test: node.test });
        return;
      case 'sequence':
        for (const item of node.items) write(item);
        return;
      case 'choice': {
        const jumps: { to: number }[] = [];
        node.options.forEach((option, i) => {
          if (i === node.options.length - 1) return write(option);
          const split = emit({ op: 'split', first: code.length + 1, second: 0 });
          write(option);
          jumps.push(emit({ op: 'jump', to: 0 }));
          split.second = code.length;
        });
        for (const jump of jumps) jump.to = code.length;
        return;
      }
      case 'group':
        emit({ op: 'save', slot: node.index * 2 });
        write(node.body);
        emit({ op: 'save', slot: node.index * 2 + 1 });
        return;
      case 'repeat': {
        if (node.min > MAX_REGEX) throw tooLarge();
        for (let i = 0; i < node.min; i++) {
          clear(node.groups);
          write(node.body);
          if (i > code.length) break; // the body is empty
        }
        if (node.max === Infinity) {
          leave(optionalTurn(node, true).split, node.greedy);
          return;
        }
        if (node.max - node.min > MAX_REGEX) throw tooLarge();
        const splits = [];
        for (let i = node.min; i < node.max; i++) splits.push(optionalTurn(node, false).split);
        for (const split of splits) leave(split, node.greedy);
        return;
      }
      case 'look': {
        const look = emit({ op: 'look', negative: node.negative, clear: node.groups, end: 0 });
        write(node.body);
        emit({ op: 'match' });
        look.end = code.length;
        return;
      }
      case 'back':
        emit({ op: 'back', index: node.index });
        return;
      case 'assert':
        emit({ op: 'assert', what: node.what });
        return;
    }
  };
  write(tree.root);
  emit({ op: 'match' });
  const choices = ambiguity(tree.root);
  return {
    code,
    slots,
    groups: tree.groups,
    nativeCost: (length) => (length + 1) ** (choices.loops + 1) * choices.ways * code.length,
  };
}

/** In how many ways a pattern can match the same text: loops over one character, and finite choices. */
function ambiguity(node: RegexNode): { loops: number; ways: number } {
  switch (node.kind) {
    case 'char':
    case 'assert':
      return { loops: 0, ways: 1 };
    case 'group':
      return ambiguity(node.body);
    case 'sequence':
      return node.items
        .map(ambiguity)
        .reduce((a, b) => ({ loops: a.loops + b.loops, ways: a.ways * b.ways }), { loops: 0, ways: 1 });
    case 'choice': {
      const options = node.options.map(ambiguity);
      return {
        loops: options.reduce((most, option) => Math.max(most, option.loops), 0),
        ways: options.reduce((sum, option) => sum + option.ways, 0),
      };
    }
    case 'repeat': {
      if (node.max === 1) {
        const body = ambiguity(node.body);
        return { loops: body.loops, ways: body.ways + 1 };
      }
      if (node.body.kind !== 'char') return { loops: 0, ways: Infinity };
      return node.max === Infinity ? { loops: 1, ways: 1 } : { loops: 0, ways: node.max - node.min + 1 };
    }
    case 'look':
    case 'back':
      return { loops: 0, ways: Infinity };
  }
}

const tooLarge = () =>
  new EngineError(
    'regex',
    `the regular expression is larger than ${MAX_REGEX} instructions when its repetitions are written out`,
  );
