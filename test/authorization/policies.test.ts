/** Policies as files: what they decide, and what a directory must be. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import cedar from '@cedar-policy/cedar-wasm/nodejs';
import { afterEach, describe, expect, it } from 'vitest';
import { loadPolicies } from '../../authorization/index.js';
import { targetOf, type StageRequest } from '../../contracts/authorization.js';

const RELOADS = fileURLToPath(new URL('reloads.fixture.ts', import.meta.url));
const directories: string[] = [];
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

async function directoryOf(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-policies-'));
  directories.push(directory);
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return directory;
}

const load = async (files: Readonly<Record<string, string>>, principal?: 'actor') =>
  loadPolicies({ directory: await directoryOf(files), ...(principal && { principal }) });

const request = (changes: Partial<StageRequest> = {}): StageRequest => ({
  stage: 'charge',
  kind: 'action.call',
  action: 'payments.charge',
  actionVersion: 1,
  definition: 'order-fulfilment',
  definitionVersion: 3,
  definitionHash: 'a1',
  tenant: 'acme',
  environment: 'production',
  region: 'eu',
  tags: ['money'],
  secrets: [],
  actor: 'ada',
  workflowId: 'w',
  runId: 'r',
  attempt: 1,
  compensation: false,
  ...changes,
});

const PERMIT_ALL = 'permit (principal, action, resource);';
const when = (condition: string): string => `permit (principal, action, resource) when { ${condition} };`;

/** What Cedar itself says where it is given every policy. */
function decidedByAll(staticPolicies: Record<string, string>, one: StageRequest) {
  const { stage, actor, workflowId, runId, attempt, compensation, target, ...others } = one;
  const attributes = { ...others, eventName: others.eventName ?? '', child: others.child ?? '' };
  const resource = { type: 'Stage', id: stage };
  const attrs = {
    ...{ ...attributes, tags: [...attributes.tags], secrets: [...attributes.secrets] },
    ...(target ?? { scheme: '', host: '', port: 0, method: '' }),
  };
  const answer = cedar.isAuthorized({
    principal: { type: 'User', id: actor },
    action: { type: 'Action', id: 'execute-stage' },
    resource,
    context: { actor, workflowId, runId, attempt, compensation },
    entities: [{ uid: resource, attrs, parents: [] }],
    policies: { staticPolicies },
  });
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
  const { decision, diagnostics } = answer.response;
  return { allowed: decision === 'allow', reasons: [...diagnostics.reason].sort() };
}

