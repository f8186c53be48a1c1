/**
 * Every door of Sluice with both key rings on and with none: worker, API, bridge, command line, reconciler,
 * on stores whose files are looked through afterwards, as a thief does.
 *
 * Invariant: both worlds do the same. Without rings the files hold the value in each table that the walk
 * fills, so the search can find it; with them they hold it nowhere.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import { claimedSignal, systemClaim } from '../../client/claims/claims.js';
import { taskId } from '../../contracts/naming/workflow-id.js';
import { claimingConverter, encryptingConverter, KeyRing, newKey, RingSeal } from '../../encryption/index.js';
import { deadLetterOf } from '../../ingress/sources/dead-letter.js';
import { startReconciler } from '../../worker/reconciler/reconciler.js';
import { startTemporalDevServer, type TemporalDevServer } from '../../worker/temporal-server/dev-server.js';
import { useApi, type TestApiOptions } from '../api/support/api.js';
import { openBridge, type TestBridge } from '../ingress/support/bridge.js';
import { runCommand } from '../support/command.js';
import { needs } from '../support/requirements.js';
import { startServer, type Server } from '../support/servers/surreal-server.js';
import { waitFor } from '../support/wait-for.js';
import { BIN, ROOT, textOf } from './support/files.js';

/** Time limit of a test that starts many commands, ms. */
const LIMIT_MS = 180_000;

/** Whether the service that compensations call works. */
let works = false;
const make = defineAction({
  id: 'doors.make',
  version: 1,
  input: z.string(),
  output: z.object({ made: z.string() }),
  run: (input) => ({ made: input }),
});
const unmake = defineAction({
  id: 'doors.unmake',
  version: 1,
  input: z.string(),
  output: z.null(),
  run: (input) => {
    if (!works) throw new SluiceError('SERVICE_DOWN', `no service for ${input}`);
    return null;
  },
});

const DOORS = `
id: doors
version: 1
triggers: [{ type: event, eventName: BEGIN }]
steps:
  - { id: make, type: action.call, action: doors.make, input: { $expr: payload.value }, compensate: { action: doors.unmake, input: { $expr: payload.value } } }
  - { id: say, type: event.publish, eventName: SAID, correlationKey: { $expr: payload.key }, payload: { value: { $expr: payload.value } } }
  - { id: go, type: event.wait, eventName: GO, correlationKey: { $expr: payload.key }, lookbackMs: 600000, assign: { vars.got: { $expr: event.payload.value } } }
  - { id: child, type: control.callWorkflow, workflow: doors-child, input: { $expr: payload }, saveAs: vars.child }
  - { id: end, type: control.fail, when: { $expr: payload.fails = true }, code: ENOUGH, message: { $expr: '"enough of " & payload.value' } }
result: { $expr: '{ "got": vars.got, "child": vars.child }' }
`;
const CHILD = `
id: doors-child
version: 1
steps:
  - { id: make, type: action.call, action: doors.make, input: { $expr: payload.value }, saveAs: vars.said }
result: { $expr: vars.said.made }
`;
const broken = (version: number, rule: string) => `
id: doors-broken
version: ${version}
${rule}
triggers: [{ type: event, eventName: BREAK }]
steps: []
result: { $expr: payload.value }
`;

const Ref = z.object({ runId: z.string(), workflowId: z.string() });
const index = newKey();
const keyFile = () => ({ current: 'k1', keys: { k1: newKey() } });
const files = { payloads: { ...keyFile(), index }, claims: keyFile() };

/** Tables in whose rows the value stands where no ring encrypts it. */
const TABLES_WITH_VALUES = [
  'action_invocation',
  'api_request',
  'dead_letter',
  'event_by_key',
  'event_guard',
  'inbound_event',
  'open_wait',
  'outbox',
  'run',
  'run_event',
  'run_list',
  'step',
  'task',
  'task_action',
  'wait',
];

