/** The commands about events: `sluice events …`. */
import type { Command } from 'commander';
import type { EventBus } from '../../client/index.js';
import type { BridgePlace } from '../commands/events/events.js';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Adds them. */
export function addEventCommands(program: Command, context: CommandContext): void {
  const { terminal, tenant, online, done } = context;
  const place = () => bridgePlace(context);

  const events = program.command('events').description('events that the bridge has seen (SLUICE_BRIDGE_URL)');

  events
    .command('explain')
    .description(
      'why an event did what it did: its key, the waits that were candidates, what each run answered',
    )
    .argument('<source>', 'source of the event')
    .argument('<id>', 'id of the event')
    .action(async (source: string, id: string) => {
      const { explainEvent } = await import('../commands/events/events.js');
      done(await explainEvent(await place(), terminal(), { tenant: tenant(), source, id }));
    });

  events
    .command('list')
    .description('the newest events')
    .option('--name <event>', 'only those of that name')
    .option('--limit <number>', 'at most so many (default 50)', wholeNumber)
    .option('--after <cursor>', 'where the page before ended')
    .action(async (options: { name?: string; limit?: number; after?: string }) => {
      const { listEvents } = await import('../commands/events/events.js');
      done(await listEvents(await place(), terminal(), { tenant: tenant(), ...options }));
    });

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
        const { readJsonInput } = await import('../terminal/input.js');
        const { publishEvent } = await import('../commands/events/events.js');
        const payload = await readJsonInput(options.payload);
        const bus = await bridgeBus(context);
        await online((client) => publishEvent(client, terminal(), name, { ...options, payload }), bus);
      },
    );
}

/** Where the bridge is. @throws SluiceError CONFIG_INVALID */
async function bridgePlace({ env }: CommandContext): Promise<BridgePlace> {
  const { loadBridgeConfig } = await import('../../worker/config/bridge-config.js');
  const { url, bridge } = loadBridgeConfig(env());
  return { url, token: bridge.token };
}

/** The bus that the bridge is. @throws SluiceError CONFIG_INVALID */
export async function bridgeBus(context: CommandContext): Promise<EventBus> {
  const { httpBus } = await import('../../client/index.js');
  const { url, token } = await bridgePlace(context);
  return httpBus(url, token);
}
