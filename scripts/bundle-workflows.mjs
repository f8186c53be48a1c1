// Builds the bundles of the workflows that are missing, without and with encrypted failures: an image
// contains them, so that its containers start at once.
import { register } from 'tsx/esm/api';

register();
const { loadWorkflowBundle } = await import('../worker/temporal/workflow-bundle.ts');
for (const failures of ['plain', 'encoded']) {
  const bundle = await loadWorkflowBundle(failures);
  if (!('codePath' in bundle)) throw new Error('The bundle could not be kept on disk');
  console.log(`bundle of the workflows: ${bundle.codePath}`);
}
