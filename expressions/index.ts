/** The one expression engine: used to check at publish and to evaluate in workflows and activities. */
export { evaluate } from './evaluate.js';
export type { EvaluationOptions, EvaluationScope } from './evaluate.js';
export { check } from './compile.js';
export type { ExpressionProblem } from './problem.js';
export { FUNCTIONS } from './functions/catalogue.js';
export type { FunctionEntry } from './functions/entry.js';
export { evaluateRaw } from './engine/engine.js';
