/** The expression engine: checks at publish and evaluates in workflows and activities. */
export { evaluate } from './evaluate.js';
export type { EvaluationOptions, EvaluationScope } from './evaluate.js';
export { evaluateCondition, evaluateMapping } from './mapping.js';
export type { Condition, EvaluateExpression } from './mapping.js';
export { check, compilingOnce, parsedExpression } from './compile.js';
export type { ParsedExpression } from './compile.js';
export type { SyntaxNode } from './metering/engine-types.js';
export { signatureOf } from './engine/signatures.js';
export type { ExpressionProblem } from './problem.js';
export { FUNCTIONS } from './functions/catalogue.js';
export type { FunctionEntry } from './functions/entry.js';
export { evaluateRaw } from './engine/engine.js';
