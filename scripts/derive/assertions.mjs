/** Checks that the derived engine must pass, independent of the edits. */
import { isFunctionNode, walk } from './tree.mjs';

/** The globals that the engine may use. */
export const GLOBALS = [
  'Array',
  'Date',
  'JSON',
  'Math',
  'Number',
  'Object',
  'Set',
  'String',
  'Symbol',
  'decodeURI',
  'decodeURIComponent',
  'encodeURI',
  'encodeURIComponent',
  'isFinite',
  'isNaN',
  'parseFloat',
  'parseInt',
];

const FORBIDDEN = new Set([
  'Promise',
  'isPromise',
  'global',
  'globalThis',
  'window',
  'process',
  'require',
  'module',
  'setTimeout',
  'Function',
  'eval',
  'Error',
  'RegExp',
  'Buffer',
  'Intl',
]);

export function assertDerived(modules, report) {
  const fail = (what) => {
    throw new Error(`deriving the engine: ${what} is left`);
  };
  let functions = 0;
  for (const module of modules)
    walk(module, (node, parents) => {
      if (isFunctionNode(node)) {
        functions++;
        if (node.async) fail('an async function');
        if (node.generator) fail('a generator');
      }
      if (node.type === 'AwaitExpression') fail('an await');
      if (node.type === 'Property' && node.key.name === 'stack') fail('a stack trace');
      if (node.type === 'NewExpression' && node.callee.name === 'Date' && node.arguments.length === 0)
        fail('a reading of the clock');
      const parent = parents.at(-1);
      const isName =
        (parent?.type === 'MemberExpression' && !parent.computed && parent.property === node) ||
        (parent?.type === 'Property' && parent.key === node && !parent.shorthand);
      if (node.type === 'Identifier' && !isName && FORBIDDEN.has(node.name)) fail(`the name ${node.name}`);
    });
  if (functions === 0) fail('nothing');
  report.functions = functions;
}
