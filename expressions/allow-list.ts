/**
 * Checks a parsed expression against the catalogue of functions.
 *
 * The check is strict by name: an expression may not even mention a refused function, and a name that it
 * calls must be in the catalogue or bound by the expression itself. So every function that is called, in any
 * way (`~>`, a variable, a block, partial application, an argument), belongs to the catalogue or to the
 * author: the frame of an expression holds no others.
 */
import { FUNCTION_NAMES, nearestFunction, REFUSED } from './functions/catalogue.js';
import { EngineError } from './budget/engine-error.js';
import type { SyntaxNode } from './metering/engine-types.js';
import { HELPERS } from './engine/helpers.js';
import { pictureProblem, timestampProblem, timezoneProblem } from './dates/jsonata-dates.js';
import type { ExpressionProblem } from './problem.js';
import { MeteredRegExp } from './regex/metered-regexp.js';

interface Findings {
  /** Variables that the expression binds. */
  readonly bound: Set<string>;
  /** Every literal text: the possible keys of the objects that the expression constructs. */
  readonly texts: Set<string>;
  readonly nodes: SyntaxNode[];
  transforms: boolean;
}

function collect(value: unknown, findings: Findings): void {
  if (typeof value !== 'object' || value === null || value instanceof MeteredRegExp) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, findings);
    return;
  }
  const node = value as SyntaxNode;
  if (typeof node.type === 'string') {
    findings.nodes.push(node);
    const { bound, texts } = findings;
    if (node.type === 'string') texts.add(node.value as string);
    if (node.type === 'transform') findings.transforms = true;
    if (node.type === 'bind') bound.add((node['lhs'] as SyntaxNode).value as string);
    if (node.type === 'lambda') {
      for (const parameter of node['arguments'] as SyntaxNode[]) bound.add(parameter.value as string);
    }
    for (const name of [node['focus'], node['index'], node.type === 'index' ? node.value : undefined]) {
      if (typeof name === 'string') bound.add(name);
    }
  }
  for (const [key, inner] of Object.entries(node)) if (key !== 'signature') collect(inner, findings);
}

/** The name of the function in a call, and whether it has a `$`. */
function calledName(
  node: SyntaxNode | undefined,
): { name: string; variable: boolean; position: number } | undefined {
  if (node?.type === 'variable') {
    return { name: node.value as string, variable: true, position: node.position ?? 0 };
  }
  if (node?.type !== 'path') return undefined;
  const steps = node['steps'] as SyntaxNode[];
  const [step] = steps;
  return steps.length === 1 && step?.type === 'name'
    ? { name: step.value as string, variable: false, position: step.position ?? 0 }
    : undefined;
}

const refusal = (name: string, position: number): ExpressionProblem => ({
  code: 'EXPRESSION_DISALLOWED_FUNCTION',
  message: `$${name} is not allowed in an expression.`,
  position,
  hint: REFUSED.get(name) ?? '',
});

function unknownFunction(name: string, shown: string, position: number): ExpressionProblem {
  const near = nearestFunction(name);
  return {
    code: 'EXPRESSION_DISALLOWED_FUNCTION',
    message: `${shown} is no function that an expression may call.`,
    position,
    hint: near ? `Did you mean ${near.signature}?` : 'The catalogue lists them: sluice functions.',
  };
}

function checkCall(
  name: string,
  variable: boolean,
  position: number,
  findings: Findings,
): ExpressionProblem | undefined {
  if (variable) {
    if (name === 'append()' || FUNCTION_NAMES.has(name) || findings.bound.has(name) || REFUSED.has(name)) {
      return undefined;
    }
    return unknownFunction(name, `$${name}`, position);
  }
  if (findings.texts.has(name)) return undefined;
  if (REFUSED.has(name)) return refusal(name, position);
  if (FUNCTION_NAMES.has(name) && !Object.hasOwn(HELPERS, name)) {
    return {
      code: 'EXPRESSION_DISALLOWED_FUNCTION',
      message: `${name}(…) is written without $.`,
      position,
      hint: `Write $${name}(…).`,
    };
  }
  return unknownFunction(name, name, position);
}