describe.each([{ rings: true }, { rings: false }])('with rings: $rings', needs('surreal'), ({ rings }) => {
  const value = `value-${randomUUID().slice(0, 8)}`;
  let directory: string;
  let temporal: TemporalDevServer;
  let database: Server;
  let bridge: TestBridge;
  let env: Record<string, string>;
  beforeAll(async () => {
    works = false;
    directory = await mkdtemp(join(tmpdir(), 'sluice-doors-'));
    const dbFilename = join(directory, 'temporal.db');
    const quiet = { env: process.env, log: () => undefined, headless: true };
    temporal = await startTemporalDevServer({ ...quiet, dbFilename });
    database = await startServer({ store: `surrealkv://${join(directory, 'rows')}` });
    for (const [name, file] of Object.entries(files)) {
      await writeFile(join(directory, `${name}.json`), JSON.stringify(file));
    }
  });
  // Hooks run in the reverse order: those of `useApi` stop first what uses these.
  afterAll(async () => {
    await temporal?.stop();
    await database?.kill();
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  const options: TestApiOptions = {
    actions: [make, unmake],
    get temporal() {
      return { address: temporal.address, namespace: temporal.namespace };
    },
    get database() {
      return {
        ...{ url: database.url, username: 'root', password: 'root' },
        ...(rings && { seal: () => Promise.resolve(new RingSeal(new KeyRing(files.payloads))) }),
      };
    },
    ...(rings && {
      dataConverter: claimingConverter(
        new KeyRing(files.claims),
        encryptingConverter(new KeyRing(files.payloads)),
      ),
    }),
  };
  const api = useApi(options);
  beforeAll(async () => {
    bridge = await openBridge(api().sluice, { sweep: { everyMs: 50 } });
    const { sluice, url, token } = api();
    env = {
      ...{ TEMPORAL_ADDRESS: sluice.temporal.address, TEMPORAL_NAMESPACE: sluice.temporal.namespace },
      ...{ SLUICE_TASK_QUEUE: sluice.taskQueue, SURREAL_URL: database.url },
      ...{ SURREAL_USER: 'root', SURREAL_PASS: 'root', SLUICE_BRIDGE_URL: bridge.url },
      ...{ SLUICE_API_URL: url, SLUICE_API_TOKEN: token.admin },
      ...(rings && {
        SLUICE_KEY_RING_FILE: join(directory, 'payloads.json'),
        SLUICE_CLAIM_KEYS_FILE: join(directory, 'claims.json'),
      }),
    };
  });
  afterAll(async () => {
    await bridge?.stop();
  });

  /** One command as a process, which ends well. @returns its standard output */
  async function command(args: readonly string[], more: Record<string, string> = {}): Promise<string> {
    const { tenant } = api().sluice;
    const whole = [BIN, '--tenant', tenant, ...args];
    const { PATH = '', HOME = '' } = process.env;
    const result = await runCommand(process.execPath, whole, {
      cwd: ROOT,
      env: { PATH, HOME, ...env, ...more },
    });
    expect(result.code, `sluice ${args.join(' ')}: ${result.stdout}${result.stderr}`).toBe(0);
    return result.stdout;
  }
  const eventOf = (eventId: string, eventName: string, key: string, payload: object = { value }) => ({
    ...{ eventId, eventName, tenantId: api().sluice.tenant, workflow_correlation_key: key },
    payload: { key, ...payload },
  });
  const statusOf = async (runId: string) =>
    (await api().sluice.projections.reads.getRun(api().sluice.tenant, runId))?.status;
  const ended = (runId: string, status: string) =>
    waitFor(async () => (await statusOf(runId)) === status, 30_000);
  const waits = (runId: string) => waitFor(async () => (await statusOf(runId)) === 'WAITING', 30_000);
  const letterOf = async (kind: 'compensation' | 'trigger') => {
    const { tenant, projections } = api().sluice;
    const { items } = await projections.deadLetters.list(tenant, { kind, status: 'OPEN' }, {});
    return items[0];
  };

  it(
    'an event starts a run and ends its wait, also one that came before the wait [only-sluice-names-a-tenant]',
    async () => {
      for (const [name, source] of [
        ['child', CHILD],
        ['doors', DOORS],
      ] as const) {
        const file = join(directory, `${name}.yaml`);
        await writeFile(file, source);
        await command(['publish', file]);
      }
      const { tenant, projections } = api().sluice;
      await bridge.post(eventOf('begin', 'BEGIN', value, { value }));
      const run = await waitFor(async () => {
        const { items } = await projections.reads.listRuns(tenant, {
          definition: 'doors',
          status: 'WAITING',
        });
        return items[0] ?? false;
      });
      expect(await projections.reads.getRun(tenant, run.runId)).toMatchObject({
        trigger: { type: 'event' },
      });
      await bridge.post(eventOf('go', 'GO', value));
      await ended(run.runId, 'SUCCEEDED');
      // The look-back of the worker delivers this one.
      await bridge.post(eventOf('early', 'GO', `early ${value}`));
      const early = await api().answer(Ref, '/v1/runs', {
        headers: { 'idempotency-key': 'early' },
        json: { definition: 'doors', payload: { key: `early ${value}`, value } },
      });
      await ended(early.runId, 'SUCCEEDED');
      expect(await projections.reads.getRun(tenant, early.runId)).toMatchObject({ actor: 'ada' });
      await waitFor(
        async () => (await projections.events.list(tenant, { eventName: 'SAID' }, {})).items.length > 1,
      );
    },
    LIMIT_MS,
  );

  it(
    'the API and the command line start, signal, rewind, re-run and stop runs, one by one and in bulk',
    async () => {
      const { tenant, projections } = api().sluice;
      const started = await api().answer(Ref, '/v1/runs', {
        json: {
          definition: 'doors',
          payload: { key: `api ${value}`, value },
          correlationKeys: [`api ${value}`],
        },
      });
      await waits(started.runId);
      const go = { eventName: 'GO', correlationKey: `api ${value}`, payload: { value } };
      await api().answer(z.unknown(), `/v1/runs/${started.runId}/signal`, { json: go });
      await ended(started.runId, 'SUCCEEDED');
      await api().answer(z.unknown(), `/v1/runs/${started.runId}/rewind`, { json: { stepPath: 'steps[3]' } });
      await waitFor(async () => {
        const { items } = await projections.reads.listEvents(tenant, started.runId, { limit: 200 });
        return items.some(({ type }) => type === 'RUN_REWOUND');
      });
      await ended(started.runId, 'SUCCEEDED');
      const lines = await api().ask('/v1/runs/bulk', {
        json: { action: 'rerun', filter: { definition: 'doors', correlationKey: `api ${value}` } },
      });
      expect(await lines.text()).toContain('"done":1');
      const again = await waitFor(async () => {
        const { items } = await projections.reads.listRuns(tenant, {
          definition: 'doors',
          status: 'WAITING',
        });
        return items[0] ?? false;
      });
      const signal = ['--key', `api ${value}`, '--payload', JSON.stringify({ value })];
      await command(['runs', 'signal', again.runId, 'GO', ...signal]);
      await ended(again.runId, 'SUCCEEDED');
      expect(await command(['run', 'doors-child', '--input', JSON.stringify({ value })])).toContain(value);
      await command(['runs', 'rewind', again.runId, 'steps[3]']);
      const other = JSON.parse(await command(['--json', 'runs', 'rerun', again.runId])) as { runId: string };
      await waits(other.runId);
      await command(['runs', 'cancel', other.runId]);
      await ended(other.runId, 'CANCELED');
      await command([
        'runs',
        'export',
        started.runId,
        '--out',
        join(directory, '..', `export-${value}.json`),
      ]).then(() => rm(join(directory, '..', `export-${value}.json`), { force: true }));
    },
    LIMIT_MS,
  );

  it(
    'dead letters of each kind that is sent again reach their run',
    async () => {
      const { tenant, projections } = api().sluice;
      const failing = await api().answer(Ref, '/v1/runs', {
        json: { definition: 'doors', payload: { key: `fails ${value}`, value, fails: true } },
      });
      await waits(failing.runId);
      await bridge.post(eventOf('fails', 'GO', `fails ${value}`));
      await ended(failing.runId, 'FAILED');
      const compensation = await waitFor(() => letterOf('compensation'));
      works = true;
      await command(['dead-letters', 'retry', compensation?.id ?? '']);
      expect(await projections.deadLetters.get(tenant, compensation?.id ?? '')).toMatchObject({
        status: 'RETRIED',
      });

      await api().sluice.publish(broken(1, 'payloadSchema: { type: object, required: [missing] }'));
      await bridge.post(eventOf('break', 'BREAK', value));
      const trigger = await waitFor(() => letterOf('trigger'));
      await api().sluice.publish(broken(2, ''));
      await api().answer(z.unknown(), `/v1/dead-letters/${trigger?.id}/retry`, { json: {} });
      await waitFor(async () => {
        const { items } = await projections.reads.listRuns(tenant, { definition: 'doors-broken' });
        return items[0]?.status === 'SUCCEEDED';
      });

      // A run could not keep this one, and gets it now.
      const run = await api().answer(Ref, '/v1/runs', {
        json: { definition: 'doors', payload: { key: `kept ${value}`, value } },
      });
      await waits(run.runId);
      const signal = {
        eventId: 'kept',
        source: 's',
        eventName: 'GO',
        correlationKey: `kept ${value}`,
        payload: { value },
      };
      const event = ['event', JSON.stringify(eventOf('poison', 'NOTHING', value))].map((field) =>
        Buffer.from(field),
      );
      const poison = deadLetterOf('stream/1', event, new SluiceError('EVENT_INVALID', 'no'));
      await projections.deadLetters.put([
        {
          ...{ tenant, id: 'kept', kind: 'delivery', subject: 'GO', reason: 'full', at: Date.now() },
          ...{ runId: run.runId, retryWith: { workflowId: run.workflowId, signal } },
        },
        { ...poison, tenant },
      ]);
      await api().answer(z.unknown(), '/v1/dead-letters/kept/retry', { json: {} });
      await ended(run.runId, 'SUCCEEDED');
      await command(['dead-letters', 'retry', poison.id]);
    },
    LIMIT_MS,
  );

  it("a task's people act by updates that its client has signed, and an unsigned act decides nothing", async () => {
    const { tenant, taskQueue, projections, client } = api().sluice;
    // It may encrypt, and has no claim key.
    const stranger = new Client({
      connection: await Connection.connect({ address: temporal.address }),
      namespace: temporal.namespace,
      ...(rings && { dataConverter: encryptingConverter(new KeyRing(files.payloads)) }),
    });
    try {
      const ask = (by: Client, item: string) => {
        const request = { tenant, item, title: `Look at ${value}`, requestedBy: 'rita', context: { value } };
        const args = { args: [request], workflowId: taskId(tenant, item), taskQueue };
        return by.workflow.start('sluice.task', { ...args, ...systemClaim(by, 'sluice.task', request) });
      };
      const task = await ask(client.temporal, 'mine');
      const act = { action: 'approve', actor: 'anna', reason: `because of ${value}`, roles: ['admin'] };
      const approve = async (by: Client) =>
        by.workflow
          .getHandle(task.workflowId)
          .executeUpdate<object, [unknown]>('task', { args: [claimedSignal(by, 'task', act)] });
      if (rings) {
        await expect(approve(stranger)).rejects.toThrow();
        const forged = await ask(stranger, 'forged');
        await expect(forged.result()).rejects.toMatchObject({ cause: { type: 'CLAIM_INVALID' } });
        expect(await projections.tasks.get(tenant, 'forged')).toBeUndefined();
      }
      expect(await approve(client.temporal)).toMatchObject({ status: 'approved' });
      expect(await task.result()).toMatchObject({ by: ['anna'] });
    } finally {
      await stranger.connection.close();
    }
  });

  it('the reconciler asks an open run for its rows, and closes one that Temporal ended', async () => {
    const { tenant, projections, taskQueue } = api().sluice;
    const run = await api().answer(Ref, '/v1/runs', {
      json: { definition: 'doors', payload: { key: `open ${value}`, value } },
    });
    await waits(run.runId);
    const connection = await NativeConnection.connect({ address: temporal.address });
    const reconciler = startReconciler({
      ...{
        connection,
        namespace: temporal.namespace,
        taskQueue,
        projections,
        log: pino({ level: 'silent' }),
      },
      ...{ intervalMs: 0, latestVersion: () => 1, graceMs: 0 },
      ...(options.dataConverter !== undefined && { dataConverter: options.dataConverter }),
    });
    try {
      await reconciler.pass();
      await api().client.temporal.workflow.getHandle(run.workflowId).terminate();
      await waitFor(async () => {
        await reconciler.pass();
        return (await statusOf(run.runId)) === 'TERMINATED';
      });
      const { items } = await projections.reads.listEvents(tenant, run.runId, { limit: 200 });
      expect(items.map(({ type }) => type)).not.toContain('SIGNAL_REJECTED');
    } finally {
      await reconciler.stop();
      await connection.close();
    }
  });

  it(
    'doctor, rebuild, prune and erase work as processes',
    async () => {
      const { tenant, projections } = api().sluice;
      expect(await command(['doctor'])).toMatch(rings ? /✔ claims/ : /- claims/);
      expect(await command(['rebuild'])).toMatch(/, 0 changed, 0 failed/);
      expect(await command(['rebuild', '--from-temporal'])).toMatch(/, 0 failed/);
      expect(await command(['prune', '--days', '2', '--event-days', '1', '--yes'])).toContain('Removed 0');
      const gone = await api().answer(Ref, '/v1/runs', {
        json: { definition: 'doors-child', payload: { value } },
      });
      await ended(gone.runId, 'SUCCEEDED');
      await command(['erase', gone.runId, '--yes'], { SLUICE_API_URL: '' });
      expect(await projections.reads.getRun(tenant, gone.runId)).toMatchObject({
        erasedAt: expect.any(String) as string,
      });
    },
    LIMIT_MS,
  );

  it('a stolen copy shows who did what when, and with rings no value [payloads-are-encrypted] [values-are-encrypted]', async () => {
    const { tenant, projections } = api().sluice;
    // An answer that the API keeps for a repeated request.
    const asked = { tenant, principal: 'ada', key: 'stolen' };
    const lease = { holder: 'h', now: Date.now(), forMs: 60_000 };
    await projections.apiRequests.begin(asked, 'hash', lease, Date.now() + 600_000);
    await projections.apiRequests.end(asked, 'h', { kind: 'answered', answer: JSON.stringify({ value }) });
    const open = await api().answer(Ref, '/v1/runs', {
      json: { definition: 'doors', payload: { key: `still open ${value}`, value } },
    });
    await waits(open.runId);
    const { database: rows } = projections;
    const [info] = await rows.request('INFO FOR DB');
    const tables = info?.ok === true ? Object.keys((info.value as { tables: object }).tables) : [];
    const found: string[] = [];
    for (const table of tables) {
      // The raw answer: readers of `projections` would open it.
      const [answer] = await rows.request(`SELECT VALUE <string> $this FROM ${table}`);
      if (JSON.stringify(answer).includes(value)) found.push(table);
    }
    expect(found.sort()).toEqual(rings ? [] : TABLES_WITH_VALUES);
    const kept = { temporal: await textOf(directory, false), rows: await textOf(join(directory, 'rows')) };
    for (const [store, text] of Object.entries(kept)) {
      // The tenant and the definition are in clear in both: docs/encryption.md says so.
      expect(text, store).toContain(tenant);
      expect(text, store).toContain('doors-child');
      expect(text.includes(value), store).toBe(!rings);
    }
    expect(kept.rows).toContain('ada');
  });
});
