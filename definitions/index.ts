/** Reads and checks definition documents, outside workflows. */
export { checkCatalogue } from './catalogue.js';
export { type Catalogue, catalogueOf } from './known.js';
export { definitionJsonSchema } from './json-schema.js';
export { readDefinitionInBounds, readStoredInBounds, validatePayloadInBounds } from './bounded.js';
export { type DefinitionProblem, formatProblems, problemsAsJson } from './source/problem.js';
export { type DefinitionFormat, readDefinition } from './read.js';
export { completionsAt } from './editor/complete.js';
export { assignmentsOf, hoverAt, outlineOf } from './editor/look.js';
