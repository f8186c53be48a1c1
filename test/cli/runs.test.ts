/** `sluice runs …`, `definitions …` and `types`, reading through the API, as with an embedded store. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StartedRun } from '../../client/index.js';
import { useApi } from '../api/support/api.js';
import { call, outside, sourceOf } from '../client/support/outside.js';
import { openBridge } from '../ingress/support/bridge.js';
import type { CommandResult } from '../support/command.js';
import { waitFor } from '../support/wait-for.js';
import { runInProcess } from './support/in-process.js';

const { actions } = outside();
const api = useApi({ actions });
let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'sluice-runs-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs a command. Without an API it has only an embedded store, which belongs to another process. */
async function sluice(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  const { temporal, taskQueue, tenant } = api().sluice;
  return runInProcess([...args, '--tenant', tenant], {
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    SLUICE_TASK_QUEUE: taskQueue,
    SLUICE_API_URL: api().url,
    SLUICE_API_TOKEN: api().token.admin,
    ...more,
  });
}
const json = async (...args: string[]): Promise<unknown> => {
  const { stdout, stderr, code } = await sluice([...args, '--json']);
  expect(stderr, args.join(' ')).toBe('');
  expect(code, stdout).toBe(0);
  return JSON.parse(stdout) as unknown;
};
const WAITS = [call('a'), { id: 'go', type: 'event.wait', eventName: 'GO' }, call('b')];
async function waiting(): Promise<StartedRun> {
  const run = await api().sluice.startSource(sourceOf(WAITS));
  await rowSays(run, 'WAITING');
  return run;
}
const rowSays = ({ runId }: StartedRun, status: string) =>
  waitFor(async () => (await api().sluice.client.runs.get(runId)).status === status);

