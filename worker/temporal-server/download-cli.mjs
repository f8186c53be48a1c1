// Lets the Temporal SDK download its CLI into a directory: `node download-cli.mjs DIR`. A separate process,
// because the download does not take a time limit, and because the SDK starts the server that it has
// downloaded.
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [directory] = process.argv.slice(2);
const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir: directory, ttl: '10y' } },
});
await environment.teardown();
