/**
 * Edits that prevent an expression from changing its input or the engine, and the engine from keeping state
 * between evaluations. Each has a test in test/expressions/.
 */
import { dotted, expectCount, expression, functionNamed, rewrite, statements } from './tree.mjs';

/** Flags that JSONata stores as properties. As symbols, no input can forge them. */
export const FLAGS = ['_jsonata_lambda', '_jsonata_function', 'tupleStream', 'outerWrapper', 'keepSingleton'];

export function closeHoles(modules, report) {
  const byName = Object.fromEntries(modules.map((module) => [module.name, module]));
  const edit = (name, expected, root, change) => {
    let count = 0;
    rewrite(root, (node, parents) => {
      const result = change(node, parents);
      if (result !== undefined) count++;
      return result;
    });
    expectCount(report, name, count, expected);
  };
  const { $utils, $functions, $evaluator, $parser } = byName;

  for (const flag of FLAGS) {
    let count = 0;
    for (const module of modules)
      rewrite(module, (node) => {
        if (node.type === 'MemberExpression' && !node.computed && node.property.name === flag) {
          count++;
          return { ...node, computed: true, property: expression(`$${flag}`) };
        }
        if (node.type === 'Property' && !node.computed && node.key.name === flag) {
          count++;
          return { ...node, computed: true, key: expression(`$${flag}`) };
        }
        return undefined;
      });
    if (count === 0) expectCount(report, `flag ${flag}`, 0, 1);
    report[`flag ${flag}`] = count;
  }

  // Stack traces cost a microsecond each and differ between machines.
  for (const module of modules)
    rewrite(module, (node) => {
      if (node.type === 'Property' && node.key.name === 'stack') return null;
      if (node.type === 'ExpressionStatement' && dotted(node.expression.left ?? node) === 'err.stack')
        return null;
      return undefined;
    });

  // The last function that an expression calls would leave its name and position in the shared definition.
  edit('no marks on functions', 1, functionNamed($evaluator, 'evaluateFunction'), (node) =>
    node.type === 'IfStatement' &&
    node.test.operator === '===' &&
    node.test.left.argument?.name === 'proc' &&
    node.test.right.value === 'object'
      ? { ...node, test: expression('isLambda(proc)') }
      : undefined,
  );
  edit('no marks on tail calls', 2, functionNamed($evaluator, 'apply'), (node) =>
    node.type === 'ExpressionStatement' &&
    ['next.token', 'next.position'].includes(dotted(node.expression.left ?? node))
      ? { type: 'IfStatement', test: expression('isLambda(next)'), consequent: node, alternate: null }
      : undefined,
  );
  edit('frozen definitions', 1, functionNamed($evaluator, 'defineFunction'), (node) =>
    node.type === 'ReturnStatement' ? statements('return $.freeze(definition);')[0] : undefined,
  );
  edit('no keys of functions', 1, functionNamed($utils, 'keys'), (node) =>
    node.type === 'ConditionalExpression'
      ? { ...node, test: expression('typeof arg === "object" && arg !== null && !isFunction(arg)') }
      : undefined,
  );
  edit('no spread of functions', 1, functionNamed($functions, 'spread'), (node) =>
    node.type === 'CallExpression' && node.callee.name === 'isLambda'
      ? expression('isFunction(arg)')
      : undefined,
  );

  // `and` and `or` would set their name and position on an error from inside their operands.
  edit('place of errors', 2, functionNamed($evaluator, 'evaluateBinary'), (node, parents) =>
    node.type === 'ExpressionStatement' &&
    ['err.position', 'err.token'].includes(dotted(node.expression.left ?? node)) &&
    parents.some((parent) => parent.type === 'IfStatement')
      ? {
          type: 'IfStatement',
          test: expression(`typeof ${dotted(node.expression.left)} === 'undefined'`),
          consequent: node,
          alternate: null,
        }
      : undefined,
  );

  // Two places write to an array that may belong to the input.
  edit('own array of a singleton', 1, functionNamed($evaluator, 'evaluatePath'), (node) =>
    node.type === 'ExpressionStatement' && node.expression.left?.object?.name === 'resultSequence'
      ? {
          type: 'IfStatement',
          test: expression('isSequence(resultSequence)'),
          consequent: node,
          alternate: null,
        }
      : undefined,
  );
  edit('own array of a group', 1, functionNamed($evaluator, 'evaluateGroupExpression'), (node) =>
    node.type === 'CallExpression' && dotted(node.callee) === 'input.push'
      ? expression('input = focus.createSequence(undefined)')
      : undefined,
  );
  edit('guarded update', 1, functionNamed($evaluator, 'transformer'), (node) =>
    node.type === 'AssignmentExpression' && node.left.object?.name === 'match'
      ? expression('$.set(match, prop, update[prop], isFunction)')
      : undefined,
  );

  // A key that is built out of nothing must be noticed: JSONata takes an undefined operand of `&` for an
  // empty text, and leaves an undefined item out of a list. Null is the text `null`.
  functionNamed($evaluator, 'evaluateStringConcat').body.body.unshift(
    ...statements(
      "if (typeof lhs === 'undefined' || typeof rhs === 'undefined') $.undefinedOperand = true; if (lhs === null || rhs === null) $.nullOperand = true;",
    ),
  );
  edit('undefined items', 1, functionNamed($evaluator, 'evaluateUnary'), (node) =>
    node.type === 'IfStatement' &&
    node.test.operator === '!==' &&
    node.test.left.argument?.name === 'value' &&
    node.test.right.value === 'undefined'
      ? {
          ...node,
          consequent: {
            ...node.consequent,
            body: [...statements('if (value === null) $.nullOperand = true;'), ...node.consequent.body],
          },
          alternate: statements('$.undefinedOperand = true;')[0],
        }
      : undefined,
  );

  // The sandbox has no Buffer.
  for (const name of ['base64encode', 'base64decode'])
    functionNamed($functions, name).body.body = statements(
      `if (typeof str === 'undefined') return undefined; return $.${name}(str);`,
    );

  // expressions/engine/engine.ts starts evaluations; callbacks for other tools would cost a look-up per step.
  edit('entry point', 1, $evaluator, (node) =>
    node.type === 'FunctionDeclaration' && node.id.name === 'jsonata' ? null : undefined,
  );
  edit('parser property', 1, $evaluator, (node) =>
    node.type === 'ExpressionStatement' && dotted(node.expression.left ?? node) === 'jsonata.parser'
      ? null
      : undefined,
  );
  edit('exports', 1, $evaluator, (node, parents) =>
    node.type === 'ReturnStatement' && node.argument?.name === 'jsonata' && parents.length > 1
      ? statements(
          'return { parser, evaluate, createFrame, staticFrame, defineFunction, populateMessage, datetime };',
        )[0]
      : undefined,
  );
  edit('callbacks', 6, $evaluator, (node) => {
    const name =
      node.type === 'VariableDeclaration'
        ? node.declarations[0].id.name
        : node.type === 'IfStatement'
          ? node.test.name
          : '';
    return ['entryCallback', 'exitCallback', 'framePushCallback'].includes(name) ? null : undefined;
  });
  edit('guard rails', 1, functionNamed($evaluator, 'evaluate'), (node) =>
    node.type === 'ExpressionStatement' &&
    dotted(node.expression.callee ?? node) === 'environment.base.guardrails'
      ? null
      : undefined,
  );

  addDialect($parser, edit, report);
}

