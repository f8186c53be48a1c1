/**
 * Every environment variable that Sluice reads, with its type, default and meaning. docs/configuration.md is
 * generated from this file: operators read these texts.
 */
import { z } from 'zod';
import { LIMITS } from '../../contracts/limits.js';

const count = () => z.coerce.number('must be a number').int('must be a whole number').positive();
const milliseconds = () => z.coerce.number('must be a number').int('must be a whole number').nonnegative();

/** Comma-separated; blanks around an entry are ignored. */
const list = () =>
  z.string().transform((text) =>
    text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  );

/** `host`, `host:port` or `*.domain`: any other entry would silently allow nothing. */
const HostList = list().refine(
  (hosts) => hosts.every((host) => /^(\*\.)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(:\d+)?$/.test(host)),
  'must be hosts, as host, host:port or *.domain, joined by commas',
);

const SecretSource = z
  .string()
  .regex(/^(env:[A-Za-z0-9_]*|dir:.+)$/, 'must be env:PREFIX or dir:/path')
  .transform((text) =>
    text.startsWith('env:')
      ? { kind: 'env' as const, prefix: text.slice('env:'.length) }
      : { kind: 'dir' as const, path: text.slice('dir:'.length) },
  );
export type SecretSource = z.infer<typeof SecretSource>;

const SurrealUrl = z
  .string()
  .regex(
    /^(mem:\/\/|(surrealkv|ws|wss):\/\/.)/,
    'must be surrealkv://PATH, mem://, or ws://HOST:PORT or wss://HOST:PORT of a server',
  )
  .refine((text) => !/%(?![0-9a-fA-F]{2})/.test(text), 'has a % that does not begin an escape: write %25');

const PriorityRange = z
  .string()
  .regex(/^[1-5]-[1-5]$/, 'must be FIRST-LAST, each from 1 to 5')
  .transform((text) => ({ first: Number(text[0]), last: Number(text[2]) }))
  .refine(({ first, last }) => first <= last, 'must begin with the priority that goes first');

/** Temporal joins both names with a dot. */
const DeploymentName = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be letters, digits, _ or -');

/** `system.environment` of a developer's machine. */
export const DEVELOPMENT = 'development';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

