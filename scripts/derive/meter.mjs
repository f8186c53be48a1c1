/**
 * Edits that meter the engine: they count work and bound depth and sizes, and never use the clock, so that an
 * expression fails at the same place on every machine and in every replay.
 *
 * Each call of an engine function and each iteration of an engine loop costs one unit. Hooks charge built-ins
 * of the language (join, concat, JSON.stringify, …) by size.
 */
import {
  dotted,
  expectCount,
  expression,
  functionNamed,
  isFunctionNode,
  rewrite,
  statements,
} from './tree.mjs';

const charge = () => statements('if (--$.left < 0) $.over();');

/** Functions that recurse by a way other than `evaluate`. */
const RECURSIVE = {
  $utils: ['isDeepEqual'],
  $functions: ['boolean', 'lookup', 'keys', 'spread'],
  $datetime: ['decimalToRoman'],
  $parser: ['expression', 'processAST', 'tailCallOptimize', 'seekParent'],
  $evaluator: ['flatten', 'recurseDescendants', 'applyInner'],
};

export function meterWork(modules, report) {
  const byName = Object.fromEntries(modules.map((module) => [module.name, module]));
  const { $functions, $evaluator, $utils, $parser } = byName;
  replaceQuadratic($functions, $evaluator, report);
  hookBuiltIns(modules, report);
  hookText(byName, report);

  const once = (name, root, expected, change) => {
    let count = 0;
    rewrite(root, (node) => {
      const result = change(node);
      if (result !== undefined) count++;
      return result;
    });
    expectCount(report, name, count, expected);
  };
  once('depth', functionNamed($evaluator, 'evaluate'), 2, (node) => {
    if (
      node.type !== 'ExpressionStatement' ||
      dotted(node.expression.argument ?? node) !== 'environment.base.depth'
    )
      return undefined;
    return statements(node.expression.operator === '++' ? '$.enter();' : '$.depth--;')[0];
  });
  once('calls of built-ins', $evaluator, 2, (node) => {
    if (node.type !== 'CallExpression' || node.arguments[0]?.name !== 'focus') return undefined;
    const callee = dotted(node.callee);
    if (callee === 'proc.implementation.apply')
      return expression('$.call(proc.implementation, focus, validatedArgs)');
    if (callee === 'proc.apply') return expression('$.call(proc, focus, args)');
    return undefined;
  });
  once('copies of parsed text', $parser, 2, (node) =>
    node.type === 'CallExpression' && dotted(node.callee) === 'JSON.parse'
      ? expression('$.copyTree(left)')
      : undefined,
  );
  once('frames', functionNamed($evaluator, 'createFrame'), 1, (node) =>
    node.type === 'ReturnStatement' && node.argument.name === 'newFrame'
      ? [...statements('$.frame(newFrame, enclosingEnvironment);'), node]
      : undefined,
  );
  functionNamed($utils, 'isDeepEqual').body.body.unshift(...statements('$.weigh(lhs);'));
  functionNamed($evaluator, 'evaluateComparisonExpression').body.body.unshift(...statements('$.weigh(lhs);'));

  for (const [name, functions] of Object.entries(RECURSIVE))
    for (const recursive of functions) {
      const node = functionNamed(byName[name], recursive);
      const block = { type: 'BlockStatement', body: node.body.body };
      const finalizer = { type: 'BlockStatement', body: statements('$.depth--;') };
      node.body.body = [
        ...statements('$.enter();'),
        { type: 'TryStatement', block, handler: null, finalizer },
      ];
    }

  let charges = 0;
  for (const module of modules)
    rewrite(module, (node) => {
      if (isFunctionNode(node)) {
        if (node.body.type !== 'BlockStatement') {
          node.body = { type: 'BlockStatement', body: [{ type: 'ReturnStatement', argument: node.body }] };
          node.expression = false;
        }
        const directives = node.body.body.filter((s) => s.directive !== undefined).length;
        node.body.body.splice(directives, 0, ...charge());
        charges++;
      } else if (/^(For|ForIn|ForOf|While|DoWhile)Statement$/.test(node.type)) {
        if (node.body.type !== 'BlockStatement') node.body = { type: 'BlockStatement', body: [node.body] };
        node.body.body.unshift(...charge());
        charges++;
      }
      return undefined;
    });
  report.charges = charges;
}

