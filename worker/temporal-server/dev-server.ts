/**
 * Starts a Temporal dev server with the settings that every local server of Sluice has.
 *
 * Invariants
 * - A server that is returned answers, knows the namespace and has the search attributes registered.
 * - It dies with this process, however this process ends.
 * - It listens on loopback unless told otherwise; a port in use is left to its owner.
 * - It hands out tasks by priority. It is fair between tenants too, unless an older Sluice made its database:
 *   a server that becomes fair does not see the tasks that were queued before.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { SluiceError } from '../../contracts/errors.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/run/messages.js';
import type { Environment } from '../config/config.js';
import { findTemporalCli } from './find-cli.js';
import { freePort, portNear } from './ports.js';
import { spawnSupervised, type SupervisedProcess } from './supervised-process.js';

/**
 * The dev server has one history shard whose queues are throttled to 20 polls per second, and four
 * partitions per task queue, which a worker with few pollers leaves unpolled for seconds. Ten sequential
 * activities take 1,050 ms with its defaults and 70 ms with these. An eager activity goes to the worker that
 * asked for it with the answer to its workflow task, and saves the way through a queue.
 */
const DYNAMIC_CONFIG = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.visibilityProcessorMaxPollRPS=2000',
  'history.outboundProcessorMaxPollRPS=2000',
  // A closed run is deleted only after this: `sluice erase` waits for it.
  'history.transferProcessorUpdateAckInterval="1s"',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  'matching.useNewMatcher=true',
  'system.enableActivityEagerExecution=true',
  // The server's HTTP API asks for no token, and a page in a browser can send to it what starts a workflow.
  // Sluice does not use it, so it answers only under a name that no one knows and no DNS has.
  `frontend.httpAllowedHosts=["${randomUUID()}.invalid"]`,
];
const FAIRNESS = 'matching.enableFairness=true';
/** Ends the name of the file beside a database whose queues were fair from their first task on. */
const FAIR_MARK = '.fair';
/** A write-ahead log survives a crash of the server without flushing the disk at every transition. */
const SQLITE = ['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'];
const READY_LIMIT_MS = 60_000;
const READY_INTERVAL_MS = 50;
const CONNECT_LIMIT_MS = 1_000;
const ANSWER_LIMIT_MS = 2_000;
/** Another process may take a free port before the server binds it. */
const START_TRIES = 3;

export interface DevServerOptions {
  readonly env: Environment;
  readonly log: (line: string) => void;
  /** Shows a line in place of the last one, on a terminal. */
  readonly status?: ((line: string) => void) | undefined;
  readonly namespace?: string;
  /** Default 127.0.0.1. */
  readonly ip?: string;
  /** Wanted port; if it is in use, the nearest free one is used and logged. Absent: any free port. */
  readonly port?: number;
  /** Wanted port of the Web UI, with the same rule. */
  readonly uiPort?: number;
  /** True: no Web UI. */
  readonly headless?: boolean;
  /** Makes the server durable: it can be killed and started again with the same file. */
  readonly dbFilename?: string;
  /** Gets the output of the server. */
  readonly logFile?: string;
}

/** A running dev server. */
export interface TemporalDevServer {
  /** `host:port` of the gRPC front end. */
  readonly address: string;
  readonly namespace: string;
  /** Path of the `temporal` command that runs it. */
  readonly cli: string;
  /** Base URL of the Web UI; undefined where it is headless. */
  readonly uiUrl: string | undefined;
  /** Process id of its supervisor. */
  readonly pid: number;
  /** Resolves when the server has ended, even by itself. */
  readonly exited: Promise<number>;
  /** Stops the server and waits until it has ended. */
  stop(): Promise<void>;
  /** Kills the server, as a crash would. */
  kill(): Promise<void>;
}

/**
 * Starts a dev server and waits until it is ready.
 * @throws SluiceError TEMPORAL_SERVER_NOT_FOUND, or TEMPORAL_UNAVAILABLE with what the server printed
 */
