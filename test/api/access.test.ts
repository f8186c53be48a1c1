/** Authentication: JSON Web Tokens, keys that expire, rate limits, and an API without tokens. */
import { createServer, type Server } from 'node:http';
import { request } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, readKeyFile, startApi, type ApiConfig, type RunningApi } from '../../api/index.js';
import { jwtVerifier } from '../../api/auth/jwt.js';
import { Problem } from '../../api/http/problem.js';
import { loadApiConfig } from '../../worker/config/api-config.js';
import { createSluiceClient, type SluiceClient } from '../../client/index.js';
import { useSluice } from '../support/sluice.js';

const ISSUER = 'https://id.example';
const sluice = useSluice({ startWorker: false });

let provider: Server;
let jwksUrl: string;
let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let client: SluiceClient;
const running: RunningApi[] = [];
let now = Date.now();

beforeAll(async () => {
  keys = await generateKeyPair('ES256');
  const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256' }] };
  provider = createServer((_, response) => response.end(JSON.stringify(jwks)));
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const address = provider.address();
  jwksUrl = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}/jwks`;
  client = await createSluiceClient({
    ...sluice().temporal,
    taskQueue: sluice().taskQueue,
    reads: sluice().projections.reads,
  });
});
afterAll(async () => {
  for (const api of running) await api.stop();
  await client.close();
  provider.closeAllConnections();
  await new Promise((resolve) => provider.close(resolve));
});

async function start(config: Partial<ApiConfig>, requestLimitMs = 30_000): Promise<string> {
  const api = await startApi({
    config: {
      host: '127.0.0.1',
      port: 0,
      auth: { kind: 'off' },
      rate: { perSecond: 10_000, burst: 10_000 },
      idempotencyMs: 1_000,
      sdkMetricsUrl: undefined,
      ...config,
    },
    client,
    projections: sluice().projections,
    log: pino({ level: 'silent' }),
    now: () => now,
    requestLimitMs,
  });
  running.push(api);
  return api.url;
}

const jwtConfig = (url = jwksUrl): ApiConfig['auth'] => ({
  kind: 'tokens',
  keys: [],
  jwt: {
    jwksUrl: url,
    issuer: ISSUER,
    audience: 'sluice',
    rolesClaim: 'realm.roles',
    tenantsClaim: 'tenants',
  },
});

const seconds = () => Math.floor(Date.now() / 1_000);
const claims = (): JWTPayload => ({
  iss: ISSUER,
  aud: 'sluice',
  sub: 'ada',
  exp: seconds() + 300,
  realm: { roles: ['reader', 'chef'] },
  tenants: 'acme globex',
});
const signed = (payload: JWTPayload, key = keys.privateKey, alg = 'ES256') =>
  new SignJWT(payload).setProtectedHeader({ alg, kid: 'k1' }).sign(key);

async function codeOf(url: string, token: string, tenant = 'acme'): Promise<string> {
  const response = await fetch(`${url}/v1/runs`, {
    headers: { authorization: `Bearer ${token}`, 'sluice-tenant': tenant },
  });
  const body: unknown = await response.json();
  return response.ok ? 'ok' : Problem.parse(body).code;
}

describe('a JSON Web Token', () => {
  it('a valid JWT grants the roles and tenants of its claims, and nothing more', async () => {
    const url = await start({ auth: jwtConfig() });
    const token = await signed(claims());
    expect([await codeOf(url, token), await codeOf(url, token, 'globex')]).toEqual(['ok', 'ok']);
    expect(await codeOf(url, token, 'other')).toBe('TENANT_FORBIDDEN');
    const response = await fetch(`${url}/v1/runs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'sluice-tenant': 'acme',
      },
      body: '{"definition":"x"}',
    });
    expect(await response.json()).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('the groups of a JWT are those of the claim that the configuration names', async () => {
    const auth = jwtConfig();
    const options = auth.kind === 'tokens' ? auth.jwt : undefined;
    if (options === undefined) throw new Error('No tokens');
    const token = await signed({ ...claims(), teams: ['finance', 7, ''] });
    const groupsOf = async (more: object) => (await jwtVerifier({ ...options, ...more })(token))?.groups;
    expect(await groupsOf({ groupsClaim: 'teams' })).toEqual(['finance']);
    expect(await groupsOf({ groupsClaim: 'groups' })).toEqual([]);
    expect(await groupsOf({})).toBeUndefined();
  });

  it('a JWT with a wrong signature, issuer, audience or expiry is refused', async () => {
    const url = await start({ auth: jwtConfig() });
    const others = await generateKeyPair('ES256');
    const without = (name: string): JWTPayload =>
      Object.fromEntries(Object.entries(claims()).filter(([claim]) => claim !== name));
    const [header = '', body = ''] = (await signed(claims())).split('.');
    const wrong = [
      await signed({ ...claims(), iss: 'https://evil.example' }),
      await signed({ ...claims(), aud: 'another' }),
      await signed({ ...claims(), exp: seconds() - 60 }),
      await signed(without('exp')),
      await signed(without('sub')),
      await signed(claims(), others.privateKey),
      await new SignJWT(claims())
        .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
        .sign(new TextEncoder().encode('x'.repeat(32))),
      `${header}.${body}.`,
      `${header}.${Buffer.from(JSON.stringify({ ...claims(), sub: 'eve' })).toString('base64url')}.AAAA`,
      'a.b.c',
    ];
    for (const token of wrong) expect(await codeOf(url, token)).toBe('UNAUTHENTICATED');
    expect(await codeOf(url, await signed({ ...claims(), realm: { roles: [] } }))).toBe('FORBIDDEN');
    expect(await codeOf(url, await signed({ ...claims(), tenants: [] }))).toBe('TENANT_FORBIDDEN');
  });

  it.each(['http://127.0.0.1:1/jwks', 'provider'])(
    'a JWT whose issuer is away is answered IDENTITY_PROVIDER_UNAVAILABLE: %s',
    async (at) => {
      const url = await start({
        auth: jwtConfig(at === 'provider' ? `${jwksUrl}`.replace('http:', 'https:') : at),
      });
      expect(await codeOf(url, await signed(claims()))).toBe('IDENTITY_PROVIDER_UNAVAILABLE');
    },
  );
});

