/** `sluice rebuild --from-temporal` restores lost logs and rows while a worker is running. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../contracts/json.js';
import { startServer, type Server } from '../support/servers/surreal-server.js';
import { needs } from '../support/requirements.js';
import { execution, runStartedAs, tables } from '../projections/support/runs.js';
import { runCommand } from '../support/command.js';
import { withSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const BIN = fileURLToPath(new URL('../../cli/bin.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GONE = ['run', 'run_head', 'run_list', 'run_event', 'run_execution', 'step', 'wait', 'open_wait'];
const DEFINITION = `
id: rebuilt
version: 1
steps:
  - { id: say, type: action.call, action: core.echo, input: { $expr: payload }, saveAs: vars.said }
  - { id: go, type: event.wait, eventName: GO, correlationKey: { $expr: payload.key } }
  - { id: end, type: control.fail, code: ENOUGH, when: { $expr: payload.fails } }
result: { $expr: vars.said }
`;

describe('sluice rebuild --from-temporal', needs('surreal'), () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.kill());

  it(
    'rebuild restores every log of its task queue row by row and reports each run; a failure does not stop the others',
    () =>
      withSluice({ database: { url: server.url, username: 'root', password: 'root' } }, async (sluice) => {
        const { projections, tenant, temporal, client, taskQueue } = sluice;
        const rebuild = (...ids: string[]) => rebuildAs(taskQueue, ...ids);
        const command = (queue: string, ...args: string[]) =>
          runCommand(process.execPath, [BIN, '--tenant', tenant, ...args], {
            cwd: ROOT,
            env: {
              ...process.env,
              ...{ SURREAL_URL: server.url, SURREAL_USER: 'root', SURREAL_PASS: 'root' },
              ...{ TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace },
              SLUICE_TASK_QUEUE: queue,
            },
          });
        const rebuildAs = async (queue: string, ...ids: string[]) => {
          const { code, stdout } = await command(queue, '--json', 'rebuild', '--from-temporal', ...ids);
          const lines = stdout.trim().split('\n');
          return { code, lines: lines.map((line) => JSON.parse(line) as JsonObject) };
        };
        await sluice.publish(DEFINITION);
        const payloads = [
          { key: 'r-0', fails: false },
          { key: 'r-1', fails: true },
          { key: 'r-2', fails: false, odd: 'ключ \u0000 \ud83d\udddd “x”' },
        ];
        const runs = await Promise.all(payloads.map((payload) => sluice.start('rebuilt', payload)));
        const statuses = () =>
          Promise.all(runs.map(async ({ runId }) => (await projections.reads.getRun(tenant, runId))?.status));
        await waitFor(async () => (await statuses()).every((status) => status === 'WAITING'));
        for (const n of [0, 1]) {
          const run = runs[n];
          if (run === undefined) throw new Error('no run');
          await sluice.signal(run, { eventName: 'GO', correlationKey: `r-${n}` });
          await sluice.result(run).catch(() => undefined);
        }
        await waitFor(async () => (await statuses()).join() === 'SUCCEEDED,FAILED,WAITING');
        // Visibility lists a run with a delay.
        const listed = async (): Promise<number> =>
          (await client.temporal.workflow.count(`SluiceTenant = '${tenant}'`)).count;
        await waitFor(async () => (await listed()) === runs.length);
        const before = await tables(projections);
        await projections.database.request(GONE.map((table) => `DELETE ${table}`).join(';'));
        // Another Sluice of this namespace takes none of these runs, and says so.
        const empty = await tables(projections);
        expect(await rebuildAs('another-sluice')).toEqual({
          code: 0,
          lines: [{ left: { taskQueue, workflows: 3 } }, { runs: 0, changed: 0, failed: 0 }],
        });
        const { stdout } = await command('another-sluice', 'rebuild', '--from-temporal');
        expect(stdout.split('\n')[0]).toBe(
          `Left 3 workflows of task queue ${taskQueue}: this rebuild is for another-sluice.`,
        );
        const named = await rebuildAs('another-sluice', runs[0]?.workflowId ?? '');
        expect(named).toMatchObject({ code: 1, lines: [{ error: { code: 'WORKFLOW_NOT_FOUND' } }, {}] });
        expect(JSON.stringify(named.lines)).toContain(taskQueue);
        expect(await tables(projections)).toEqual(empty);

        const rebuilt = await rebuild();
        expect(rebuilt).toMatchObject({ code: 0 });
        expect(rebuilt.lines.at(-1)).toEqual({ runs: 3, changed: 3, failed: 0 });
        expect(rebuilt.lines.slice(0, 3).map(({ runId }) => runId)).toEqual(
          expect.arrayContaining(runs.map(({ runId }) => runId)),
        );
        expect(await tables(projections)).toEqual(before);

        // Half of the rows are gone, one is stale, one is edited, and one run is not known to Temporal.
        const [first, second, third] = runs.map(({ runId }) => runId);
        const gone = execution({ tenant });
        await projections.commitEvents(gone, [runStartedAs(gone)]);
        const whole = await tables(projections);
        await projections.database.request(
          `DELETE run_event WHERE id[1] = $first AND id[2] > 2; DELETE step WHERE id[1] = $first;
           DELETE run WHERE id[1] = $second; DELETE run_list WHERE string::ends_with(<string> id[3], $second);
           UPDATE run SET status = 'RUNNING' WHERE id[1] = $third;
           LET $step = (SELECT * OMIT id FROM step WHERE id[1] = $third LIMIT 1)[0];
           CREATE step:[$tenant, $third, 'steps[99]', [], 1] CONTENT $step`,
          { tenant, first, second, third },
        );
        expect(await tables(projections)).not.toEqual(whole);
        const half = await rebuild();
        expect(half.lines.slice(-2)).toEqual([{ kept: { runs: 1 } }, { runs: 3, changed: 3, failed: 0 }]);
        expect(await tables(projections)).toEqual(whole);

        // A log that contradicts Temporal, a workflow given by id, and one that does not exist.
        const [odd, , waiting] = runs;
        await projections.database.request(
          `UPDATE run_event SET type = 'RUN_FAILED' WHERE id[1] = $run AND id[2] = 2`,
          {
            run: odd?.runId,
          },
        );
        const again = await rebuild();
        expect(again.code).toBe(1);
        expect(again.lines.at(-1)).toMatchObject({ runs: 3, failed: 1 });
        expect(again.lines.find((line) => 'error' in line)).toMatchObject({
          runId: odd?.runId,
          error: { code: 'PROJECTION_CONFLICT' },
        });
        expect((await rebuild(waiting?.workflowId ?? '')).lines).toEqual([
          { runs: 1, changed: 0, failed: 0 },
        ]);
        expect(await rebuild('no-such-workflow')).toMatchObject({
          code: 1,
          lines: [{ error: { code: 'WORKFLOW_NOT_FOUND' } }, { runs: 1, failed: 1 }],
        });

        // The waiting run continues: the event finds it by the restored wait.
        if (waiting === undefined) throw new Error('no run');
        await sluice.signal(waiting, { eventName: 'GO', correlationKey: 'r-2' });
        expect(await sluice.result(waiting)).toEqual(payloads[2]);
        await waitFor(async () => (await statuses())[2] === 'SUCCEEDED');
      }),
    90_000,
  );
});
