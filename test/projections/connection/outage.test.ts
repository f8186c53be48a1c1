/** A server that is killed under load and returns: callers wait or retry, and nothing is lost. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SluiceError } from '../../../contracts/errors.js';
import { openProjections } from '../../../projections/index.js';
import { withSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { onEveryDatabase } from '../support/databases.js';
import { startServer, type Server } from '../../support/servers/surreal-server.js';
import { execution, invocation, lease, runStarted, stepStarted, stepSucceeded } from '../support/runs.js';

const ECHO = `
id: outage
version: 1
steps:
  - id: each
    type: control.forEach
    items: { $expr: "[1..6]" }
    body: [{ id: say, type: action.call, action: core.echo, input: { $expr: item } }]
result: { $expr: payload.name }
`;

onEveryDatabase(
  'A server killed under load',
  () => {
    let directory: string;
    let server: Server;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'sluice-outage-'));
      server = await startServer({ store: `surrealkv://${directory}/db` });
    });
    afterEach(async () => {
      await server.kill();
      await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    });
    const restart = async () => {
      server = await startServer({ store: `surrealkv://${directory}/db`, port: server.port });
    };
    const options = () => ({ url: server.url, username: 'root', password: 'root', unavailableAfterMs: 200 });

    it('a server that is killed keeps acknowledged commits, and callers that retry lose and double nothing', async () => {
      const projections = await openProjections(options());
      let away = 0;
      let done = 0;
      const again = async <T>(work: () => Promise<T>): Promise<T> => {
        for (;;) {
          try {
            return await work();
          } catch (error) {
            if (!(error instanceof SluiceError) || error.code !== 'DATABASE_UNAVAILABLE') throw error;
            away += 1;
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        }
      };
      const runs = Array.from({ length: 16 }, () => execution());
      const steps = 12;
      const load = runs.map(async (of) => {
        for (let step = 0; step < steps; step++) {
          const path = `steps[${step}]`;
          const use = invocation(`${of.run.runId}:${step}`, path);
          const seq = 2 + 2 * step;
          const events = [runStarted(), stepStarted(seq, path, use.idempotencyKey)];
          const begun = await again(() => projections.beginAction(of, events, use, lease('w')));
          if (begun.kind === 'execute') {
            const outcome = { status: 'SUCCEEDED', output: step, artifacts: [] } as const;
            const write = {
              label: 'count',
              statement: 'UPSERT type::record("counted", $key) SET times = (times ?? 0) + 1',
              variables: { key: use.idempotencyKey },
            };
            await again(() => projections.finishAction(of, use, { outcome, writes: [write], holder: 'w' }));
          }
          await again(() => projections.commitEvents(of, [stepSucceeded(seq + 1, path)]));
          done += 1;
        }
      });
      await waitFor(() => Promise.resolve(done > 30));
      await server.kill();
      await waitFor(() => Promise.resolve(away > 0));
      expect(done).toBeLessThan(runs.length * steps);
      await restart();
      await Promise.all(load);
      for (const { run } of runs) {
        const log = await projections.reads.checkContiguity(run.tenant, run.runId);
        expect(log).toEqual({ lastSeq: 1 + 2 * steps, gaps: [], doubled: [] });
        const { items } = await projections.reads.listSteps(run.tenant, run.runId);
        expect(items.map((step) => step.status)).toEqual(Array.from({ length: steps }, () => 'SUCCEEDED'));
      }
      const [counted] = await projections.database.request('SELECT VALUE times FROM counted');
      expect(counted).toEqual({ ok: true, value: Array.from({ length: 16 * steps }, () => 1) });
      await projections.close();
    }, 60_000);

    it('a server that is killed fails no run: activities are retried until it is back', async () => {
      await withSluice({ database: options() }, async (sluice) => {
        await sluice.publish(ECHO);
        const names = Array.from({ length: 10 }, (_, i) => `run ${i}`);
        const started = await Promise.all(names.map((name) => sluice.start('outage', { name })));
        const reads = sluice.projections.reads;
        await waitFor(async () => (await reads.listRuns(sluice.tenant)).items.length > 2);
        await server.kill();
        const lost = reads.listRuns(sluice.tenant).then(
          () => 'answered',
          (error: unknown) => error,
        );
        expect(await lost).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
        await restart();
        expect(await Promise.all(started.map((run) => sluice.result(run)))).toEqual(names);
        for (const { runId } of started) {
          expect((await reads.getRun(sluice.tenant, runId))?.status).toBe('SUCCEEDED');
          expect(await reads.checkContiguity(sluice.tenant, runId)).toMatchObject({ gaps: [], doubled: [] });
          const used = await reads.listInvocations(sluice.tenant, runId);
          expect(used.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'SUCCEEDED'));
        }
      });
    }, 90_000);
  },
  ['server'],
);
