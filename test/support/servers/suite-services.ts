/**
 * What the whole suite shares: one Temporal dev server and one workflow bundle. Each is created when the
 * first test asks for it, so that the tests of a pure room start at once. Test files run in separate
 * processes; they ask over loopback HTTP, whose address vitest provides to them.
 */
import { createServer, type Server } from 'node:http';
import type { TestProject } from 'vitest/node';
import { locateSurreal } from '../../../worker/surreal-server/find-surreal.js';
import { loadWorkflowBundle } from '../../../worker/temporal/workflow-bundle.js';
import { provideTemporal, type ProvidedTemporal } from './provide-temporal.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Base address of the services below, e.g. `http://127.0.0.1:41234`. */
    suiteServices: string;
  }
}

/** vitest's global set-up: starts the HTTP server of the services. The returned function stops everything. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await nameSurreal();
  let temporal: Promise<ProvidedTemporal> | undefined;
  const services: Readonly<Record<string, () => Promise<object>>> = {
    '/temporal': async () => {
      const { address, namespace } = await (temporal ??= provideTemporal());
      return { address, namespace };
    },
    '/bundle': () => loadWorkflowBundle(),
    '/bundle-with-encoded-failures': () => loadWorkflowBundle('encoded'),
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

/** Names this machine's SurrealDB server for the test files, where `npm test` has not done so. */
async function nameSurreal(): Promise<void> {
  if (process.env.SURREAL_CLI_PATH !== undefined) return;
  const log = (line: string) => process.stderr.write(`${line}\n`);
  process.env.SURREAL_CLI_PATH = (await locateSurreal({ env: process.env, log }))?.path ?? '';
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
