/** Reads and checks definition documents, outside workflows. */
export { checkCatalogue } from './catalogue.js';
export { definitionJsonSchema } from './json-schema.js';
export { validatePayload } from './payload.js';
export { type DefinitionProblem, formatProblems } from './source/problem.js';
export { type DefinitionFormat, readDefinition, type ReadDefinition, readStoredDefinition } from './read.js';
