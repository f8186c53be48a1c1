/** What both stores hold of runs whose workers and clients have a key ring, and who may decrypt it. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { z } from 'zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSluiceClient } from '../../client/index.js';
import { encryptingConverter, KeyRing, newKey, RingSeal } from '../../encryption/index.js';
import { startTemporalDevServer, type TemporalDevServer } from '../../worker/temporal-server/dev-server.js';
import { useApi } from '../api/support/api.js';
import { runCommand } from '../support/command.js';
import { useSluice, withSluice, type SluiceTest } from '../support/sluice.js';
import { BIN, ROOT, textOf } from './support/files.js';

const keys = { k1: newKey(), k2: newKey() };
const RING = { current: 'k1', keys, index: newKey() };
const ring = new KeyRing(RING);
const dataConverter = encryptingConverter(ring);
const seal = () => Promise.resolve(new RingSeal(ring));

/** The value passes through every kind of thing that Temporal stores. */
const SEALED = `
id: sealed
version: 1
steps:
  - { id: told, type: action.call, action: core.echo, input: { $expr: payload.value }, saveAs: vars.told }
  - id: child
    type: control.callWorkflow
    workflow: sealed-child
    input: { value: { $expr: payload.value } }
    saveAs: vars.child
  - { id: say, type: event.publish, eventName: SAID, payload: { value: { $expr: payload.value } } }
  - { id: go, type: event.wait, eventName: GO, correlationKey: { $expr: payload.key }, assign: { vars.got: { $expr: event.payload } } }
  - id: tried
    type: control.tryCatch
    captureErrorAs: problem
    try: [{ id: fails, type: control.fail, code: NO, message: { $expr: '"not with " & payload.value' } }]
    catch: [{ id: kept, type: transform.assign, assign: { vars.problemText: { $expr: problem.message } } }]
  - { id: end, type: control.fail, when: { $expr: payload.fails }, code: ENOUGH, message: { $expr: '"enough of " & payload.value' } }
result: { $expr: '{ "told": vars.told, "child": vars.child, "got": vars.got, "problem": vars.problemText }' }
`;
const CHILD = `
id: sealed-child
version: 1
steps:
  - { id: echo, type: action.call, action: core.echo, input: { $expr: payload.value }, saveAs: vars.said }
result: { $expr: vars.said }
`;

/** Runs the definition to both ends with a value. */
async function passThrough(sluice: SluiceTest, value: string): Promise<void> {
  await sluice.publish(CHILD);
  await sluice.publish(SEALED);
  const done = await sluice.start('sealed', { key: value, value, fails: false });
  await sluice.waiting(done);
  await sluice.signal(done, { eventName: 'GO', correlationKey: value, payload: { value } });
  expect(await sluice.result(done)).toEqual({
    told: value,
    child: value,
    got: { value },
    problem: `not with ${value}`,
  });
  const failed = await sluice.start('sealed', { key: value, value, fails: true });
  await sluice.waiting(failed);
  await sluice.signal(failed, { eventName: 'GO', correlationKey: value, payload: { value } });
  await expect(sluice.result(failed)).rejects.toMatchObject({
    message: expect.stringContaining(value) as string,
  });
}

