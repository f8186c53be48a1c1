/** Every action of a run is authorized before it acts: on a real server, with real policies. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
forbid (principal, action, resource == Stage::"keep") when { context.compensation };`,
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

const sluice = useSluice({ actions: [counted], authorizer });

const act = (id: string, more: object = {}): object => ({
  id,
  type: 'action.call',
  action: 'test.counted',
  input: id,
  ...more,
});
let count = 0;
async function run(steps: readonly object[]): Promise<{ runId: string; end: unknown }> {
  const id = `authorized-${++count}`;
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