describe('a JWT whose subject is the name of a static key', () => {
  it('a JWT whose subject is the name of a key gets neither the answers of that key nor its ids', async () => {
    await sluice().startWorker();
    const { pin } = await sluice().publish('id: twice\nversion: 1\nsteps: []\n');
    const { tenant } = sluice();
    const { key, entry } = makeKey({ name: 'ada', roles: ['operator'], tenants: [tenant] });
    const auth = { ...jwtConfig(), keys: [entry] } as ApiConfig['auth'];
    const url = await start({ auth, idempotencyMs: 60_000 });
    const jwt = await signed({ ...claims(), realm: { roles: ['operator'] }, tenants: [tenant] });
    const send = async (token: string) => {
      const response = await fetch(`${url}/v1/runs`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': 'same',
        },
        body: JSON.stringify({ definition: pin.id }),
      });
      const { workflowId } = (await response.json()) as { workflowId: string };
      return { workflowId, replayed: response.headers.get('idempotency-replayed') };
    };
    const [ofKey, ofJwt, ofKeyAgain] = [await send(key), await send(jwt), await send(key)];
    expect(ofJwt.replayed).toBeNull();
    expect(ofJwt.workflowId).not.toBe(ofKey.workflowId);
    expect(ofKeyAgain).toEqual({ workflowId: ofKey.workflowId, replayed: 'true' });
  });

  it.each<[string, unknown]>([
    ['empty text', ''],
    ['a control character', 'ada\u001bx'],
    ['a line separator', 'ada\u2028x'],
    ['over 200 characters', 'a'.repeat(201)],
    ['no text', 7],
  ])('a JWT whose subject is or has %s is not valid', async (_, sub) => {
    const url = await start({ auth: jwtConfig() });
    expect(await codeOf(url, await signed({ ...claims(), sub } as JWTPayload))).toBe('UNAUTHENTICATED');
  });
});

