/** Helpers for editing syntax trees. */
import { parse } from 'acorn';

/** Parses statements. `return` is allowed outside functions. */
export const statements = (text) => parse(text, { ecmaVersion: 2022, allowReturnOutsideFunction: true }).body;

/** Parses one expression. */
export const expression = (text) => statements(`(${text})`)[0].expression;

const isNode = (value) => typeof value === 'object' && value !== null && typeof value.type === 'string';

/**
 * Rewrites a tree from the leaves up. `edit(node, parents)` returns a replacement, null to delete an element
 * of a list, a list of nodes to replace it with, or undefined to keep the node.
 */
export function rewrite(root, edit) {
  const visit = (node, parents) => {
    const inner = [...parents, node];
    for (const key of Object.keys(node)) {
      const value = node[key];
      if (Array.isArray(value)) {
        node[key] = value.flatMap((item) => {
          if (!isNode(item)) return [item];
          const result = visit(item, inner);
          return result === null ? [] : result;
        });
      } else if (isNode(value)) {
        const result = visit(value, inner);
        if (result === null) throw new Error(`cannot delete the ${key} of ${node.type}`);
        node[key] = Array.isArray(result) ? { type: 'BlockStatement', body: result } : result;
      }
    }
    const result = edit(node, parents);
    return result === undefined ? node : result;
  };
  visit(root, []);
}

/** Visits every node. */
export function walk(root, see) {
  rewrite(root, (node, parents) => {
    see(node, parents);
    return undefined;
  });
}

export const isFunctionNode = (node) =>
  node.type === 'FunctionDeclaration' ||
  node.type === 'FunctionExpression' ||
  node.type === 'ArrowFunctionExpression';

/** `a.b.c` as text, '' for anything else. */
export function dotted(node) {
  if (node.type === 'Identifier') return node.name;
  if (node.type === 'ThisExpression') return 'this';
  if (node.type === 'MemberExpression' && !node.computed) {
    const object = dotted(node.object);
    return object === '' ? '' : `${object}.${node.property.name}`;
  }
  return '';
}

/** The function with this name in a module, declared or assigned to a variable. Exactly one must exist. */
export function functionNamed(module, name) {
  const found = [];
  walk(module, (node) => {
    if (node.type === 'FunctionDeclaration' && node.id.name === name) found.push(node);
    if (node.type === 'VariableDeclarator' && node.id.name === name && node.init && isFunctionNode(node.init))
      found.push(node.init);
  });
  if (found.length !== 1) throw new Error(`${module.name}: ${found.length} functions named ${name}`);
  return found[0];
}

/** Records how often an edit applied. @throws Error for another count than the expected one */
export function expectCount(report, name, actual, expected) {
  report[name] = (report[name] ?? 0) + actual;

  if (actual !== expected)
    throw new Error(
      `deriving the engine: the edit "${name}" applied ${actual} times, not ${expected}. ` +
        'The installed jsonata reads differently from the one that the edits were written for.',
    );
}
