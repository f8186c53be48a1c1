/**
 * `sluice api` as a separate process with a key that it creates, over a SurrealDB server. The worker of the
 * suite runs beside it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ApiRun } from '../../contracts/http/api.js';
import { surrealBinary } from '../support/requirements.js';
import { startServer, type Server } from '../support/servers/surreal-server.js';
import { freePort } from '../../worker/temporal-server/ports.js';
import { runCommand, startCommand, type RunningCommand } from '../support/command.js';
import { suiteTemporal } from '../support/services.js';
import { withSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const LIMIT_MS = 90_000;
const Made = z.object({ key: z.string(), entry: z.object({ name: z.string(), hash: z.string() }).loose() });

let directory: string;
let server: Server | undefined;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-api-'));
  server = surrealBinary !== undefined ? await startServer() : undefined;
  const { address, namespace } = await suiteTemporal();
  env = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(SLUICE_|SURREAL_|TEMPORAL_|VITEST)/.test(name)),
    ),
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    SURREAL_URL: server?.url ?? `surrealkv://${join(directory, 'db')}`,
    ...(server !== undefined && { SURREAL_USER: 'root', SURREAL_PASS: 'root' }),
    SLUICE_API_HTTP: `127.0.0.1:${await freePort('127.0.0.1')}`,
  };
}, LIMIT_MS);
afterAll(async () => {
  await server?.kill();
  rmSync(directory, { recursive: true, force: true });
});

const sluice = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
  runCommand(process.execPath, [BIN, ...args], { cwd: directory, env: { ...env, ...more } });

async function untilUp(api: RunningCommand): Promise<void> {
  await waitFor(async () => {
    if (api.child.exitCode !== null) throw new Error(`it ended:\n${api.output()}`);
    return fetch(`http://${env['SLUICE_API_HTTP']}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }, 60_000);
}

describe('sluice api', () => {
  it(
    'the API does not start without tokens if other machines could reach it',
    async () => {
      for (const more of [{ SLUICE_API_HTTP: '0.0.0.0:0' }, { SLUICE_ENVIRONMENT: 'production' }]) {
        const { code, stderr } = await sluice(['api'], more);
        expect([code, stderr]).toEqual([3, expect.stringMatching(/CONFIG_INVALID: .*SLUICE_API_KEYS_FILE/)]);
      }
    },
    LIMIT_MS,
  );

  it(
    '`sluice api` creates keys, serves their holders, and stops at once with timelines open',
    async () => {
      const refused = await sluice(['api', 'key', 'ci', '--role', 'boss', '--for-tenant', 'acme']);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('roles.0')]);
      const made = await sluice([
        'api',
        'key',
        'ci',
        '--role',
        'operator,publisher',
        '--for-tenant',
        'acme',
        '--json',
      ]);
      const { key, entry } = Made.parse(JSON.parse(made.stdout));
      expect(entry).toMatchObject({ name: 'ci', roles: ['operator', 'publisher'], tenants: ['acme'] });
      const file = join(directory, 'keys.json');
      writeFileSync(file, JSON.stringify({ keys: [entry] }));

      const taskQueue = `api-${Date.now()}`;
      const database = server === undefined ? {} : { url: server.url, username: 'root', password: 'root' };
      await withSluice({ taskQueue, tenant: 'acme', database }, async (beside) => {
        const api = startCommand(process.execPath, [BIN, 'api'], {
          cwd: directory,
          env: { ...env, SLUICE_TASK_QUEUE: taskQueue, SLUICE_API_KEYS_FILE: file },
        });
        try {
          await untilUp(api);
          const url = `http://${env['SLUICE_API_HTTP']}`;
          const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
          expect((await fetch(`${url}/v1/runs`)).status).toBe(401);
          if (server !== undefined) {
            const source =
              'id: waiting\nversion: 1\nsteps: [{ id: ask, type: event.wait, eventName: GO, correlationKey: k }]\n';
            const published = await fetch(`${url}/v1/definitions`, {
              method: 'POST',
              headers,
              body: JSON.stringify({ source }),
            });
            expect(published.status).toBe(201);
            const started = await fetch(`${url}/v1/runs`, {
              method: 'POST',
              headers,
              body: '{"definition":"waiting"}',
            });
            const { runId } = z.object({ runId: z.string() }).parse(await started.json());
            await waitFor(async () => {
              const response = await fetch(`${url}/v1/runs/${runId}`, { headers });
              return response.ok && ApiRun.parse(await response.json()).status === 'WAITING';
            });
            const timeline = await fetch(`${url}/v1/runs/${runId}/timeline`, { headers });
            api.child.kill('SIGTERM');
            expect(await timeline.text()).toContain('RUN_WAITING');
            await beside.client.terminate(
              (await beside.projections.reads.getRun('acme', runId))?.workflowId ?? '',
            );
          }
        } finally {
          // A second signal would stop the process by force.
          if (!api.child.killed) api.child.kill('SIGTERM');
        }
        const { code, stdout } = await api.ended;
        expect(stdout).toContain('The API has stopped');
        expect(stdout).not.toContain(key);
        expect(code).toBe(0);
      });
    },
    LIMIT_MS,
  );
});