describe('a static key', () => {
  it('a static key is refused from the instant of its expiry on', async () => {
    const expires = new Date(now + 1_000).toISOString();
    const { key, entry } = makeKey({ name: 'ci', roles: ['reader'], tenants: ['acme'], expires });
    const url = await start({ auth: { kind: 'tokens', keys: [entry], jwt: undefined } });
    expect(await codeOf(url, key)).toBe('ok');
    now += 1_000;
    expect(await codeOf(url, key)).toBe('UNAUTHENTICATED');
    expect(JSON.stringify(entry)).not.toContain(key);
  });

  it('the rate limit of one key does not slow down other keys', async () => {
    const made = ['one', 'two'].map((name) => makeKey({ name, roles: ['reader'], tenants: ['acme'] }));
    const auth = { kind: 'tokens', keys: made.map(({ entry }) => entry), jwt: undefined } as const;
    const url = await start({ auth, rate: { perSecond: 1, burst: 2 } });
    const [one, two] = made.map(({ key }) => key);
    const answers: string[] = [];
    for (let i = 0; i < 8; i++) answers.push(await codeOf(url, one ?? ''));
    expect(answers).toContain('RATE_LIMITED');
    const refused = await fetch(`${url}/v1/runs`, { headers: { authorization: `Bearer ${one}` } });
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect(await codeOf(url, two ?? '')).toBe('ok');
  });

  it.each<[string, string]>([
    ['{"keys": [', 'it is not JSON'],
    ['{"keys": [{"name": "a"}]}', 'keys.0.hash'],
    ['{"keys": [{"name": "a", "hash": "geheim", "roles": ["boss"], "tenants": ["a b"]}]}', 'keys.0.roles.0'],
    ['{}', 'keys'],
    ['{"keys": [], "keys": []}', '/keys is a key that is there twice'],
  ])('in a file that says %s stops the start', async (text, said) => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-keys-'));
    try {
      const path = join(directory, 'keys.json');
      await writeFile(path, text);
      const refusal: unknown = await readKeyFile(path).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'CONFIG_INVALID' });
      const { message } = refusal as Error;
      expect(message).toContain(said);
      expect(message).not.toContain('geheim');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('without tokens', () => {
  const load = (env: Record<string, string>) =>
    loadApiConfig(env, { system: { environment: env['ENV'] ?? 'development', region: 'x', release: 'x' } });

  it('the API runs on loopback in development only', async () => {
    expect((await load({})).auth).toEqual({ kind: 'off' });
    const JWT = { SLUICE_API_JWT_ISSUER: 'https://id.example', SLUICE_API_JWT_AUDIENCE: 'sluice' };
    for (const url of ['https://id.example/jwks', 'http://127.0.0.1:9/jwks', 'http://[::1]:9/jwks']) {
      expect((await load({ ...JWT, SLUICE_API_JWT_JWKS_URL: url })).auth.kind).toBe('tokens');
    }
    for (const env of [
      { SLUICE_API_HTTP: '0.0.0.0:8235' },
      { SLUICE_API_HTTP: 'api.example:8235' },
      { ENV: 'production' },
      { SLUICE_API_JWT_JWKS_URL: 'https://id.example/jwks' },
      { ...JWT, SLUICE_API_JWT_JWKS_URL: 'http://id.example/jwks' },
      { ...JWT, SLUICE_API_JWT_JWKS_URL: 'http://10.0.0.1/jwks' },
      { SLUICE_API_KEYS_FILE: '/nowhere/keys.json' },
      { SLUICE_API_HTTP: 'nonsense', SLUICE_API_RATE: '-1' },
    ]) {
      await expect(load(env as Record<string, string>)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
    await expect(start({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('an API without tokens serves loopback, and refuses pages of other origins and other host names', async () => {
    const url = await start({});
    const { port } = new URL(url);
    const ask = (headers: Record<string, string>, method = 'GET') =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port, path: '/v1/runs', method, headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', reject).end();
      });
    expect(await ask({})).toBe(200);
    expect(await ask({ host: `localhost:${port}`, origin: `http://localhost:${port}` })).toBe(200);
    expect(await ask({ origin: 'https://evil.example' }, 'POST')).toBe(403);
    expect(await ask({ 'sec-fetch-site': 'cross-site' }, 'POST')).toBe(403);
    expect(await ask({ 'sec-fetch-site': 'same-site' }, 'POST')).toBe(403);
    expect(await ask({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await ask({ host: 'evil.example' })).toBe(403);
    expect(await ask({ origin: 'null' }, 'POST')).toBe(403);
  });

  it('a body that does not come in time ends with a code', async () => {
    const { port } = new URL(await start({}, 300));
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': 100 };
      const sent = request(
        { host: '127.0.0.1', port, path: '/v1/runs', method: 'POST', headers },
        (response) => {
          let text = `${response.statusCode} `;
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(text));
        },
      );
      sent.on('error', reject);
      sent.write('{');
    });
    expect(answer).toMatch(/^408 .*REQUEST_TIMEOUT/);
  });

  it('an address that is in use stops the start', async () => {
    const url = await start({});
    await expect(start({ port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
