/**
 * What every group of commands shares.
 *
 * Invariant: building the tree of commands loads commander and little else. The action of a command imports
 * what is heavy (Temporal's SDK, the database, the configuration's schema), so that help, completion and a
 * mistyped command answer at once. test/cli/start.test.ts checks which modules are loaded.
 */
import { InvalidArgumentError } from 'commander';
import type { EventBus, SluiceClient, SluiceClientOptions } from '../../client/index.js';
import type { Environment, SluiceConfig } from '../../worker/config/config.js';
import type { Terminal } from '../terminal/terminal.js';

export interface GlobalOptions {
  readonly address?: string;
  readonly namespace?: string;
  readonly taskQueue?: string;
  readonly tenant?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Runs a command with a client, closes the client, and sets the exit code. */
export type Online = (work: (client: SluiceClient) => Promise<number>, bus?: EventBus) => Promise<void>;

export interface CommandContext {
  readonly terminal: () => Terminal;
  /** The value of `--tenant`, else `default`. */
  readonly tenant: () => string;
  /** The value of `--tenant`; undefined if it is not given. */
  readonly namedTenant: () => string | undefined;
  /** The environment, overridden by the options of the command line. */
  readonly env: () => Environment;
  /** The configuration of that environment. @throws SluiceError CONFIG_INVALID */
  readonly config: () => Promise<SluiceConfig>;
  readonly online: Online;
  /**
   * As `online`, with a source to read runs from: the API that SLUICE_API_URL names, else the database if it
   * is a server. The first call that needs Temporal connects to it.
   */
  readonly reading: (work: (client: SluiceClient) => Promise<number>) => Promise<void>;
  /** As `online`, with the same source as `reading`: a start checks its payload there first. */
  readonly starting: Online;
  /** Sets the exit code. */
  readonly done: (code: number) => void;
  /** Runs before each command: loads what the synchronous members of this context need. */
  readonly prepare: () => Promise<void>;
}

/**
 * Creates the context.
 * @param env environment of the process
 * @param globals reads the global options, which may come before or after the command
 * @param done receives the exit code
 */
export function createContext(
  env: Environment,
  globals: () => GlobalOptions,
  done: (code: number) => void,
): CommandContext {
  const merged = (): Environment => {
    const { address, namespace, taskQueue } = globals();
    return {
      ...env,
      ...(address !== undefined && { TEMPORAL_ADDRESS: address }),
      ...(namespace !== undefined && { TEMPORAL_NAMESPACE: namespace }),
      ...(taskQueue !== undefined && { SLUICE_TASK_QUEUE: taskQueue }),
    };
  };
  const config = async (): Promise<SluiceConfig> => {
    const { loadConfig } = await import('../../worker/config/config.js');
    return loadConfig(merged());
  };
  let terminal: Terminal | undefined;
  const prepare = async (): Promise<void> => {
    const loaded = await import('../terminal/terminal.js');
    terminal = new loaded.Terminal(env, globals());
  };
  return {
    prepare,
    terminal: () => {
      if (terminal === undefined) throw new Error('No command is running: prepare() creates the terminal');
      return terminal;
    },
    tenant: () => globals().tenant ?? 'default',
    namedTenant: () => globals().tenant,
    env: merged,
    config,
    done,
    async reading(work) {
      const loaded = await config();
      const { databaseReads, isServer } = await import('./database-reads.js');
      const database = isServer(loaded.database) ? databaseReads(loaded.database) : undefined;
      const options = { lazy: true, ...(database !== undefined && { reads: database.reads }) };
      const client = await connect(loaded, env, globals().tenant, options);
      try {
        done(await work(client));
      } finally {
        await client.close();
        await database?.close();
      }
    },
    async starting(work) {
      const loaded = await config();
      const { databaseReads, isServer } = await import('./database-reads.js');
      const database = isServer(loaded.database) ? databaseReads(loaded.database) : undefined;
      const client = await connect(loaded, env, globals().tenant, {
        ...(database !== undefined && { reads: database.reads }),
      });
      try {
        done(await work(client));
      } finally {
        await client.close();
        await database?.close();
      }
    },
    async online(work, bus) {
      const options = bus === undefined ? {} : { bus };
      const client = await connect(await config(), env, globals().tenant, options);
      try {
        done(await work(client));
      } finally {
        await client.close();
      }
    },
  };
}

async function connect(
  config: SluiceConfig,
  env: Environment,
  tenant: string | undefined,
  options: Pick<SluiceClientOptions, 'bus' | 'lazy' | 'reads'>,
): Promise<SluiceClient> {
  const { apiReads, createSluiceClient } = await import('../../client/index.js');
  const { loadApiPlace } = await import('../../worker/config/api-variables.js');
  const { temporalPlace } = await import('../../worker/temporal/temporal-connection.js');
  const api = loadApiPlace(env);
  return createSluiceClient({
    ...(await temporalPlace(config)),
    taskQueue: config.taskQueue,
    actor: env.USER || 'sluice-cli',
    ...options,
    ...(api !== undefined && { reads: apiReads(api) }),
    ...(tenant !== undefined && { tenant }),
  });
}

/** Parses an option whose value is a whole number from 1. */
export function wholeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new InvalidArgumentError('It must be a whole number from 1.');
  }
  return number;
}

/** Parses an option whose value is an age in days. */
export function days(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < 0) {
    throw new InvalidArgumentError('It must be a number from 0.');
  }
  return number;
}