/** Checks literal arguments of the date functions, so that publish refuses what a run would refuse. */
function checkDates(
  name: string,
  args: readonly SyntaxNode[],
  position: number,
): ExpressionProblem | undefined {
  const literal = (node: SyntaxNode | undefined) =>
    node?.type === 'string' ? (node.value as string) : undefined;
  let message: string | undefined;
  if (name === 'toMillis') {
    const picture = literal(args[1]);
    const timestamp = literal(args[0]);
    if (picture !== undefined) message = pictureProblem(picture);
    else if (args.length === 1 && timestamp !== undefined) message = timestampProblem(timestamp);
  } else if (name === 'fromMillis') {
    const timezone = literal(args[2]);
    if (timezone !== undefined) message = timezoneProblem(timezone);
  }
  return message === undefined ? undefined : { code: 'EXPRESSION_DISALLOWED_FUNCTION', message, position };
}

function checkRegex(node: SyntaxNode): ExpressionProblem | undefined {
  if (!(node.value instanceof MeteredRegExp)) return undefined;
  try {
    node.value.prepare();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof EngineError)) throw thrown;
    const { message } = thrown;
    return { code: 'EXPRESSION_SYNTAX', message, position: node.position ?? 0 };
  }
}

/** Checks a parsed expression, and finds out whether it uses the transform operator. */
export function checkTree(root: SyntaxNode): { problems: ExpressionProblem[]; transforms: boolean } {
  const findings: Findings = { bound: new Set(), texts: new Set(), nodes: [], transforms: false };
  collect(root, findings);
  const problems: ExpressionProblem[] = [];
  const add = (problem: ExpressionProblem | undefined) => {
    if (problem && !problems.some((p) => p.position === problem.position && p.message === problem.message)) {
      problems.push(problem);
    }
  };
  for (const name of findings.bound) {
    if (REFUSED.has(name)) {
      add({ ...refusal(name, 0), hint: 'A refused name cannot be bound either. Choose another.' });
    }
  }
  // `x ~> $f(y)` calls `$f(x, y)`, and `x ~> $f` calls `$f(x)`.
  const firsts = new Map<SyntaxNode, SyntaxNode>();
  for (const node of findings.nodes) {
    if (node.type === 'apply') {
      firsts.set(node, node['lhs'] as SyntaxNode);
      firsts.set(node['rhs'] as SyntaxNode, node['lhs'] as SyntaxNode);
    }
  }
  const firstArgument = (node: SyntaxNode): SyntaxNode[] => {
    const first = firsts.get(node);
    return first ? [first] : [];
  };
  for (const node of findings.nodes) {
    const position = node.position ?? 0;
    if (node.type === 'variable' && REFUSED.has(node.value as string)) {
      add(refusal(node.value as string, position));
    }
    if (node.type === 'regex') add(checkRegex(node));
    const callee =
      node.type === 'function' || node.type === 'partial'
        ? calledName(node['procedure'] as SyntaxNode)
        : node.type === 'apply'
          ? applied(node['rhs'] as SyntaxNode)
          : undefined;
    if (!callee) continue;
    add(checkCall(callee.name, callee.variable, callee.position, findings));
    if (callee.variable && node.type === 'function') {
      add(
        checkDates(callee.name, [...firstArgument(node), ...(node['arguments'] as SyntaxNode[])], position),
      );
    } else if (callee.variable && node.type === 'apply') {
      add(checkDates(callee.name, firstArgument(node), position));
    }
  }
  return { problems, transforms: findings.transforms };
}

/** The function that `x ~> $name` applies by name; `x ~> $name(…)` is checked as a call. */
function applied(node: SyntaxNode): ReturnType<typeof calledName> {
  const callee = calledName(node);
  return callee?.variable ? callee : undefined;
}
