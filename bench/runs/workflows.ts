/**
 * The bundle of `npm run bench`: Sluice's workflows and the hand-written ones of the baseline.
 */
export { default } from '../../workflows/index.js';
export * from './hand-written.js';
