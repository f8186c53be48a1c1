/** The commands about events: `sluice bridge` and `sluice events …`. */
import { type Command, InvalidArgumentError } from 'commander';
import { httpBus, type EventBus, type SluiceClient } from '../client/index.js';
import { loadBridgeConfig } from '../worker/bridge-config.js';
import type { Environment } from '../worker/config.js';
import { serveBridge } from './commands/bridge.js';
import { type BridgePlace, explainEvent, listEvents, publishEvent } from './commands/events.js';
import { readJsonInput } from './input.js';
import type { Terminal } from './terminal.js';

/** Runs a command with a client, and sets the exit code. */
export type Online = (work: (client: SluiceClient) => Promise<number>, bus?: EventBus) => Promise<void>;

export interface CommandContext {
  readonly terminal: () => Terminal;
  readonly tenant: () => string;
  readonly online: Online;
  /** Sets the exit code. */
  readonly done: (code: number) => void;
}

/** Adds them. */
export function addEventCommands(program: Command, env: Environment, context: CommandContext): void {
  const { terminal, tenant, online, done } = context;
  const place = (): BridgePlace => {
    const { url, bridge } = loadBridgeConfig(env);
    return { url, token: bridge.token };
  };

  program
    .command('bridge')
    .description('route events from HTTP and from Redis to runs, until stopped')
    .action(async () => done(await serveBridge(env)));

  const events = program.command('events').description('events that the bridge has seen (SLUICE_BRIDGE_URL)');

  events
    .command('explain')
    .description(
      'why an event did what it did: its key, the waits that were candidates, what each run answered',
    )
    .argument('<source>', 'source of the event')
    .argument('<id>', 'id of the event')
    .action(async (source: string, id: string) =>
      done(await explainEvent(place(), terminal(), { tenant: tenant(), source, id })),
    );

  events
    .command('list')
    .description('the newest events')
    .option('--name <event>', 'only those of that name')
    .option('--limit <number>', 'at most so many (default 50)', wholeNumber)
    .option('--after <cursor>', 'where the page before ended')
    .action(async (options: { name?: string; limit?: number; after?: string }) =>
      done(await listEvents(place(), terminal(), { tenant: tenant(), ...options })),
    );

  events
    .command('publish')
    .description('send an event to the bridge')
    .argument('<name>', 'name of the event')
    .option('--payload <json>', 'JSON, or @FILE', 'null')
    .option('--key <text>', 'correlation key')
    .option('--id <text>', 'makes a repetition harmless (default: a new one)')
    .option('--source <text>', 'who sends it (default sluice-client)')
    .action(
      async (name: string, options: { payload: string; key?: string; id?: string; source?: string }) => {
        const payload = await readJsonInput(options.payload);
        const { url, token } = place();
        await online(
          (client) => publishEvent(client, terminal(), name, { ...options, payload }),
          httpBus(url, token),
        );
      },
    );
}

function wholeNumber(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return number;
}
