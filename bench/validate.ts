/**
 * npm run bench -- validate: how the time of a check grows with the steps of a document. Prints for each
 * size the milliseconds (the least of five, after a warm-up), those of a step, and their ratio to a step of
 * the smallest document; 1 is linear growth.
 */
import { builtInActions } from '../actions/index.js';
import { catalogueOf, readDefinition } from '../definitions/index.js';
import { forgetCompiled } from '../expressions/compile.js';

const SIZES = [50, 500, 1_000, 2_000, 5_000];
const TRIES = 5;
/** Steps that are checked before anything is measured. */
const WARM_UP = 1_000;

const catalogue = catalogueOf(builtInActions({ http: { allowHosts: [] } }));

/** A document in which every third step assigns a variable, decides, and calls an action. */
function documentOf(steps: number): string {
  const lines = Array.from({ length: steps }, (_, index) => {
    const group = index - (index % 3);
    const before = group === 0 ? '0 + 1' : `v${group - 3} + 1`;
    if (index === group) {
      return `- { id: s${index}, type: transform.assign, assign: { v${group}: { $expr: ${before} } } }`;
    }
    if (index === group + 1) {
      return `- { id: s${index}, type: control.if, condition: { $expr: v${group} > 3 }, then: [] }`;
    }
    return `- { id: s${index}, type: action.call, action: core.log, input: { message: x } }`;
  });
  return ['id: bench-validate', 'version: 1', 'steps:', ...lines, ''].join('\n');
}

/** The least time of a check, ms. */
function measured(text: string): number {
  const times = Array.from({ length: TRIES }, () => {
    // A document is checked once: none of its expressions is known.
    forgetCompiled();
    const start = performance.now();
    readDefinition(text, 'yaml', catalogue);
    return performance.now() - start;
  });
  return Math.min(...times);
}

measured(documentOf(WARM_UP));
let smallest: number | undefined;
for (const steps of SIZES) {
  const ms = measured(documentOf(steps));
  smallest ??= ms / steps;
  const ratio = ms / steps / smallest;
  console.log(
    `${steps} steps  ${ms.toFixed(1)} ms  ${((ms / steps) * 1_000).toFixed(0)} µs a step  ratio ${ratio.toFixed(2)}`,
  );
}
