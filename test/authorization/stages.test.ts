/** Every action of a run is authorized before it acts: on a real server, with real policies. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../actions/index.js';
import { loadPolicies, type Policies } from '../../authorization/index.js';
import type { Authorizer } from '../../contracts/authorization.js';
import { useSluice } from '../support/sluice.js';

const directory = mkdtempSync(join(tmpdir(), 'sluice-stages-'));
writeFileSync(
  join(directory, 'stages.cedar'),
  `permit (principal, action, resource);
forbid (principal, action, resource) when { resource.tags.contains("forbidden") };
forbid (principal, action, resource == Stage::"keep") when { context.compensation };
forbid (principal, action, resource) when { resource.action == "test.paid" && resource.actionVersion == 1 };
forbid (principal, action, resource) when { resource.secrets.contains("KEY") };
forbid (principal, action, resource) when { resource.host == "localhost" };`,
);
let policies: Policies;
let asked = 0;
const authorizer: Authorizer = {
  decide(request) {
    asked++;
    return policies.decide(request);
  },
};
beforeAll(async () => {
  policies = await loadPolicies({ directory });
});
afterAll(() => rmSync(directory, { recursive: true }));

const calls: string[] = [];
const counted = defineAction({
  id: 'test.counted',
  version: 1,
  description: 'Counts its calls.',
  input: z.string(),
  output: z.string(),
  run(input, context) {
    calls.push(input);
    if (input === 'flaky' && context.attempt < 3) throw new Error('not yet');
    return input;
  },
});

const paid = defineAction({ ...counted, id: 'test.paid' });
/** Reads the secret that its input names by a word, and says nothing of a refusal. */
const sly = defineAction({
  id: 'test.sly',
  version: 1,
  input: z.string(),
  output: z.string(),
  async run(input, context) {
    calls.push(`${input}: ${await context.secret(input).catch(() => 'nothing')}`);
    return 'ended well';
  },
});

/** Answers /there, and leads everything else to another name of itself. */
const requests: string[] = [];
const server: Server = createServer((request, response) => {
  requests.push(`${request.headers.host?.split(':')[0]} ${request.url}`);
  if (request.url === '/there') response.end('ok');
  else response.writeHead(302, { location: `http://localhost:${port()}/secret` }).end();
}).listen(0);
const port = (): number => (server.address() as AddressInfo).port;
afterAll(() => void server.close());

const sluice = useSluice({
  actions: [counted, paid, sly],
  authorizer,
  secrets: { KEY: 'k-4711-0815', FREE: 'free' },
  allowHosts: ['127.0.0.1', 'localhost'],
});

const act = (id: string, more: object = {}): object => ({
  id,
  type: 'action.call',
  action: 'test.counted',
  input: id,
  ...more,
});
let count = 0;
async function run(
  steps: readonly object[],
  id = `authorized-${++count}`,
): Promise<{ runId: string; end: unknown }> {
  await sluice().client.publishDefinition(JSON.stringify({ id, version: 1, steps }), { format: 'json' });
  const started = await sluice().start(id, {});
  const end = await sluice()
    .result(started)
    .catch((error: unknown) => error);
  return { runId: started.runId, end };
}

const evidence = async (runId: string) =>
  (await sluice().projections.reads.listEvidence(sluice().tenant, runId)).map(
    ({ path, attempt, decision, body }) => ({ path, attempt, decision, body }),
  );

describe('a stage that is permitted', () => {
  it('a permitted stage runs, and each attempt has its evidence', async () => {
    const before = asked;
    const { runId, end } = await run([
      act('first'),
      act('flaky', { retry: { maxAttempts: 3, backoffMs: 1 } }),
      act('near', { local: true }),
    ]);
    expect(end).toBeNull();
    expect(asked - before).toBe(5);
    const found = await evidence(runId);
    expect(found.map(({ path, attempt, decision }) => `${path}#${attempt} ${decision}`)).toEqual([
      'steps[0]#1 ALLOW',
      'steps[1]#1 ALLOW',
      'steps[1]#2 ALLOW',
      'steps[1]#3 ALLOW',
      'steps[2]#1 ALLOW',
    ]);
    expect(found[0]?.body).toMatchObject({
      principal: 'Service::"sluice-orchestrator"',
      action: 'execute-stage',
      resource: 'Stage::"first"',
      policies: ['stages.cedar:1'],
      policyHash: policies.hash,
      request: { actor: 'test', tenant: sluice().tenant, environment: 'test', action: 'test.counted' },
    });
  });
});

