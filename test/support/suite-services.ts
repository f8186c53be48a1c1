/**
 * What the whole suite shares: one Temporal dev server and one workflow bundle. Each is made when the first
 * test asks for it, so that the tests of a pure room start at once. Test files run in processes of their
 * own; they ask over loopback HTTP, whose address vitest provides to them.
 */
import { createServer, type Server } from 'node:http';
import type { TestProject } from 'vitest/node';
import { loadWorkflowBundle } from '../../worker/temporal/workflow-bundle.js';
import { provideTemporal, type ProvidedTemporal } from './provide-temporal.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Base address of the services below, e.g. `http://127.0.0.1:41234`. */
    suiteServices: string;
  }
}

/** vitest's global set-up: starts the services' address; what it gives back stops everything. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let temporal: Promise<ProvidedTemporal> | undefined;
  const services: Readonly<Record<string, () => Promise<object>>> = {
    '/temporal': async () => {
      const { address, namespace } = await (temporal ??= provideTemporal());
      return { address, namespace };
    },
    '/bundle': () => loadWorkflowBundle(),
  };
  const server = createServer((request, response) => {
    const service = services[request.url ?? ''];
    const answer = service?.() ?? Promise.reject(new Error(`No service ${request.url}`));
    answer.then(
      (body) => response.end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.stack : String(error)),
    );
  });
  project.provide('suiteServices', await listen(server));
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await (await temporal)?.stop();
  };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('No TCP address');
      resolve(`http://127.0.0.1:${address.port}`);
    });
  });
}