/** The variables, in the order of the documentation. */
export const Variables = z.object({
  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233').describe('Temporal, as `host:port`.'),
  TEMPORAL_NAMESPACE: z.string().default('default').describe('Temporal namespace.'),
  TEMPORAL_API_KEY: z.string().optional().describe('API key of Temporal Cloud; turns TLS on.'),
  TEMPORAL_TLS: z
    .stringbool('must be true or false')
    .optional()
    .describe('TLS to Temporal. Default: on with an API key or any of the variables below.'),
  TEMPORAL_TLS_SERVER_NAME: z
    .string()
    .optional()
    .describe('Expected server name, if it differs from the host.'),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: z
    .string()
    .optional()
    .describe("File with the CA of Temporal's certificate, PEM."),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: z.string().optional().describe('The same, as text.'),
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().optional().describe('File with the client certificate, PEM.'),
  TEMPORAL_TLS_CLIENT_CERT_DATA: z.string().optional().describe('The same, as text.'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z
    .string()
    .optional()
    .describe("File with the client certificate's key, PEM."),
  TEMPORAL_TLS_CLIENT_KEY_DATA: z.string().optional().describe('The same, as text.'),
  SLUICE_KEY_RING_FILE: z
    .string()
    .optional()
    .describe(
      'File with the keys that encrypt what Temporal and the database store, the same in every process (docs/encryption.md). `sluice keys` makes it. Default, and `off`: nothing is encrypted; a blank value stops the start.',
    ),
  SLUICE_CLAIM_KEYS_FILE: z
    .string()
    .optional()
    .describe(
      'File with the keys that sign claims, the same in every process (docs/claims.md). `sluice keys` makes it. Default, and `off`: whoever reaches Temporal can name any tenant and actor; a blank value stops the start.',
    ),
  SLUICE_TASK_QUEUE: z.string().default('sluice').describe('Task queue, the same for producers and workers.'),

  SURREAL_URL: SurrealUrl.default('surrealkv://.sluice/db').describe(
    'SurrealDB: `surrealkv://PATH` embeds it (one process), `ws://host:port` is a server, `mem://` keeps nothing.',
  ),
  SURREAL_NAMESPACE: z.string().default('sluice').describe('SurrealDB namespace.'),
  SURREAL_DATABASE: z.string().default('sluice').describe('SurrealDB database.'),
  SURREAL_USER: z.string().optional().describe('User of a SurrealDB server.'),
  SURREAL_PASS: z.string().optional().describe('Password of that user.'),
  SURREAL_SILENT_MS: milliseconds()
    .min(1_000, 'must be at least 1000')
    .default(10_000)
    .describe('Time without any answer, not even to a ping, after which a SurrealDB server counts as lost.'),
  SLUICE_RETENTION_DAYS: z.coerce
    .number('must be a number')
    .positive('must be more than 0')
    .optional()
    .describe(
      'Days after their end at which workers remove closed runs with all their rows, and tasks; more than Temporal keeps closed workflows. Default: both are kept.',
    ),
  SLUICE_EVENT_RETENTION_DAYS: z.coerce
    .number('must be a number')
    .positive('must be more than 0')
    .optional()
    .describe(
      'Age in days at which workers remove inbound events. It limits how far a wait can look back, and how long a redelivery is recognised. Default: events are kept.',
    ),
  SLUICE_AUDIT_RETENTION_DAYS: z.coerce
    .number('must be a number')
    .positive('must be more than 0')
    .optional()
    .describe('Age in days at which workers remove audit rows: who did what. Default: they are kept.'),

  SLUICE_ENVIRONMENT: z
    .string()
    .default(DEVELOPMENT)
    .describe('`system.environment` of the runs that start here.'),
  SLUICE_REGION: z.string().default('local').describe('`system.region` of the runs that start here.'),
  SLUICE_RELEASE: z.string().default('development').describe('`system.release` of the runs that start here.'),

  SLUICE_SECRETS: SecretSource.prefault('env:SLUICE_SECRET_').describe(
    'Source of secrets: `env:PREFIX` reads the variable PREFIX + name, `dir:/path` reads a file of that name, each time.',
  ),
  SLUICE_SECRET_GRANTS_FILE: z
    .string()
    .optional()
    .describe(
      'File that says which tenants and definitions each secret belongs to; it is read again when it changes. Default, and `off`: every definition of every tenant may name every secret; a blank value stops the start.',
    ),
  SLUICE_HTTP_ALLOW_HOSTS: HostList.prefault('').describe(
    'Hosts that `http.request` may reach although they are loopback, link-local or private: `host`, `host:port`, `*.domain`, joined by commas.',
  ),

  SLUICE_CEDAR_POLICY_DIR: z
    .string()
    .optional()
    .describe(
      'Directory of the `*.cedar` policies that are evaluated before each step that acts (docs/authorization.md). Default, and `off`: authorization is off; a blank value stops the start.',
    ),
  SLUICE_CEDAR_PRINCIPAL: z
    .enum(['service', 'actor'])
    .default('service')
    .describe(
      'Principal in the policies: `service` is `Service::"sluice-orchestrator"`, `actor` is `User::` and the run\'s actor.',
    ),
  SLUICE_LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .describe('`trace`, `debug`, `info`, `warn` or `error`.'),
  SLUICE_WORKER_IDENTITY: z
    .string()
    .optional()
    .describe('Name of this worker in Temporal. Default: process id and host.'),
  SLUICE_WORKER_METRICS_HTTP: z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[0-9.]+):\d{1,5}$/, 'must be IP:PORT')
    .optional()
    .describe(
      "Where the worker serves its metrics and those of Temporal's SDK, as `IP:PORT`; path `/metrics`. Default: it does not.",
    ),
  SLUICE_WORKER_HEALTH_HTTP: z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[0-9.]+):\d{1,5}$/, 'must be IP:PORT')
    .optional()
    .describe(
      'Where the worker serves its health, as `IP:PORT`; path `/health`: 200 while it polls and its services answer, else 503. Default: it does not.',
    ),
  SLUICE_WORKER_DEPLOYMENT: DeploymentName.optional().describe(
    'Name of the Temporal worker deployment of this worker: turns worker versioning on. See operations.md.',
  ),
  SLUICE_WORKER_BUILD_ID: DeploymentName.optional().describe('Version of this worker in that deployment.'),
  SLUICE_WORKER_VERSIONING: z
    .enum(['auto-upgrade', 'pinned'])
    .default('auto-upgrade')
    .describe(
      'With worker versioning: whether runs move to the current version (`auto-upgrade`), or stay on the version that they began on (`pinned`).',
    ),
  SLUICE_WORKER_ACTIVITIES: count().default(100).describe('Actions that run concurrently in this worker.'),
  SLUICE_WORKER_TENANT_ACTIVITIES: count()
    .optional()
    .describe(
      'Of these, the actions of one tenant. Others go back to Temporal until it is their turn. Default: four of five.',
    ),
  SLUICE_WORKER_LOCAL_ACTIVITIES: count()
    .default(100)
    .describe('Local actions that run concurrently in this worker.'),
  SLUICE_WORKER_WORKFLOW_TASKS: count()
    .min(2, 'must be at least 2')
    .default(10)
    .describe(
      'Workflow tasks that run concurrently in this worker. They share one thread, and Temporal repeats a task that takes over 10 s.',
    ),
  SLUICE_WORKER_CACHED_WORKFLOWS: count()
    .optional()
    .describe('Runs kept in memory between their tasks. Default: by the size of the heap.'),
  SLUICE_PRIORITY_RANGE: PriorityRange.prefault(
    `${LIMITS.priorities.first}-${LIMITS.priorities.last}`,
  ).describe(
    'Priorities that a definition may choose, as `FIRST-LAST`: 1 goes first, 5 last. One outside of it counts as the nearest.',
  ),
  SLUICE_MISSING_ACTION_MS: milliseconds()
    .default(LIMITS.missingActionMs)
    .describe(
      'Time that a step or the start of a run waits for a worker that has its action and version. Then it fails with ACTION_NOT_FOUND. The start of a run waits as long for a definition while the database has none at all.',
    ),
  SLUICE_RUN_HISTORY_EVENTS: count()
    .min(50, 'must be at least 50')
    .max(LIMITS.historyEvents, `must be at most ${LIMITS.historyEvents}`)
    .optional()
    .describe(
      'History events after which the runs that start here continue as new. Default: when Temporal suggests it.',
    ),
  SLUICE_RECONCILE_INTERVAL_MS: milliseconds()
    .default(60_000)
    .describe(
      'Interval in which one of the workers compares the rows of runs with Temporal, and repairs them. 0: never.',
    ),
  SLUICE_STUCK_MS: milliseconds()
    .default(60_000)
    .describe(
      'Time after which a worker, bridge or API whose main thread does not get on is ended by force, so that it is started again. 0: never.',
    ),
  SLUICE_SHUTDOWN_GRACE_MS: milliseconds()
    .default(10_000)
    .describe('Time that a stopping worker gives running actions before it aborts their signal.'),
  SLUICE_SHUTDOWN_STOP_MS: milliseconds()
    .default(5_000)
    .describe('Time that an aborted action has to end; then another worker repeats it.'),
});
export type Variables = z.infer<typeof Variables>;
