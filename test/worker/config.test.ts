import { describe, expect, it } from 'vitest';
import { loadBridgeConfig } from '../../worker/config/bridge-config.js';
import { loadConfig } from '../../worker/config/config.js';

const problemsOf = (env: Record<string, string>): string => {
  try {
    loadConfig(env);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message;
  }
  return 'no error';
};

describe('the configuration', () => {
  it('the configuration has a default for everything', () => {
    expect(loadConfig({})).toMatchObject({
      temporal: { address: '127.0.0.1:7233', namespace: 'default', apiKey: undefined, tls: undefined },
      taskQueue: 'sluice',
      database: { url: 'surrealkv://.sluice/db', namespace: 'sluice', database: 'sluice' },
      system: { environment: 'development', region: 'local', release: 'development' },
      secrets: { kind: 'env', prefix: 'SLUICE_SECRET_' },
      http: { allowHosts: [] },
      logLevel: 'info',
      worker: { activities: 100, shutdownGraceMs: 10_000, shutdownStopMs: 5_000 },
    });
  });

  it('a blank variable counts as unset, and others are trimmed', () => {
    const { taskQueue, temporal, logLevel } = loadConfig({
      SLUICE_TASK_QUEUE: '  ',
      TEMPORAL_ADDRESS: ' temporal:7233 ',
      SLUICE_LOG_LEVEL: '',
    });
    expect({ taskQueue, address: temporal.address, logLevel }).toEqual({
      taskQueue: 'sluice',
      address: 'temporal:7233',
      logLevel: 'info',
    });
  });

  it.each(['SLUICE_CEDAR_POLICY_DIR', 'SLUICE_KEY_RING_FILE', 'SLUICE_SECRET_GRANTS_FILE'])(
    'a blank %s stops the start, because it would turn a protection off; the word off turns it off',
    (name) => {
      expect(() => loadConfig({ [name]: ' ' })).toThrow(`${name}: is blank`);
      const off = loadConfig({ [name]: 'off' });
      expect([off.policies, off.keyRingFile, off.secretGrantsFile]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    },
  );

  it('numbers, lists and sources are parsed', () => {
    const config = loadConfig({
      SLUICE_WORKER_ACTIVITIES: '7',
      SLUICE_HTTP_ALLOW_HOSTS: 'a.example, *.b.example ,[::1]:8080,',
      SLUICE_SECRETS: 'dir:/run/secrets',
    });
    expect(config.worker.activities).toBe(7);
    expect(config.http.allowHosts).toEqual(['a.example', '*.b.example', '[::1]:8080']);
    expect(config.secrets).toEqual({ kind: 'dir', path: '/run/secrets' });
  });
});

describe('a bad variable', () => {
  it.each([
    ['SLUICE_LOG_LEVEL', 'loud'],
    ['SLUICE_WORKER_ACTIVITIES', 'many'],
    ['SLUICE_WORKER_ACTIVITIES', '0'],
    ['SLUICE_WORKER_WORKFLOW_TASKS', '1'],
    ['SLUICE_SHUTDOWN_GRACE_MS', '-1'],
    ['SLUICE_SECRETS', '/run/secrets'],
    ['SLUICE_HTTP_ALLOW_HOSTS', 'http://a.example/'],
    ['SURREAL_URL', 'postgres://db'],
    ['TEMPORAL_TLS', 'perhaps'],
  ])('the invalid variable %s=%s is named in the message, without its value', (name, value) => {
    const message = problemsOf({ [name]: value });
    expect(message).toMatch(new RegExp(`^${name}: `));
    if (value.length > 2) expect(message).not.toContain(value);
  });

  it('all invalid variables are reported in one message', () => {
    expect(problemsOf({ SLUICE_LOG_LEVEL: 'loud', SLUICE_SECRETS: 'x' })).toMatch(
      /SLUICE_SECRETS: .*; SLUICE_LOG_LEVEL: /,
    );
  });

  it.each([
    [{ SURREAL_USER: 'root' }, 'SURREAL_USER is set without SURREAL_PASS'],
    [
      { TEMPORAL_TLS_CLIENT_CERT_DATA: 'pem' },
      'TEMPORAL_TLS_CLIENT_CERT is set without TEMPORAL_TLS_CLIENT_KEY',
    ],
    [{ SLUICE_WORKER_BUILD_ID: '7' }, 'SLUICE_WORKER_BUILD_ID is set without SLUICE_WORKER_DEPLOYMENT'],
    [
      { TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/ca', TEMPORAL_TLS_SERVER_CA_CERT_DATA: 'pem' },
      'TEMPORAL_TLS_SERVER_CA_CERT_PATH and TEMPORAL_TLS_SERVER_CA_CERT_DATA are both set',
    ],
  ])('a variable that contradicts another is refused: %j', (env, message) => {
    expect(problemsOf(env)).toBe(message);
  });
});

it.each(['surrealkv://', 'surrealkv://50%', 'ws://', 'http://127.0.0.1:8000'])(
  'the database URL %j is refused',
  (url) => expect(problemsOf({ SURREAL_URL: url })).toMatch(/^SURREAL_URL: (must be|has a %)/),
);

it('a worker with both deployment variables is a version of that deployment', () => {
  expect(loadConfig({}).worker.deployment).toBeUndefined();
  const env = { SLUICE_WORKER_DEPLOYMENT: 'sluice', SLUICE_WORKER_BUILD_ID: '2026-11-21' };
  expect(loadConfig(env).worker.deployment).toEqual({
    name: 'sluice',
    buildId: '2026-11-21',
    versioning: 'auto-upgrade',
  });
  expect(problemsOf({ ...env, SLUICE_WORKER_BUILD_ID: '1.0' })).toMatch(/SLUICE_WORKER_BUILD_ID: must be/);
});

describe('TLS', () => {
  it.each([
    [{}, false],
    [{ TEMPORAL_API_KEY: 'k' }, true],
    [{ TEMPORAL_TLS: 'true' }, true],
    [{ TEMPORAL_TLS_SERVER_NAME: 'temporal.example' }, true],
    [{ TEMPORAL_API_KEY: 'k', TEMPORAL_TLS: 'false' }, false],
  ])('TLS with the variables %j is on: %s', (env, on) => {
    expect(loadConfig(env).temporal.tls !== undefined).toBe(on);
  });
});

it('a bridge without a token listens on loopback only', () => {
  for (const http of ['127.0.0.1:8234', '[::1]:8234', 'localhost:8234', 'off']) {
    expect(() => loadBridgeConfig({ SLUICE_BRIDGE_HTTP: http }), http).not.toThrow();
  }
  const open = { SLUICE_BRIDGE_HTTP: '0.0.0.0:8234' };
  expect(() => loadBridgeConfig(open)).toThrow('SLUICE_BRIDGE_TOKEN must be set: 0.0.0.0 is not loopback');
  expect(() => loadBridgeConfig({ ...open, SLUICE_BRIDGE_TOKEN: 'x'.repeat(16) })).not.toThrow();
});