describe('the stores of Temporal and of the database', () => {
  let directory: string;
  let server: TemporalDevServer;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-sealed-'));
    server = await startTemporalDevServer({
      env: process.env,
      log: () => undefined,
      headless: true,
      dbFilename: join(directory, 'temporal.db'),
    });
  });
  afterAll(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });

  it('hold no value of a run with a key ring in any file [payloads-are-encrypted] [values-are-encrypted]', async () => {
    const { address, namespace } = server;
    const temporal = { address, namespace };
    // Without a ring the value is found: so the search can find it.
    const clear = { url: `surrealkv://${join(directory, 'clear')}` };
    await withSluice({ temporal, database: clear }, (sluice) => passThrough(sluice, 'clear-5fd2c07b'));
    const sealed = { url: `surrealkv://${join(directory, 'sealed')}`, seal };
    await withSluice({ temporal, database: sealed, dataConverter }, async (sluice) => {
      await passThrough(sluice, 'sealed-91ac33e8');
      // Who guesses a correlation key can't check the guess in Temporal: the ring makes its digest.
      const run = await sluice.start('sealed', { key: 'guess', value: 1, fails: false });
      await sluice.waiting(run);
      const { searchAttributes } = await sluice.client.temporal.workflow.getHandle(run.workflowId).describe();
      const file = join(directory, 'ring.json');
      await writeFile(file, JSON.stringify(RING));
      const args = [BIN, 'keys', 'digest', file, 'guess', '--for-tenant', sluice.tenant];
      const { stdout } = await runCommand(process.execPath, args, { cwd: ROOT, env: process.env });
      expect(searchAttributes['SluiceCorrelationKeys']).toEqual([stdout.trim()]);
      expect(stdout.trim()).toMatch(/^[0-9a-f]{32}$/);
      expect(stdout).not.toContain(createHash('sha256').update('guess').digest('hex').slice(0, 32));
      await sluice.signal(run, { eventName: 'GO', correlationKey: 'guess', payload: {} });
      await sluice.result(run);
    });
    const inTemporal = await textOf(directory, false);
    expect(inTemporal).toContain('clear-5fd2c07b');
    expect(await textOf(join(directory, 'clear'))).toContain('clear-5fd2c07b');
    expect(inTemporal + (await textOf(join(directory, 'sealed')))).not.toContain('sealed-91ac33e8');
  });
});

