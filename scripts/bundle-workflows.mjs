// Builds the bundle of the workflows if it is missing: an image contains it, so that its containers start
// at once.
import { register } from 'tsx/esm/api';

register();
const { loadWorkflowBundle } = await import('../worker/temporal/workflow-bundle.ts');
const bundle = await loadWorkflowBundle();
if (!('codePath' in bundle)) throw new Error('The bundle could not be kept on disk');
console.log(`bundle of the workflows: ${bundle.codePath}`);
