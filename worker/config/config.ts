/**
 * The configuration of a process, from its environment.
 *
 * Invariants
 * - Only `main` files read `process.env`; all other code receives the environment or this configuration.
 * - A blank variable counts as unset, except where unset turns a protection off: there it stops the start,
 *   because it is the usual look of a variable whose value got lost.
 * - An invalid variable stops the start, with every problem in one message that names the variables. Values
 *   are not shown: they may be credentials.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { SystemContext } from '../../contracts/run/run.js';
import type { ValueSeal } from '../../projections/index.js';
import { type SecretSource, Variables } from './config-variables.js';

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** TLS material as configured: each item by its path or as text. */
export interface TlsConfig {
  readonly serverName: string | undefined;
  readonly ca: PathOrData;
  readonly clientCert: PathOrData;
  readonly clientKey: PathOrData;
}

interface PathOrData {
  readonly path: string | undefined;
  readonly data: string | undefined;
}

export interface SluiceConfig {
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly apiKey: string | undefined;
    /** Undefined: no TLS. */
    readonly tls: TlsConfig | undefined;
  };
  /** File of the keys that encrypt what Temporal and the database store; undefined: nothing is encrypted. */
  readonly keyRingFile: string | undefined;
  /** File of the keys that sign claims; undefined: whoever reaches Temporal may name any tenant and actor. */
  readonly claimKeysFile: string | undefined;
  readonly taskQueue: string;
  readonly database: {
    readonly url: string;
    readonly namespace: string;
    readonly database: string;
    readonly username: string | undefined;
    readonly password: string | undefined;
    /** ms */
    readonly silentAfterMs: number;
    /** Reads what encrypts the values in the rows; undefined: they stay in clear. */
    readonly seal?: () => Promise<ValueSeal>;
  };
  /** Days since its end after which a closed run is removed; undefined: never. */
  readonly retentionDays: number | undefined;
  /** Days since its arrival after which an inbound event is removed; undefined: never. */
  readonly eventRetentionDays: number | undefined;
  /** Days since its act began after which an audit row is removed; undefined: never. */
  readonly auditRetentionDays: number | undefined;
  readonly system: SystemContext;
  readonly secrets: SecretSource;
  /** File that says whom each secret belongs to; undefined: every secret belongs to all. */
  readonly secretGrantsFile: string | undefined;
  readonly http: { readonly allowHosts: readonly string[] };
  /** Undefined: authorization is off. */
  readonly policies: { readonly directory: string; readonly principal: 'service' | 'actor' } | undefined;
  readonly logLevel: Variables['SLUICE_LOG_LEVEL'];
  /** ms; 0: never */
  readonly reconcileIntervalMs: number;
  /** Time without a turn after which a process is ended by force, ms; 0: never. */
  readonly stuckMs: number;
  readonly worker: {
    readonly identity: string | undefined;
    /** `ip:port`; undefined: metrics are not served */
    readonly metricsAddress: string | undefined;
    /** `ip:port`; undefined: health is not served */
    readonly healthAddress: string | undefined;
    /** Version in a Temporal worker deployment; undefined: worker versioning is off. */
    readonly deployment: WorkerDeployment | undefined;
    readonly activities: number;
    /** Actions of one tenant at once. */
    readonly tenantActivities: number;
    /** Priorities that a definition may choose. */
    readonly priorities: { readonly first: number; readonly last: number };
    readonly localActivities: number;
    readonly workflowTasks: number;
    readonly cachedWorkflows: number | undefined;
    /** History events at which a run continues as new; undefined: Sluice's own limit. */
    readonly historyEvents: number | undefined;
    /** Time that an activity may go without a worker that has its action, ms. */
    readonly missingActionMs: number;
    /** ms */
    readonly shutdownGraceMs: number;
    /** ms */
    readonly shutdownStopMs: number;
  };
}

/** The slots of a worker that one tenant may have, where the operator does not say. */
const TENANT_SHARE = 0.8;

/** One tenant's share of a worker's action slots. */
export function shareOf(activities: number): number {
  return Math.ceil(activities * TENANT_SHARE);
}