describe('a key ring', () => {
  const api = useApi({ dataConverter });

  it('lets open runs go on when it is turned on, and reads what the old key wrote once it has rotated', async () => {
    const { temporal, taskQueue, tenant } = api().sluice;
    const sluice = api().sluice;
    await sluice.publish(CHILD);
    await sluice.publish(SEALED);
    // A producer without the ring starts. One that has rotated sends the event to a worker that has not.
    const plain = await createSluiceClient({ ...temporal, taskQueue, tenant });
    const rotated = await createSluiceClient({
      ...temporal,
      taskQueue,
      tenant,
      dataConverter: encryptingConverter(new KeyRing({ ...RING, current: 'k2' })),
    });
    try {
      const run = await plain.start('sealed', { key: 'k', value: 'v', fails: false });
      await sluice.waiting(run);
      await rotated.signalEvent(run.workflowId, { eventName: 'GO', correlationKey: 'k', payload: 7 });
      expect(await rotated.result(run.workflowId)).toMatchObject({ told: 'v', got: 7 });
    } finally {
      await plain.close();
      await rotated.close();
    }
  });

  const Answer = z.object({ payloads: z.array(z.looseObject({ data: z.string() })) });

  /** A payload as Temporal stores it: the start argument of a run with that value. */
  async function storedPayload(value: string) {
    const { sluice } = api();
    await sluice.publish(CHILD);
    const run = await sluice.start('sealed-child', { value });
    await sluice.result(run);
    const connection = await Connection.connect({ address: sluice.temporal.address });
    try {
      const { events } = await new Client({ connection, ...sluice.temporal }).workflow
        .getHandle(run.workflowId)
        .fetchHistory();
      const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
      const base64 = (part: Uint8Array | null | undefined) => Buffer.from(part ?? []).toString('base64');
      return {
        run,
        payload: {
          metadata: Object.fromEntries(
            Object.entries(payload?.metadata ?? {}).map(([name, part]) => [name, base64(part)]),
          ),
          data: base64(payload?.data),
        },
      };
    } finally {
      await connection.close();
    }
  }

  it('decrypts at the codec endpoint only for the role codec in all tenants', async () => {
    const { payload } = await storedPayload('for-the-web-ui');
    expect(Buffer.from(payload.data, 'base64').toString('latin1')).not.toContain('for-the-web-ui');
    const json = { payloads: [payload] };
    for (const as of ['codec', 'everywhere'] as const) {
      const { payloads } = await api().answer(Answer, '/v1/codec/decode', { as, json });
      expect(Buffer.from(payloads[0]?.data ?? '', 'base64').toString()).toBe('{"value":"for-the-web-ui"}');
    }
    for (const as of ['reader', 'operator', 'publisher', 'admin', 'other'] as const) {
      const { code } = await api().refusal('/v1/codec/decode', { as, json });
      expect(code).toBe(as === 'admin' || as === 'other' ? 'TENANT_FORBIDDEN' : 'FORBIDDEN');
    }
    expect(await api().refusal('/v1/codec/decode', { as: undefined, json })).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    // The role gives nothing else.
    expect(await api().refusal('/v1/runs', { as: 'codec' })).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('encrypts at the codec endpoint what it decrypts again', async () => {
    const clear = { metadata: { encoding: 'anNvbi9wbGFpbg==' }, data: 'Nw==' };
    const sealed = await api().answer(Answer, '/v1/codec/encode', {
      as: 'codec',
      json: { payloads: [clear] },
    });
    expect(sealed.payloads[0]?.data).not.toContain('Nw==');
    expect(await (await api().ask('/v1/codec/decode', { as: 'codec', json: sealed })).json()).toEqual({
      payloads: [clear],
    });
  });

  it('shows `temporal workflow show` the values through the codec endpoint, and without it none', async () => {
    const { run } = await storedPayload('for-the-command-line');
    const { address, namespace } = api().sluice.temporal;
    const args = ['workflow', 'show', '-w', run.workflowId, '--address', address, '--namespace', namespace];
    const json = [...args, '--output', 'json'];
    const env = { ...process.env, HOME: tmpdir() };
    const cli = process.env.TEMPORAL_CLI_PATH || 'temporal';
    const without = await runCommand(cli, json, { env });
    expect(without.code).toBe(0);
    expect(without.stdout).not.toContain(Buffer.from('"for-the-command-line"').toString('base64'));
    const codec = [
      '--codec-endpoint',
      `${api().url}/v1/codec`,
      '--codec-auth',
      `Bearer ${api().token.codec}`,
    ];
    const through = await runCommand(cli, [...json, ...codec], { env });
    expect(through.stdout).toContain(Buffer.from('"for-the-command-line"').toString('base64'));
  });
});

describe('the codec endpoint in a browser', () => {
  const origin = 'https://temporal.example';
  const api = useApi({ dataConverter, startWorker: false, config: { codecOrigins: [origin] } });
  const preflight = (from: string, path: string) =>
    api().ask(path, {
      as: undefined,
      method: 'OPTIONS',
      headers: { origin: from, 'access-control-request-method': 'POST' },
    });

  it('answers pages of the named origins only, and only at its own paths', async () => {
    const named = await preflight(origin, '/v1/codec/decode');
    expect(named.headers.get('access-control-allow-origin')).toBe(origin);
    expect(named.headers.get('access-control-allow-headers')).toContain('Authorization');
    for (const [from, path] of [
      ['https://evil.example', '/v1/codec/decode'],
      [origin, '/v1/runs'],
    ] as const) {
      const other = await preflight(from, path);
      expect(other.headers.get('access-control-allow-origin')).toBeNull();
    }
    const answer = await api().ask('/v1/codec/decode', {
      as: 'codec',
      headers: { origin },
      json: { payloads: [] },
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
  });
});

describe('a worker without the key', () => {
  const sluice = useSluice({ dataConverter, startWorker: false });

  it('decides nothing about a run that it cannot read, and the run goes on once a worker has the key', async () => {
    // Published through the ring by a worker of the same queue that has it.
    await sluice().startWorker();
    await sluice().publish(CHILD);
    await sluice().stopWorker();
    const run = await sluice().start('sealed-child', { value: 'later' });
    const other = encryptingConverter(new KeyRing({ current: 'x', keys: { x: newKey() }, index: newKey() }));
    await withSluice(
      {
        taskQueue: sluice().taskQueue,
        tenant: sluice().tenant,
        dataConverter: other,
      },
      async () => {
        // The task has failed once: Temporal shows it as failing, with the cause, and tries again.
        const failed = async () =>
          (await sluice().history(run)).some(({ workflowTaskFailedEventAttributes: task }) => Boolean(task));
        await expect.poll(failed, { timeout: 20_000 }).toBe(true);
      },
    );
    await sluice().startWorker();
    expect(await sluice().result(run)).toBe('later');
  });
});

it('what an attempt left for the next one counts with a key ring too: a wait for a capable worker ends', () =>
  withSluice({ dataConverter, tuning: { missingActionMs: 300 } }, async (sluice) => {
    const run = await sluice.start('never-published');
    await expect(sluice.result(run)).rejects.toMatchObject({
      code: 'DEFINITION_NOT_FOUND',
      message: expect.stringContaining('It stayed empty for 300 ms') as string,
    });
  }));