describe('a stage that is denied', () => {
  const denied = act('denied', { tags: ['forbidden'] });
  const swallowing = [
    {
      id: 't',
      type: 'control.tryCatch',
      try: [{ ...denied, retry: { maxAttempts: 5, backoffMs: 1 }, onError: { policy: 'continue' } }],
      catch: [act('caught')],
      finally: [act('finally')],
    },
    act('after'),
  ];

  it('a denied stage calls nothing, and no onError, catch or retry swallows the error', async () => {
    calls.length = 0;
    const { runId, end } = await run(swallowing);
    expect(end).toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('forbidden by stages.cedar:2') as string,
      details: { policies: ['stages.cedar:2'], policyHash: policies.hash, resource: 'Stage::"denied"' },
    });
    expect(calls).toEqual(['finally']);
    const { items } = await sluice().projections.reads.listSteps(sluice().tenant, runId);
    expect(items.find(({ id }) => id === 'denied')).toMatchObject({ status: 'FAILED', attempt: 1 });
    expect((await evidence(runId)).map(({ path, decision }) => `${path} ${decision}`)).toEqual([
      'steps[0].finally[0] ALLOW',
      'steps[0].try[0] DENY',
    ]);
  });

  it('a denied stage compensates what the run did before, with a decision about each compensation', async () => {
    calls.length = 0;
    const compensate = { action: 'test.counted', input: { $expr: '"undo " & input' } };
    const { runId, end } = await run([
      act('one', { compensate }),
      act('keep', { compensate }),
      act('two', { compensate }),
      denied,
    ]);
    expect(end).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(calls).toEqual(['one', 'keep', 'two', 'undo two', 'undo one']);
    const letters = await sluice().projections.deadLetters.list(sluice().tenant, { runId });
    expect(letters.items).toMatchObject([{ errorCode: 'UNAUTHORIZED', subject: 'test.counted of keep' }]);
    expect((await evidence(runId)).filter(({ decision }) => decision === 'DENY')).toHaveLength(2);
  });

  it('a denied local action calls nothing', async () => {
    calls.length = 0;
    const { end } = await run([act('denied', { tags: ['forbidden'], local: true })]);
    expect(end).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(calls).toEqual([]);
  });
});

describe('a stage that does more than its name says', () => {
  it('no other step id, tag or definition id passes a policy about the action [policies-see-what-is-done]', async () => {
    calls.length = 0;
    const pay = act('pay', { action: 'test.paid' });
    for (const [id, step] of [
      ['plain', pay],
      ['renamed', { ...pay, id: 'harmless' }],
      ['tagged', { ...pay, tags: ['reviewed'] }],
      ['local', { ...pay, local: true }],
      ['a-copy', pay],
    ] as const) {
      expect((await run([step], id)).end, id).toMatchObject({ code: 'UNAUTHORIZED' });
    }
    const undo = { action: 'test.paid', input: 'undo' };
    await run([act('one', { compensate: undo }), { id: 'no', type: 'control.fail' }]);
    expect(calls).toEqual(['one']);
  });

  it('policies see the hash of the published document', async () => {
    const { runId } = await run([act('hashed')], 'hashed');
    const { hash } = (await sluice().projections.reads.getDefinition(sluice().tenant, 'hashed')) ?? {};
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await evidence(runId))[0]?.body).toMatchObject({ request: { definitionHash: hash } });
  });

  it('a secret is denied by its name, in the input and where the action reads it [policies-see-what-is-done]', async () => {
    calls.length = 0;
    const inInput = await run([act('named', { input: { $secret: 'KEY' } })]);
    expect(inInput.end).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(calls).toEqual([]);
    const read = await run([act('sly', { action: 'test.sly', input: 'KEY' })]);
    expect(read.end).toMatchObject({ code: 'UNAUTHORIZED', details: { begun: true } });
    expect(calls).toEqual(['KEY: nothing']);
    expect(await evidence(read.runId)).toMatchObject([{ decision: 'DENY' }]);
    const free = await run([act('free', { action: 'test.sly', input: 'FREE' })]);
    expect(free.end).toBeNull();
    expect((await evidence(free.runId))[0]?.body).toMatchObject({ request: { secrets: ['FREE'] } });
  });

  it('a target is denied by its host, also after a redirect, before it is sent to [policies-see-what-is-done]', async () => {
    const get = (url: string, more: object = {}) =>
      run([act('get', { action: 'http.request', input: { url }, ...more })]);
    const at = (host: string, path: string): string => `http://${host}:${port()}${path}`;
    expect((await get(at('localhost', '/there'))).end).toMatchObject({ code: 'UNAUTHORIZED' });
    expect((await get(at('LOCALHOST.', '/there'))).end).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(requests).toEqual([]);
    const led = await get(at('127.0.0.1', '/elsewhere'), {
      compensate: { action: 'test.counted', input: 'undo get', onFailure: true },
    });
    expect(led.end).toMatchObject({ code: 'UNAUTHORIZED', details: { begun: true } });
    expect(requests).toEqual(['127.0.0.1 /elsewhere']);
    // The first request was sent, so the step is compensated.
    expect(calls).toContain('undo get');
    const good = await get(at('127.0.0.1', '/there'));
    expect(good.end).toBeNull();
    expect((await evidence(good.runId))[0]?.body).toMatchObject({
      request: { target: { scheme: 'http', host: '127.0.0.1', port: port(), method: 'GET' } },
    });
  });
});
