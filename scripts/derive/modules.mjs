/** Splits the published bundle into its modules. */
import { parse } from 'acorn';
import { expression, isFunctionNode, rewrite, walk } from './tree.mjs';

const NAMES = {
  './utils': '$utils',
  './signature': '$signature',
  './parser': '$parser',
  './functions': '$functions',
  './datetime': '$datetime',
};

/** The modules as `{name, type, body}`; each needs only earlier ones. */
export function readModules(source) {
  const tree = parse(source, { ecmaVersion: 2022 });
  let table;
  walk(tree, (node) => {
    if (
      node.type === 'ObjectExpression' &&
      node.properties.length > 1 &&
      node.properties.every(
        (p) => p.value?.type === 'ArrayExpression' && isFunctionNode(p.value.elements[0] ?? { type: '' }),
      )
    )
      table = node;
  });
  if (!table) throw new Error('deriving the engine: the bundle has no table of modules');
  const byId = new Map();
  for (const property of table.properties) {
    const [factory, dependencies] = property.value.elements;
    byId.set(property.key.value, {
      factory,
      dependencies: dependencies.properties.map((p) => ({ name: p.key.value, id: p.value.value })),
    });
  }
  const nameOf = new Map();
  for (const { dependencies } of byId.values())
    for (const { name, id } of dependencies) {
      if (!NAMES[name]) throw new Error(`deriving the engine: unknown module ${name}`);
      nameOf.set(id, NAMES[name]);
    }
  const roots = [...byId.keys()].filter((id) => !nameOf.has(id));
  if (roots.length !== 1) throw new Error(`deriving the engine: ${roots.length} entry modules`);
  nameOf.set(roots[0], '$evaluator');

  const ordered = [];
  const place = (id) => {
    const name = nameOf.get(id);
    if (ordered.some((module) => module.name === name)) return;
    for (const dependency of byId.get(id).dependencies) place(dependency.id);
    ordered.push({ type: 'Program', name, body: linked(byId.get(id).factory.body.body) });
  };
  place(roots[0]);
  return ordered;
}

/** The body of a module, with `require` resolved to names and `module.exports` to a return. */
function linked(body) {
  let statements = body;
  // The bundler wraps a module that uses `global` into calls of function expressions.
  while (
    statements.length === 1 &&
    statements[0].type === 'ExpressionStatement' &&
    statements[0].expression.type === 'CallExpression' &&
    statements[0].expression.callee.type === 'MemberExpression' &&
    isFunctionNode(statements[0].expression.callee.object)
  )
    statements = statements[0].expression.callee.object.body.body;
  const module = { type: 'Program', body: statements };
  rewrite(module, (node) => {
    if (node.type === 'CallExpression' && node.callee.name === 'require')
      return expression(NAMES[node.arguments[0].value]);
    if (
      node.type === 'ExpressionStatement' &&
      node.expression.type === 'AssignmentExpression' &&
      node.expression.left.object?.name === 'module'
    )
      return { type: 'ReturnStatement', argument: node.expression.right };
    return undefined;
  });
  return module.body;
}