/** Built-ins of the language whose work or memory depends on a size. */
function hookBuiltIns(modules, report) {
  const counts = { array: 0, regex: 0, method: 0, extreme: 0, match: 0, object: 0 };
  for (const module of modules)
    rewrite(module, (node) => {
      if (node.type === 'NewExpression' && node.callee.name === 'Array') {
        counts.array++;
        return {
          type: 'CallExpression',
          callee: expression('$.array'),
          arguments: node.arguments,
          optional: false,
        };
      }
      if (node.type === 'NewExpression' && node.callee.name === 'RegExp') {
        counts.regex++;
        return { ...node, callee: expression('$.Regex') };
      }
      if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression' || node.callee.computed)
        return undefined;
      const method = node.callee.property.name;
      const hook = (name, first) => ({
        type: 'CallExpression',
        callee: expression(`$.${name}`),
        arguments: [first, ...node.arguments],
        optional: false,
      });
      if (['join', 'concat', 'slice', 'split'].includes(method)) {
        counts.method++;
        return hook(method, node.callee.object);
      }
      const name = dotted(node.callee);
      if (name === 'Math.max.apply' || name === 'Math.min.apply') {
        counts.extreme++;
        return {
          ...hook(name === 'Math.max.apply' ? 'max' : 'min', node.arguments[1]),
          arguments: [node.arguments[1]],
        };
      }
      if (name === 'Object.create' && node.arguments[0].raw === 'null') {
        counts.object++;
        return expression('$.object()');
      }
      if (name === 'badSig.match') {
        counts.match++;
        return hook('match', node.callee.object);
      }
      return undefined;
    });
  expectCount(report, 'new Array', counts.array, 8);
  expectCount(report, 'new RegExp', counts.regex, 5);
  expectCount(report, 'sized methods', counts.method, 62);
  expectCount(report, 'Math.max and Math.min', counts.extreme, 3);
  expectCount(report, 'new objects', counts.object, 17);
  expectCount(report, 'matches of signatures', counts.match, 1);
}

/** Text that grows piece by piece, and text built from values. */
function hookText({ $functions, $datetime, $evaluator }, report) {
  let grown = 0;
  for (const root of [functionNamed($functions, 'replace'), functionNamed($datetime, 'formatDateTime')])
    rewrite(root, (node) => {
      if (
        node.type !== 'AssignmentExpression' ||
        node.operator !== '+=' ||
        !['result', 'substitute'].includes(node.left.name)
      )
        return undefined;
      grown++;
      const sum = { type: 'BinaryExpression', operator: '+', left: node.left, right: node.right };
      return {
        ...node,
        operator: '=',
        right: { type: 'CallExpression', callee: expression('$.text'), arguments: [sum], optional: false },
      };
    });
  expectCount(report, 'growing text', grown, 14);
  let written = 0;
  rewrite(functionNamed($functions, 'string'), (node) => {
    if (node.type !== 'CallExpression' || dotted(node.callee) !== 'JSON.stringify') return undefined;
    written++;
    node.arguments[0] = expression('$.measure(arg)');
    return { type: 'CallExpression', callee: expression('$.text'), arguments: [node], optional: false };
  });
  expectCount(report, 'written values', written, 1);
  let compared = 0;
  rewrite(functionNamed($evaluator, 'comparator'), (node) => {
    if (node.type !== 'VariableDeclarator' || !['aa', 'bb'].includes(node.id.name)) return undefined;
    compared++;
    return {
      ...node,
      init: {
        type: 'CallExpression',
        callee: expression('$.weigh'),
        arguments: [node.init],
        optional: false,
      },
    };
  });
  expectCount(report, 'compared text', compared, 2);
}

/** Algorithms that copy or recurse once for each element; each replacement gives the same result. */
function replaceQuadratic($functions, $evaluator, report) {
  functionNamed($functions, 'merge_iter'); // the merge sort is still the one that these lines replace
  functionNamed($functions, 'sort');
  let replaced = 0;
  rewrite(functionNamed($functions, 'sort'), (node) => {
    if (node.type !== 'VariableDeclarator' || node.id.name !== 'merge') return undefined;
    replaced++;
    return {
      ...node,
      init: expression(`function (l, r) {
        var merged = [], i = 0, j = 0;
        while (i < l.length && j < r.length) merged.push(comp.apply(undefined, [$.weigh(l[i]), $.weigh(r[j])]) ? r[j++] : l[i++]);
        while (i < l.length) merged.push(l[i++]);
        while (j < r.length) merged.push(r[j++]);
        return merged;
      }`),
    };
  });
  rewrite(functionNamed($functions, 'distinct'), (node) => {
    if (node.type !== 'IfStatement' || node.test.operator !== '!' || node.test.argument.name !== 'includes')
      return undefined;
    replaced++;
    return statements(
      'if (!includes) { if (!$.seen(seen, value)) compared.push(value); results.push(value); }',
    )[0];
  });
  rewrite(functionNamed($functions, 'distinct'), (node) => {
    if (node.type === 'VariableDeclaration' && node.declarations[0].id.name === 'includes') {
      replaced++;
      return statements('var includes = seen.has(value);')[0];
    }
    if (node.type === 'VariableDeclaration' && node.declarations[0].id.name === 'results') {
      replaced++;
      return [node, ...statements('var seen = new Set(), compared = [];')];
    }
    if (node.type === 'Identifier' && node.name === 'jj') return undefined;
    if (node.type === 'ForStatement' && node.init.declarations[0].id.name === 'jj') {
      replaced++;
      rewrite(node, (inner) =>
        inner.type === 'Identifier' && inner.name === 'results' ? { ...inner, name: 'compared' } : undefined,
      );
      node.test = expression('!includes && typeof value === "object" && jj < compared.length');
      return node;
    }
    return undefined;
  });
  rewrite(functionNamed($evaluator, 'evaluateGroupExpression'), (node) => {
    if (
      node.type !== 'ExpressionStatement' ||
      dotted(node.expression.right?.callee ?? node) !== 'fn.append.call'
    )
      return undefined;
    replaced++;
    return statements('$.grow(groups[key], item, fn.append, focus);')[0];
  });
  expectCount(report, 'quadratic algorithms', replaced, 6);
}