export async function startTemporalDevServer(options: DevServerOptions): Promise<TemporalDevServer> {
  const cli = await findTemporalCli(options);
  const ip = options.ip ?? '127.0.0.1';
  const namespace = options.namespace ?? 'default';
  for (const path of [options.dbFilename, options.logFile]) {
    if (path !== undefined) mkdirSync(dirname(path), { recursive: true });
  }
  let output = '';
  for (let attempt = 1; attempt <= START_TRIES; attempt++) {
    const port = await choosePort('Temporal', { ip, wanted: options.port, avoid: [] }, options.log);
    const uiPort =
      options.headless === true
        ? undefined
        : await choosePort('The Web UI', { ip, wanted: options.uiPort, avoid: [port] }, options.log);
    const server = spawnSupervised(cli.path, serverArguments(options, { ip, port, uiPort, namespace }), {
      env: childEnvironment(options.env),
      ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    });
    const address = `${ip}:${port}`;
    if (await isReady(server, address, namespace)) {
      const uiUrl = uiPort === undefined ? undefined : `http://${ip}:${uiPort}`;
      return {
        ...{ address, namespace, uiUrl, cli: cli.path, pid: server.pid, exited: server.exited },
        stop: () => server.stop(),
        kill: () => server.kill(),
      };
    }
    await server.stop();
    output = server.output();
    if (!output.includes('address already in use')) break;
  }
  throw new SluiceError(
    'TEMPORAL_UNAVAILABLE',
    `The Temporal dev server did not start. It said: ${output || 'nothing'}`,
  );
}

interface WantedPort {
  readonly ip: string;
  readonly wanted: number | undefined;
  readonly avoid: readonly number[];
}

async function choosePort(
  who: string,
  { ip, wanted, avoid }: WantedPort,
  log: (line: string) => void,
): Promise<number> {
  if (wanted === undefined) return freePort(ip);
  const port = await portNear(ip, wanted, avoid);
  if (port !== wanted) log(`Port ${wanted} is in use. ${who} listens on ${port}.`);
  return port;
}

function serverArguments(
  options: DevServerOptions,
  at: { ip: string; port: number; uiPort: number | undefined; namespace: string },
): string[] {
  return [
    ...['server', 'start-dev', '--ip', at.ip, '--port', String(at.port), '--namespace', at.namespace],
    ...(at.uiPort === undefined ? ['--headless'] : ['--ui-port', String(at.uiPort)]),
    ...(options.dbFilename === undefined ? [] : ['--db-filename', options.dbFilename, ...SQLITE]),
    ...[...DYNAMIC_CONFIG, ...(mayBeFair(options.dbFilename) ? [FAIRNESS] : [])].flatMap((setting) => [
      ...['--dynamic-config-value', setting],
    ]),
    ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    ...['--log-level', 'warn', '--color', 'never'],
  ];
}

/** Whether no task can have been queued before the queues were fair. Remembers a new database as fair. */
function mayBeFair(dbFilename: string | undefined): boolean {
  if (dbFilename === undefined) return true;
  const mark = dbFilename + FAIR_MARK;
  if (existsSync(mark)) return true;
  if (existsSync(dbFilename)) return false;
  writeFileSync(mark, '');
  return true;
}

/** Without the user's Temporal profile (addresses, API keys, TLS), which is meant for another server. */
function childEnvironment(env: Environment): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

/** True when the server answers with everything in place; false when it ended or took too long. */
async function isReady(server: SupervisedProcess, address: string, namespace: string): Promise<boolean> {
  let ended = false;
  void server.exited.then(() => (ended = true));
  const deadline = Date.now() + READY_LIMIT_MS;
  while (!ended && Date.now() < deadline) {
    if (await answers(address, namespace)) return true;
    await new Promise((resolve) => setTimeout(resolve, READY_INTERVAL_MS));
  }
  return false;
}

/** Asks for what a worker and a start need: the namespace, and a query by a search attribute. */
async function answers(address: string, namespace: string): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: CONNECT_LIMIT_MS });
    const [attribute] = Object.keys(SEARCH_ATTRIBUTES);
    await connection.withDeadline(Date.now() + ANSWER_LIMIT_MS, async () => {
      await connection?.workflowService.describeNamespace({ namespace });
      await connection?.workflowService.listWorkflowExecutions({
        namespace,
        pageSize: 1,
        query: `${attribute} = 'ready'`,
      });
    });
    return true;
  } catch {
    // Not yet: the caller asks again until its limit.
    return false;
  } finally {
    await connection?.close();
  }
}