/** A worker's version in a Temporal worker deployment. */
export interface WorkerDeployment {
  readonly name: string;
  readonly buildId: string;
  readonly versioning: Variables['SLUICE_WORKER_VERSIONING'];
}

/**
 * Reads the configuration.
 * @param env `process.env`, or a test's replacement
 * @throws SluiceError CONFIG_INVALID, which names every invalid variable
 */
export function loadConfig(env: Environment): SluiceConfig {
  const set = Object.fromEntries(
    Object.keys(Variables.shape).flatMap((name) => {
      const value = env[name]?.trim() ?? '';
      return value === '' ? [] : [[name, value]];
    }),
  );
  const blank = PROTECTIONS.filter((name) => env[name]?.trim() === '');
  const parsed = Variables.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw invalid([...blank.map(lost), ...problems]);
  }
  const problems = [...blank.map(lost), ...contradictions(parsed.data)];
  if (problems.length > 0) throw invalid(problems);
  return configOf(parsed.data);
}

/** Variables without which a protection is off. */
const PROTECTIONS = ['SLUICE_CEDAR_POLICY_DIR', 'SLUICE_KEY_RING_FILE', 'SLUICE_SECRET_GRANTS_FILE'] as const;
/** The value that says so on purpose. */
const OFF = 'off';

const lost = (name: string): string => `${name}: is blank: set it, remove it, or write ${OFF}`;
const unlessOff = (value: string | undefined): string | undefined => (value === OFF ? undefined : value);

function invalid(problems: readonly string[]): SluiceError {
  return new SluiceError('CONFIG_INVALID', problems.join('; '), { details: [...problems] });
}

function contradictions(vars: Variables): string[] {
  const both = (what: string, path: string | undefined, data: string | undefined): string[] =>
    path !== undefined && data !== undefined ? [`${what}_PATH and ${what}_DATA are both set`] : [];
  const pair = (a: string, hasA: boolean, b: string, hasB: boolean): string[] =>
    hasA === hasB ? [] : [`${hasA ? a : b} is set without ${hasA ? b : a}`];
  const tls = tlsOf(vars);
  const has = ({ path, data }: PathOrData): boolean => path !== undefined || data !== undefined;
  return [
    ...both('TEMPORAL_TLS_SERVER_CA_CERT', tls.ca.path, tls.ca.data),
    ...both('TEMPORAL_TLS_CLIENT_CERT', tls.clientCert.path, tls.clientCert.data),
    ...both('TEMPORAL_TLS_CLIENT_KEY', tls.clientKey.path, tls.clientKey.data),
    ...pair('TEMPORAL_TLS_CLIENT_CERT', has(tls.clientCert), 'TEMPORAL_TLS_CLIENT_KEY', has(tls.clientKey)),
    ...pair(
      'SLUICE_WORKER_DEPLOYMENT',
      vars.SLUICE_WORKER_DEPLOYMENT !== undefined,
      'SLUICE_WORKER_BUILD_ID',
      vars.SLUICE_WORKER_BUILD_ID !== undefined,
    ),
    ...pair('SURREAL_USER', vars.SURREAL_USER !== undefined, 'SURREAL_PASS', vars.SURREAL_PASS !== undefined),
  ];
}

function deploymentOf(vars: Variables): WorkerDeployment | undefined {
  const { SLUICE_WORKER_DEPLOYMENT: name, SLUICE_WORKER_BUILD_ID: buildId } = vars;
  if (name === undefined || buildId === undefined) return undefined;
  return { name, buildId, versioning: vars.SLUICE_WORKER_VERSIONING };
}

function tlsOf(vars: Variables): TlsConfig {
  return {
    serverName: vars.TEMPORAL_TLS_SERVER_NAME,
    ca: { path: vars.TEMPORAL_TLS_SERVER_CA_CERT_PATH, data: vars.TEMPORAL_TLS_SERVER_CA_CERT_DATA },
    clientCert: { path: vars.TEMPORAL_TLS_CLIENT_CERT_PATH, data: vars.TEMPORAL_TLS_CLIENT_CERT_DATA },
    clientKey: { path: vars.TEMPORAL_TLS_CLIENT_KEY_PATH, data: vars.TEMPORAL_TLS_CLIENT_KEY_DATA },
  };
}