describe('a decision', () => {
  it('a request that nothing permits is denied', async () => {
    const policies = await load({
      'a.cedar': 'permit (principal, action, resource == Stage::"ship");',
    });
    expect(policies.decide(request())).toEqual({
      allowed: false,
      principal: 'Service::"sluice-orchestrator"',
      resource: 'Stage::"charge"',
      policies: [],
      errors: [],
      policyHash: policies.hash,
    });
    expect(policies.decide(request({ stage: 'ship' }))).toMatchObject({
      allowed: true,
      policies: ['a.cedar:1'],
    });
  });

  it('all files are one set, and one forbid outweighs every permit', async () => {
    const policies = await load({
      'a.cedar': `${PERMIT_ALL}\n// no one; not even at night\n\npermit (principal, action, resource == Stage::"charge");`,
      'b.cedar': '\nforbid (principal, action, resource) when { resource.tags.contains("money") };',
    });
    expect(policies.decide(request())).toMatchObject({ allowed: false, policies: ['b.cedar:2'] });
    expect(policies.decide(request({ tags: [] }))).toMatchObject({
      allowed: true,
      policies: ['a.cedar:1', 'a.cedar:4'],
    });
  });

  it('policies can select tenants, environments, definitions, actions and the actor', async () => {
    const policies = await load({
      'tenants.cedar': `
        permit (principal == Service::"sluice-orchestrator", action == Action::"execute-stage", resource)
        when { resource.tenant == "acme" && resource.environment == "production" && context.actor == "ada" };
        permit (principal, action, resource)
        when { resource.tenant == "other" && resource.action like "payments.*" && resource.definitionVersion > 2 };
        permit (principal, action, resource) when { context.compensation };`,
    });
    expect(policies.decide(request()).allowed).toBe(true);
    expect(policies.decide(request({ tenant: 'beta' })).allowed).toBe(false);
    expect(policies.decide(request({ environment: 'staging' })).allowed).toBe(false);
    expect(policies.decide(request({ actor: 'eve' })).allowed).toBe(false);
    expect(policies.decide(request({ tenant: 'other', actor: 'eve' })).allowed).toBe(true);
    expect(policies.decide(request({ tenant: 'other', definitionVersion: 2 })).allowed).toBe(false);
    expect(policies.decide(request({ tenant: 'beta', compensation: true })).allowed).toBe(true);
  });

  it('the principal is the actor as a user if the configuration says so', async () => {
    const policies = await load(
      { 'a.cedar': 'permit (principal == User::"ada", action, resource);' },
      'actor',
    );
    expect(policies.decide(request())).toMatchObject({ allowed: true, principal: 'User::"ada"' });
    expect(policies.decide(request({ actor: 'a" || true' }))).toMatchObject({ allowed: false });
  });

  it('a request is denied if a policy cannot be evaluated', async () => {
    const policies = await load({
      'a.cedar': `${PERMIT_ALL}\nforbid (principal, action, resource) when { resource.actionVersion * 9223372036854775807 > 1 };`,
    });
    const decision = policies.decide(request({ actionVersion: 3 }));
    expect(decision.allowed).toBe(false);
    expect(decision.errors[0]).toMatch(/^a\.cedar:2: .*overflow/);
  });

  it.each([
    ['of a stage each', (i: number) => `permit (principal, action, resource == Stage::"stage-${i}");`],
    [
      'over tenants',
      (i: number) =>
        `permit (principal, action, resource) when { context.actor != "eve" && resource.tenant == "t-${i % 50}" && resource.action == "a-${i}" };`,
    ],
    ['of an action each', (i: number) => when(`resource.action == "a-${i}"`)],
    ['of an actor each', (i: number) => when(`context.actor == "u-${i}"`)],
    ['of a principal each', (i: number) => `permit (principal == User::"u-${i}", action, resource);`],
    ['of one of two definitions', (i: number) => when(`["d-${i}", "e-${i}"].contains(resource.definition)`)],
    ['of either action', (i: number) => when(`resource.action == "a-${i}" || resource.action == "b-${i}"`)],
    ['of a tag each', (i: number) => when(`context.attempt < 9 && resource.tags.contains("t-${i}")`)],
  ])('a decision takes less than 2 ms with a thousand policies %s', async (_, policy) => {
    const many = Array.from({ length: 1_000 }, (_unused, i) => policy(i));
    const policies = await load({ 'many.cedar': many.join('\n') }, 'actor');
    expect(policies.summary.policies).toBe(1_000);
    const decide = (n: number) =>
      policies.decide(
        request({
          ...{ stage: `stage-${n}`, tenant: `t-${n % 50}`, action: `a-${n}`, actor: `u-${n}` },
          ...{ definition: `d-${n}`, tags: [`t-${n}`, 'money'] },
        }),
      );
    for (const n of [7, 8, 7]) {
      expect(decide(n)).toMatchObject({ allowed: true, policies: [`many.cedar:${n + 1}`] });
    }
    expect(decide(5_000).allowed).toBe(false);
    const times = Array.from({ length: 50 }, () => {
      const from = performance.now();
      decide(7);
      return performance.now() - from;
    });
    expect(times.sort((x, y) => x - y)[25]).toBeLessThan(2);
  });

  it('a decision equals that of the whole set, for policies with any ties', async () => {
    const scopes = ['principal', 'principal == User::"ada"', 'principal == Service::"sluice-orchestrator"'];
    const stages = ['resource', 'resource == Stage::"charge"', 'resource == Stage::"ship"'];
    const conditions = [
      'resource.tenant == "acme"',
      '"beta" == resource.tenant && !context.compensation',
      'context.compensation && resource.environment == "production"',
      'resource.tenant == "acme" || resource.tenant == "gamma"',
      'resource.tenant == "acme" || context.actor == "eve"',
      '["acme", "beta"].contains(resource.tenant) && context.attempt == 2',
      'resource.tags.contains("money") || resource.tags.contains("stock")',
      '!(resource.tenant == "acme")',
      'if resource.tenant == "beta" then context.actor == "ada" else context.actor == "eve"',
      'principal == User::"ada" && resource.definitionVersion == 3',
      'resource == Stage::"ship"',
      'resource.tags.containsAll(["money", "stock"])',
      'context.actor like "e*" && resource.tenant != "beta"',
      'resource.secrets.contains("KEY") && resource.port == 443',
      'resource.host == "pay.example" || resource.host == ""',
    ];
    const texts = conditions.flatMap((condition, i) => {
      const head = `(${scopes[i % 3]}, action, ${stages[Math.floor(i / 3) % 3]})`;
      const effect = i % 4 === 3 ? 'forbid' : 'permit';
      return [`${effect} (principal, action, resource)`, `${effect} ${head}`].flatMap((begin) => [
        `${begin} when { ${condition} };`,
        `${begin} when { true } unless { ${condition} };`,
      ]);
    });
    const requests = ['acme', 'beta', 'gamma'].flatMap((tenant) =>
      ['ada', 'eve'].flatMap((actor) =>
        [true, false].flatMap((compensation) =>
          ['charge', 'ship'].map((stage, i) =>
            request({
              tenant,
              actor,
              compensation,
              stage,
              attempt: i + 1,
              tags: i === 0 ? ['money'] : ['stock', 'money'],
              secrets: i === 0 ? ['KEY'] : [],
              target: i === 0 ? targetOf(new URL('https://pay.example'), 'get') : undefined,
            }),
          ),
        ),
      ),
    );
    const policies = await load({ 'p.cedar': texts.join('\n') }, 'actor');
    const whole = Object.fromEntries(texts.map((text, i) => [`p.cedar:${i + 1}`, text]));
    for (const one of requests) {
      const { allowed, policies: reasons } = policies.decide(one);
      expect({ allowed, reasons }, JSON.stringify(one)).toEqual(decidedByAll(whole, one));
    }
  });

  it('the decision of a slice equals that of the whole set: no policy that can apply is missing', async () => {
    const policies = await load({
      'a.cedar': `permit (principal, action, resource);
forbid (principal, action, resource) when { resource.tenant == "acme" || context.actor == "eve" };
forbid (principal, action, resource) unless { resource.tenant == "acme" || resource.tenant == "beta" };
forbid (principal, action, resource == Stage::"charge") when { "gamma" == resource.tenant };`,
    });
    const told = (changes: Partial<StageRequest>) => policies.decide(request(changes)).policies;
    expect(told({})).toEqual(['a.cedar:2']);
    expect(told({ tenant: 'beta', actor: 'eve' })).toEqual(['a.cedar:2']);
    expect(told({ tenant: 'beta' })).toEqual(['a.cedar:1']);
    expect(told({ tenant: 'gamma' })).toEqual(['a.cedar:3', 'a.cedar:4']);
    expect(told({ tenant: 'gamma', stage: 'ship' })).toEqual(['a.cedar:3']);
  });

  it('decisions are right with more stages than slots', async () => {
    const many = Array.from(
      { length: 300 },
      (_, i) => `permit (principal, action, resource == Stage::"s-${i}");`,
    );
    const policies = await load({ 'many.cedar': many.join('\n') });
    for (const round of [0, 1]) {
      for (let i = 0; i < 300; i++) {
        expect(policies.decide(request({ stage: `s-${i}` })).policies, `${round}`).toEqual([
          `many.cedar:${i + 1}`,
        ]);
      }
    }
  });
});