/** Sluice's `==`, bare helper calls and token starts; off for the bare engine. */
function addDialect($parser, edit, report) {
  const next = functionNamed($parser, 'next');
  const position = next.body.body.findIndex(
    (s) =>
      s.type === 'IfStatement' && s.test.type === 'LogicalExpression' && s.test.left.left?.name === 'prefix',
  );
  expectCount(report, 'place of tokens', position > 0 ? 1 : 0, 1);
  next.body.body.splice(
    position + 1,
    0,
    ...statements(
      "if ($.dialect && currentChar === '=' && path.charAt(position + 1) === '=') { position += 2; return create('operator', '='); }",
    ),
  );
  next.body.body.splice(position, 0, ...statements('tokenStart = position;'));
  functionNamed($parser, 'tokenizer').body.body.unshift(...statements('var tokenStart = 0;'));
  functionNamed($parser, 'create').body.body.unshift(...statements('$.token(tokenStart, position);'));
  edit('comments', 1, next, (node) =>
    node.type === 'ReturnStatement' && node.argument?.callee?.name === 'next'
      ? [...statements('$.enter();'), node]
      : undefined,
  );
  edit('bare calls', 1, $parser, (node) =>
    node.type === 'ExpressionStatement' && dotted(node.expression.left ?? node) === 'this.procedure'
      ? [node, ...statements('if ($.dialect) $.bareCall(left, source);')]
      : undefined,
  );
}