/** Loaded where it is used: most commands need no cipher. @throws SluiceError CONFIG_INVALID */
async function sealOf(keyRingFile: string): Promise<ValueSeal> {
  const { readKeyRing, RingSeal } = await import('../../encryption/index.js');
  return new RingSeal(await readKeyRing(keyRingFile));
}

function configOf(vars: Variables): SluiceConfig {
  const tls = tlsOf(vars);
  const policyDirectory = unlessOff(vars.SLUICE_CEDAR_POLICY_DIR);
  const keyRingFile = unlessOff(vars.SLUICE_KEY_RING_FILE);
  const anyTls = JSON.stringify(tls) !== JSON.stringify(tlsOf({} as Variables));
  const wantsTls = vars.TEMPORAL_TLS ?? (vars.TEMPORAL_API_KEY !== undefined || anyTls);
  return {
    temporal: {
      address: vars.TEMPORAL_ADDRESS,
      namespace: vars.TEMPORAL_NAMESPACE,
      apiKey: vars.TEMPORAL_API_KEY,
      tls: wantsTls ? tls : undefined,
    },
    keyRingFile,
    claimKeysFile: unlessOff(vars.SLUICE_CLAIM_KEYS_FILE),
    taskQueue: vars.SLUICE_TASK_QUEUE,
    database: {
      url: vars.SURREAL_URL,
      namespace: vars.SURREAL_NAMESPACE,
      database: vars.SURREAL_DATABASE,
      username: vars.SURREAL_USER,
      password: vars.SURREAL_PASS,
      silentAfterMs: vars.SURREAL_SILENT_MS,
      ...(keyRingFile !== undefined && { seal: () => sealOf(keyRingFile) }),
    },
    retentionDays: vars.SLUICE_RETENTION_DAYS,
    eventRetentionDays: vars.SLUICE_EVENT_RETENTION_DAYS,
    auditRetentionDays: vars.SLUICE_AUDIT_RETENTION_DAYS,
    system: {
      environment: vars.SLUICE_ENVIRONMENT,
      region: vars.SLUICE_REGION,
      release: vars.SLUICE_RELEASE,
    },
    secrets: vars.SLUICE_SECRETS,
    secretGrantsFile: unlessOff(vars.SLUICE_SECRET_GRANTS_FILE),
    http: { allowHosts: vars.SLUICE_HTTP_ALLOW_HOSTS },
    policies:
      policyDirectory === undefined
        ? undefined
        : { directory: policyDirectory, principal: vars.SLUICE_CEDAR_PRINCIPAL },
    logLevel: vars.SLUICE_LOG_LEVEL,
    reconcileIntervalMs: vars.SLUICE_RECONCILE_INTERVAL_MS,
    stuckMs: vars.SLUICE_STUCK_MS,
    worker: {
      identity: vars.SLUICE_WORKER_IDENTITY,
      metricsAddress: vars.SLUICE_WORKER_METRICS_HTTP,
      healthAddress: vars.SLUICE_WORKER_HEALTH_HTTP,
      deployment: deploymentOf(vars),
      activities: vars.SLUICE_WORKER_ACTIVITIES,
      tenantActivities: vars.SLUICE_WORKER_TENANT_ACTIVITIES ?? shareOf(vars.SLUICE_WORKER_ACTIVITIES),
      priorities: vars.SLUICE_PRIORITY_RANGE,
      localActivities: vars.SLUICE_WORKER_LOCAL_ACTIVITIES,
      workflowTasks: vars.SLUICE_WORKER_WORKFLOW_TASKS,
      cachedWorkflows: vars.SLUICE_WORKER_CACHED_WORKFLOWS,
      historyEvents: vars.SLUICE_RUN_HISTORY_EVENTS,
      missingActionMs: vars.SLUICE_MISSING_ACTION_MS,
      shutdownGraceMs: vars.SLUICE_SHUTDOWN_GRACE_MS,
      shutdownStopMs: vars.SLUICE_SHUTDOWN_STOP_MS,
    },
  };
}