describe('a directory of policies', () => {
  const refused = (files: Readonly<Record<string, string>>) =>
    load(files).then(
      () => 'accepted',
      (error: unknown) => (error as { code: string; message: string }).message,
    );

  it('a directory that is missing or has no policy is refused', async () => {
    await expect(loadPolicies({ directory: '/nowhere/at/all' })).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      message: expect.stringContaining('/nowhere/at/all cannot be read') as string,
    });
    expect(await refused({})).toContain('has no *.cedar file');
    expect(await refused({ 'notes.txt': PERMIT_ALL })).toContain('has no *.cedar file');
    expect(await refused({ 'a.cedar': '// nothing yet\n' })).toContain('holds no policy');
  });

  it('a refused directory reports file and line of each policy that does not parse, in every file', async () => {
    const message = await refused({
      'a.cedar': `${PERMIT_ALL}\n// größe\npermit (principal, action resource);`,
      'b.cedar': 'nothing',
    });
    expect(message).toContain('a.cedar:3: ');
    expect(message).toContain('b.cedar:1: ');
  });

  it('a refused directory reports file and line of what the schema does not know', async () => {
    const message = await refused({
      'a.cedar': `${PERMIT_ALL}\n\npermit (principal, action, resource) when { resource.tennant == "a" };`,
    });
    expect(message).toMatch(/a\.cedar:3: .*tennant/);
  });
});

describe('a reload', () => {
  it('a reload takes the new policies, all or nothing; the hash shows which are in force', async () => {
    const directory = await directoryOf({ 'a.cedar': PERMIT_ALL });
    const policies = await loadPolicies({ directory });
    const first = policies.hash;
    await writeFile(join(directory, 'b.cedar'), 'forbid (principal, action, resource);');
    await writeFile(join(directory, 'c.cedar'), 'forbid (principal;');
    await expect(policies.reload()).rejects.toMatchObject({ code: 'POLICY_INVALID' });
    expect(policies.decide(request())).toMatchObject({ allowed: true, policyHash: first });
    await rm(join(directory, 'c.cedar'));
    await policies.reload();
    expect(policies.hash).not.toBe(first);
    expect(policies.decide(request())).toMatchObject({ allowed: false, policyHash: policies.hash });
  });

  it('repeated reloads of a thousand policies do not end the process', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', RELOADS], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (data) => (output += String(data)));
    child.stderr.on('data', (data) => (output += String(data)));
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect({ code, signal }, output.slice(0, 2_000)).toEqual({ code: 0, signal: null });
  });

  it('a reload of one set does not change another', async () => {
    const permits = await load({ 'a.cedar': PERMIT_ALL });
    const forbids = await load({ 'a.cedar': 'forbid (principal, action, resource);' });
    expect(permits.decide(request()).allowed).toBe(true);
    expect(forbids.decide(request()).allowed).toBe(false);
  });
});
