// Makes the bundle of the workflows where it is not there yet: for an image, whose containers then start without it.
import { register } from 'tsx/esm/api';

register();
const { loadWorkflowBundle } = await import('../worker/temporal/workflow-bundle.ts');
const bundle = await loadWorkflowBundle();
if (!('codePath' in bundle)) throw new Error('The bundle could not be kept on disk');
console.log(`bundle of the workflows: ${bundle.codePath}`);
