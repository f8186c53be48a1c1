/** Edits that make the engine synchronous: without `async`, `await`, promises and thenables. */
import { dotted, expectCount, isFunctionNode, rewrite } from './tree.mjs';

export function makeSynchronous(modules, report) {
  const counts = { async: 0, await: 0, promiseAll: 0, isPromise: 0 };
  for (const module of modules) {
    rewrite(module, (node) => {
      if (isFunctionNode(node) && node.async) {
        node.async = false;
        counts.async++;
      }
      if (node.type === 'AwaitExpression') {
        counts.await++;
        return node.argument;
      }
      if (node.type === 'CallExpression' && dotted(node.callee) === 'Promise.all') {
        counts.promiseAll++;
        return node.arguments[0];
      }
      // A value with a `then` is ordinary data.
      if (
        node.type === 'IfStatement' &&
        node.test.type === 'CallExpression' &&
        node.test.callee.name === 'isPromise'
      ) {
        counts.isPromise++;
        return null;
      }
      if (node.type === 'VariableDeclaration' && node.declarations[0].id.name === 'isPromise') return null;
      if (node.type === 'FunctionDeclaration' && node.id.name === 'isPromise') return null;
      if (node.type === 'Property' && node.key.name === 'isPromise') return null;
      return undefined;
    });
  }
  expectCount(report, 'async functions', counts.async, 46);
  expectCount(report, 'await', counts.await, 103);
  expectCount(report, 'Promise.all', counts.promiseAll, 2);
  expectCount(report, 'thenables', counts.isPromise, 5);
}
