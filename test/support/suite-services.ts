/**
 * What the whole suite shares: one Temporal dev server and one workflow bundle. Each is made when the first
 * test asks for it, so that the tests of a pure room start at once. Test files run in processes of their
 * own; they ask over loopback HTTP, whose address vitest provides to them.
 */
import { createServer, type Server } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { provideTemporal, type ProvidedTemporal } from './provide-temporal.js';
import { bundleForTests } from './workflow-bundle.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Base address of the services below, e.g. `http://127.0.0.1:41234`. */
    suiteServices: string;
  }
}

/** vitest's global set-up: starts the services' address; what it gives back stops everything. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  let temporal: Promise<ProvidedTemporal> | undefined;
  let bundle: Promise<string> | undefined;
  const services: Readonly<Record<string, () => Promise<object>>> = {
    '/temporal': async () => {
      const { address, namespace } = await (temporal ??= provideTemporal());
      return { address, namespace };
    },
    '/bundle': async () => ({ path: await (bundle ??= writeBundle(directory)) }),
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
    await rm(directory, { recursive: true, force: true });
  };
}

async function writeBundle(directory: string): Promise<string> {
  const path = join(directory, 'workflow-bundle.js');
  await writeFile(path, await bundleForTests());
  return path;
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