describe('sluice runs', () => {
  it('the show commands print a run, its steps, log and waits as tables for people and as JSON for scripts', async () => {
    const { runId, workflowId } = await waiting();
    const shown = await sluice(['runs', 'show', runId]);
    const steps = await sluice(['runs', 'steps', runId]);
    const waits = await json('runs', 'waits', runId);
    const events = await json('runs', 'events', runId, '--limit', '1');
    const listed = await json('runs', 'list', '--status', 'WAITING');
    expect(shown.stdout).toMatch(/^status +WAITING$/m);
    expect(steps.stdout.split('\n')[0]).toMatch(/^STEP +ID +KIND +STATUS/);
    expect(steps.stdout).toMatch(/^steps\[0\] +a +test\.do +SUCCEEDED/m);
    expect(waits).toMatchObject({
      items: [{ kind: 'event', eventNames: ['GO'], status: 'WAITING' }],
      next: null,
    });
    expect(events).toMatchObject({
      items: [{ seq: 1, type: 'RUN_STARTED' }],
      next: expect.any(String) as string,
    });
    expect(listed).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ runId, workflowId })]) as unknown[],
    });
  });

  it('one run can be signalled, rewound, re-run, cancelled, exported and verified', async () => {
    const run = await waiting();
    await json('runs', 'signal', run.runId, 'GO', '--payload', '{"n":1}');
    await rowSays(run, 'SUCCEEDED');
    expect(await json('runs', 'rewind', run.runId, 'steps[2]', '--reason', 'again')).toMatchObject({
      runId: run.runId,
      stepPath: 'steps[2]',
    });
    await waitFor(async () =>
      (await api().sluice.client.runs.events(run.runId)).items.some((e) => e.type === 'RUN_REWOUND'),
    );
    await rowSays(run, 'SUCCEEDED');
    await api().sluice.client.result(run.workflowId);
    const again = (await json('runs', 'rerun', run.runId)) as StartedRun;
    await rowSays(again, 'WAITING');
    expect(await json('runs', 'cancel', again.runId, '--reason', 'enough')).toMatchObject({ accepted: true });
    await rowSays(again, 'CANCELED');
    const file = join(directory, 'bundle.json');
    expect(await json('runs', 'export', run.runId, '--out', file)).toMatchObject({ file });
    expect(await json('runs', 'verify', file)).toMatchObject({ runId: run.runId, redacted: true });
    writeFileSync(file, readFileSync(file, 'utf8').replace('"SUCCEEDED"', '"FAILED"'));
    const refused = await sluice(['runs', 'verify', file]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('BUNDLE_INVALID') as string });
  });

  it('a bulk command acts on many runs and prints a line for each and a summary', async () => {
    const { pin } = await api().sluice.publish(sourceOf(WAITS));
    const started = await Promise.all([1, 2, 3].map(() => api().sluice.start(pin.id)));
    await Promise.all(started.map((run) => rowSays(run, 'WAITING')));
    const dry = await sluice(['runs', 'bulk', 'cancel', '--definition', pin.id, '--dry-run']);
    expect(dry).toMatchObject({ code: 0, stderr: '3 would\n' });
    const explained = await sluice(['runs', 'explain', started[0]?.runId ?? '']);
    expect(explained).toMatchObject({ code: 0, stderr: '' });
    expect(explained.stdout).toMatch(/is WAITING .* It waits at steps\[1\] for GO since/);
    expect(explained.stdout).toContain('→ Was it sent? sluice events list --name "GO"');
    const id = started[0]?.runId ?? '';
    const found = await sluice(['runs', 'find', id, '--since', '24h', '--definition', pin.id]);
    expect(found).toMatchObject({ code: 0, stderr: '' });
    expect(found.stdout).toContain(`run id "${id}"`);
    const since = await sluice(['runs', 'list', '--since', 'yesterday']);
    expect(since).toMatchObject({ code: 2, stderr: expect.stringContaining('30m, 24h or 7d') as string });
    const done = await sluice(['runs', 'bulk', 'cancel', '--definition', pin.id, '--reason', 'all']);
    expect(done).toMatchObject({ code: 0, stderr: '3 done\n' });
    expect(done.stdout.trim().split('\n')).toHaveLength(3);
    await Promise.all(started.map((run) => rowSays(run, 'CANCELED')));
    const rerun = await sluice([
      'runs',
      'bulk',
      'rerun',
      '--definition',
      pin.id,
      '--limit',
      '1',
      '--dry-run',
    ]);
    expect(rerun).toMatchObject({ code: 0, stderr: expect.stringContaining('charged') as string });
    expect(rerun.stdout).toContain('repeats test.do at steps[0]');
    const step = ['--step', 'steps[0]', '--from-failed-step'];
    const both = await sluice(['runs', 'bulk', 'rewind', '--definition', pin.id, ...step]);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('--from-failed-step') as string });
    const everything = await sluice(['runs', 'bulk', 'cancel']);
    expect(everything).toMatchObject({ code: 2, stderr: expect.stringContaining('--all') as string });
  });

  it('the letter of a failed trigger is retried over the API and by the command, one by one and in bulk [failed-triggers-are-kept]', async () => {
    const { client, tenant } = api().sluice;
    const bridge = await openBridge(api().sluice, { sweep: { everyMs: 50 } });
    const publish = (version: number, more: object) =>
      api().sluice.publish(
        JSON.stringify({
          id: 'lettered',
          version,
          triggers: [{ type: 'event', eventName: 'LETTERED' }],
          steps: [],
          ...more,
        }),
      );
    const openOnes = async () => {
      const { items } = await client.deadLetters.list({ kind: 'trigger', status: 'OPEN' });
      return items.map(({ id }) => id);
    };
    let version = 0;
    const failed = async (count: number): Promise<readonly string[]> => {
      await publish(++version, { payloadSchema: { type: 'object', required: ['missing'] } });
      for (let i = 0; i < count; i++) {
        const event = { eventId: `${version}-${i}`, eventName: 'LETTERED', tenantId: tenant };
        expect((await bridge.post({ ...event, payload: {} })).body).toMatchObject({ outcome: 'FAILED' });
      }
      await publish(++version, {});
      return await openOnes();
    };
    const started = (count: number) =>
      waitFor(async () => {
        const { items } = await client.runs.list({ definition: 'lettered', status: 'SUCCEEDED' });
        return items.length === count && (await openOnes()).length === 0;
      });
    try {
      for (const id of await failed(1)) await json('dead-letters', 'retry', id, '--note', 'mended');
      await started(1);
      for (const id of await failed(1)) {
        expect((await api().ask(`/v1/dead-letters/${id}/retry`, { json: {} })).status).toBe(200);
      }
      await started(2);
      await failed(2);
      const all = ['dead-letters', 'retry', '--all', '--kind', 'trigger'];
      const unasked = await sluice(all);
      expect(unasked.code, 'there is no terminal to ask on').toBe(2);
      expect(await openOnes()).toHaveLength(2);
      const capped = await sluice([...all, '--dry-run', '--limit', '1', '--json']);
      expect(capped.stderr).toContain('1 more stay as they are');
      expect(JSON.parse(capped.stdout)).toMatchObject({ dryRun: true, status: 'OPEN', runId: null });
      const command = await sluice([...all, '--yes']);
      expect(command.code, command.stderr).toBe(0);
      await started(4);
      await failed(2);
      const bulk = { action: 'retry', filter: { kind: 'trigger' } };
      expect((await api().ask('/v1/dead-letters/bulk', { json: bulk })).status).toBe(200);
      await started(6);
    } finally {
      await bridge.stop();
    }
  });

  it('events explain says that the run which has the event is paused, as the API and the bridge do', async () => {
    const { client, tenant, temporal } = api().sluice;
    const bridge = await openBridge(api().sluice, { sweep: { everyMs: 50 } });
    const nap = { id: 'nap', type: 'action.call', action: 'core.sleep', input: { ms: 600_000 } };
    const wait = { id: 'go', type: 'event.wait', eventName: 'PAUSED', correlationKey: 'p-1' };
    const branches = { nap: [nap], wait: [wait] };
    const run = await api().sluice.startSource(
      sourceOf([{ id: 'both', type: 'control.parallel', branches }]),
    );
    const { workflowService, workflow } = client.temporal;
    try {
      await api().sluice.waiting(run);
      const event = { eventId: 'p-1', eventName: 'PAUSED', tenantId: tenant, source: 'shop', payload: null };
      const sent = { ...event, workflow_correlation_key: 'p-1' };
      expect((await bridge.post(sent)).body).toMatchObject({ outcome: 'ROUTED' });
      const explain = async () => {
        const place = { SLUICE_BRIDGE_URL: bridge.url };
        return await sluice(['events', 'explain', 'shop', 'p-1'], place);
      };
      expect((await explain()).stdout).not.toContain('paused');
      const id = await waitFor(async () => {
        const { raw } = await workflow.getHandle(run.workflowId).describe();
        return raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'core.sleep')
          ?.activityId;
      });
      await workflowService.pauseActivity({
        ...{ namespace: temporal.namespace, execution: { workflowId: run.workflowId }, id },
        ...{ identity: 'olga', reason: 'the bank is closed' },
      });
      const shown = await waitFor(async () => {
        const { stdout } = await explain();
        return stdout.includes('paused') && stdout;
      });
      expect(shown).toMatch(
        /^ {4}paused: activity \d+ \(core\.sleep\).* by olga since .*: the bank is closed$/m,
      );
      const pause = { what: 'activity', activityId: id, by: 'olga', reason: 'the bank is closed' };
      const runs = [{ runId: run.runId, status: 'SIGNALED', paused: [pause] }];
      expect((await bridge.get({ tenant, source: 'shop', id: 'p-1' })).body).toMatchObject({ runs });
      const answer = await api().ask('/v1/events/explain?source=shop&eventId=p-1');
      expect(await answer.json()).toMatchObject({ runs });
    } finally {
      await client.terminate(run.workflowId);
      await bridge.stop();
    }
  });

  it('the actions of the old contract are refused without a connection', async () => {
    const nowhere = { TEMPORAL_ADDRESS: '127.0.0.1:1', SLUICE_API_URL: 'http://127.0.0.1:1' };
    for (const action of ['resume', 'retry', 'requeue-event-wait']) {
      const { code, stdout } = await sluice(['runs', action, 'some-run', '--json'], nowhere);
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({
        error: {
          code: 'WORKFLOW_TEMPORAL_ACTION_UNSUPPORTED',
          details: { engine: 'temporal', runId: 'some-run' },
        },
      });
    }
  });

  it('an unknown run, invalid options, a missing source to read from and a missing Temporal have their own codes', async () => {
    const { runId } = await waiting();
    const refusals: readonly (readonly [readonly string[], number, string, NodeJS.ProcessEnv?])[] = [
      [['runs', 'show', 'unheard-of'], 1, 'RUN_NOT_FOUND'],
      [['runs', 'cancel', 'unheard-of'], 1, 'RUN_NOT_FOUND'],
      [['runs', 'list', '--status', 'DONE'], 2, 'USAGE_INVALID'],
      [['runs', 'list', '--from', 'yesterday'], 2, 'USAGE_INVALID'],
      [['runs', 'rewind', runId, 'steps[0]', '--iteration', 'x'], 2, 'USAGE_INVALID'],
      [['runs', 'rewind', runId, 'steps[9]'], 1, 'REWIND_NOT_POSSIBLE'],
      [['runs', 'rerun', runId], 1, 'RUN_OPEN'],
      [['runs', 'list', '--limit', '0'], 2, 'USAGE_INVALID'],
      [['runs', 'show', runId], 3, 'READS_NOT_CONFIGURED', { SLUICE_API_URL: '' }],
      [['runs', 'cancel', runId], 1, 'WORKFLOW_TEMPORAL_CANCEL_FAILED', { TEMPORAL_ADDRESS: '127.0.0.1:1' }],
    ];
    for (const [args, code, error, env] of refusals) {
      const refused = await sluice([...args, '--json'], env);
      expect(JSON.parse(refused.stdout), args.join(' ')).toMatchObject({ error: { code: error } });
      expect(refused.code, args.join(' ')).toBe(code);
    }
    expect((await api().sluice.client.runs.get(runId)).status, 'the run is unchanged').toBe('WAITING');
  });
});

describe('sluice definitions and types', () => {
  it('published definitions are listed and shown, and types are generated from them', async () => {
    const payloadSchema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
    const source = sourceOf([], { payloadSchema });
    const { pin } = await api().sluice.publish(source);
    expect(await json('definitions', 'list')).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ id: pin.id, version: 1 })]) as unknown[],
    });
    expect(await json('definitions', 'show', pin.id)).toMatchObject({ source, hash: pin.hash });
    const out = join(directory, 'payloads.ts');
    await json('types', 'examples/order-fulfilment.yaml', pin.id, '--out', out);
    const made = readFileSync(out, 'utf8');
    expect(made).toContain('export interface OrderFulfilmentPayload');
    expect(made).toMatch(new RegExp(`readonly "${pin.id}": \\w+Payload;`));
  });
});
