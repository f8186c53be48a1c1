import { randomUUID } from 'node:crypto';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActionRegistry } from '../../actions/index.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/run/messages.js';
import { openProjections, type Projections } from '../../projections/index.js';
import { createSluiceWorker } from '../../worker/processes/create-worker.js';
import { ensureSearchAttributes, registeredByQuery } from '../../worker/temporal/search-attributes.js';
import { suiteBundle, suiteTemporal } from '../support/services.js';
import { waitFor } from '../support/wait-for.js';

const DAY = { seconds: 86_400 };

let connection: NativeConnection;
let projections: Projections;
let bare: string;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const { address } = await suiteTemporal();
  connection = await NativeConnection.connect({ address });
  projections = await openProjections({ url: 'mem://' });
  bare = `bare-${randomUUID()}`;
  await connection.workflowService.registerNamespace({
    namespace: bare,
    workflowExecutionRetentionPeriod: DAY as never,
  });
  await waitFor(() => connection.operatorService.listSearchAttributes({ namespace: bare }));
});
afterAll(async () => {
  await connection.close();
  await projections.close();
});

const create = (namespace: string, more: { registerSearchAttributes?: boolean } = {}) =>
  createSluiceWorker({
    connection,
    namespace,
    taskQueue: `worker-${randomUUID()}`,
    projections,
    registry: createActionRegistry([]),
    secrets: { read: () => Promise.resolve(undefined) },
    system: { environment: 'test', region: 'here', release: 'r1' },
    ...more,
  });

describe('a worker', () => {
  it('a worker refuses a namespace without the search attributes, with the commands that register them', async () => {
    const creating = create(bare);
    await expect(creating).rejects.toMatchObject({
      code: 'SEARCH_ATTRIBUTE_MISSING',
      details: Object.keys(SEARCH_ATTRIBUTES),
    });
    await expect(creating).rejects.toThrow(
      `temporal operator search-attribute create --namespace ${bare} --name SluiceCorrelationKeys --type KeywordList`,
    );
    expect(await registeredByQuery(connection, bare)).toEqual(new Map());
  });

  it('a worker registers the search attributes where it is told to, and then starts and stops', async () => {
    const worker = await waitFor(() => create(bare, { registerSearchAttributes: true }));
    // An undocumented option of the SDK: see ISOLATE_OPTIONS.
    expect(worker.options).toMatchObject({ isolateExecutionTimeoutMs: 300_000 });
    const running = worker.run();
    worker.shutdown();
    await running;
    await waitFor(() => ensureSearchAttributes(connection, bare, false).then(() => true));
    // A server looks for new namespaces every ten seconds.
  }, 60_000);

  it('a worker finds the search attributes by a query on a server without an operator service', async () => {
    const { namespace } = await suiteTemporal();
    expect([...(await registeredByQuery(connection, namespace)).keys()]).toEqual(
      Object.keys(SEARCH_ATTRIBUTES),
    );
  });

  it('a worker uses the cached bundle of these sources', async () => {
    const bundle = await suiteBundle();
    expect(bundle).toMatchObject({
      codePath: expect.stringMatching(/workflows-[0-9a-f]{16}\.js$/) as string,
    });
  });
});
