import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createSluiceClient } from '../../client/index.js';
import { suiteBundle, suiteTemporal } from '../support/services.js';
import { waitFor } from '../support/wait-for.js';
import { startMain } from './main-process.js';

// The first process bundles, which takes time; later ones find the bundle on disk.
beforeAll(async () => void (await suiteBundle()));

describe('a worker as a process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'a worker process runs definitions until %s, then stops cleanly',
    async (signal) => {
      const { address, namespace } = await suiteTemporal();
      const taskQueue = `main-${randomUUID()}`;
      const worker = startMain({
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespace,
        SLUICE_TASK_QUEUE: taskQueue,
        SLUICE_SECRET_GREETING_KEY: 'not-to-be-seen-4711',
      });
      await waitFor(() => worker.lines().some(({ msg }) => msg === 'The worker polls'));
      const client = await createSluiceClient({
        address,
        namespace,
        taskQueue,
        tenant: 'main',
        actor: 'test',
      });
      try {
        await client.publishDefinition(
          [
            'id: greet',
            'version: 1',
            'steps:',
            '  - { id: log, type: action.call, action: core.log, input: { message: { $secret: GREETING_KEY } } }',
            '  - { id: done, type: control.return, result: { greeted: true } }',
          ].join('\n'),
        );
        const run = await client.start('greet', {});
        expect(await client.result(run.workflowId, run.runId)).toEqual({ greeted: true });
      } finally {
        await client.close();
      }
      worker.child.kill(signal);
      expect(await worker.exited).toBe(0);
      const log = worker.lines();
      expect(log.at(-1)).toMatchObject({ level: 'info', msg: 'The worker has stopped' });
      expect(log.some(({ msg }) => msg === '[secret:GREETING_KEY]')).toBe(true);
      expect(JSON.stringify(log) + worker.errors()).not.toContain('not-to-be-seen-4711');
      expect(worker.errors()).toBe('');
    },
  );

  it.each([
    [{ SLUICE_LOG_LEVEL: 'loud' }, 'CONFIG_INVALID', /SLUICE_LOG_LEVEL/],
    [{ SLUICE_SECRETS: 'dir:/no/such/directory' }, 'CONFIG_INVALID', /SLUICE_SECRETS/],
    [{ TEMPORAL_ADDRESS: '127.0.0.1:1' }, 'TEMPORAL_UNAVAILABLE', /127\.0\.0\.1:1/],
  ])(
    'a worker process that cannot start (%j) says why in one line and ends with 1',
    async (env, code, message) => {
      const worker = startMain(env);
      expect(await worker.exited).toBe(1);
      expect(worker.lines().at(-1)).toMatchObject({ level: 'fatal', code });
      expect(worker.lines().at(-1)?.msg).toMatch(message);
    },
  );
});
