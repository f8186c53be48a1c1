/**
 * What every group of commands gets.
 *
 * Invariant: making the tree of commands loads commander and little else. Whatever is heavy (Temporal's SDK, the
 * database, the configuration's schema) is imported by the action of the command that needs it, so that help,
 * completion and a mistyped command answer at once. test/cli/start.test.ts looks at what is loaded.
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
}

/** Runs a command with a client, closes it, and sets the exit code. */
export type Online = (work: (client: SluiceClient) => Promise<number>, bus?: EventBus) => Promise<void>;

export interface CommandContext {
  readonly terminal: () => Terminal;
  /** What `--tenant` says, else `default`. */
  readonly tenant: () => string;
  /** What `--tenant` says; undefined: nothing. */
  readonly namedTenant: () => string | undefined;
  /** The environment, with what the command line says instead. */
  readonly env: () => Environment;
  /** The configuration of that environment. @throws SluiceError CONFIG_INVALID */
  readonly config: () => Promise<SluiceConfig>;
  readonly online: Online;
  /**
   * As `online`, with something to read runs from: the API that SLUICE_API_URL names, else the database, where it is a
   * server. Temporal is connected with the first call that needs it.
   */
  readonly reading: (work: (client: SluiceClient) => Promise<number>) => Promise<void>;
  /** Sets the exit code. */
  readonly done: (code: number) => void;
  /** Loads what the actions of commands have from here without waiting for it: before each of them. */
  readonly prepare: () => Promise<void>;
}

/**
 * Makes one.
 * @param env of the process
 * @param globals what the command line said before and after the command
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
    terminal = new loaded.Terminal(globals().json === true, env);
  };
  return {
    prepare,
    terminal: () => {
      if (terminal === undefined) throw new Error('Outside of a command there is no terminal');
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
      const more = { lazy: true, ...(database !== undefined && { reads: database.reads }) };
      const client = await connect(loaded, env, globals().tenant, more);
      try {
        done(await work(client));
      } finally {
        await client.close();
        await database?.close();
      }
    },
    async online(work, bus) {
      const more = bus === undefined ? {} : { bus };
      const client = await connect(await config(), env, globals().tenant, more);
      try {
        done(await work(client));
      } finally {
        await client.close();
      }
    },
  };
}

async function connect(
  { temporal, taskQueue }: SluiceConfig,
  env: Environment,
  tenant: string | undefined,
  more: Pick<SluiceClientOptions, 'bus' | 'lazy' | 'reads'>,
): Promise<SluiceClient> {
  const { apiReads, createSluiceClient } = await import('../../client/index.js');
  const { loadApiPlace } = await import('../../worker/config/api-variables.js');
  const { temporalConnectionOptions } = await import('../../worker/temporal/temporal-connection.js');
  const { address, ...connectionOptions } = await temporalConnectionOptions(temporal);
  const api = loadApiPlace(env);
  return createSluiceClient({
    address,
    connectionOptions,
    namespace: temporal.namespace,
    taskQueue,
    actor: env.USER || 'sluice-cli',
    ...more,
    ...(api !== undefined && { reads: apiReads(api) }),
    ...(tenant !== undefined && { tenant }),
  });
}

/** Parses an option that is a whole number from 1. */
export function wholeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new InvalidArgumentError('It must be a whole number from 1.');
  }
  return number;
}

/** Parses an option that is an age in days. */
export function days(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < 0) {
    throw new InvalidArgumentError('It must be a number from 0.');
  }
  return number;
}
