/** `sluice events …`. */
import type { Command } from 'commander';
import type { EventBus } from '../../client/index.js';
import type { BridgePlace } from '../commands/events/events.js';
import { wholeNumber, type CommandContext } from '../context/context.js';

/** Adds the commands. */
export function addEventCommands(program: Command, context: CommandContext): void {
  const { terminal, tenant, online, done } = context;
  const place = () => bridgePlace(context);

  const events = program
    .command('events')
    .description('inspect and send events through the bridge (SLUICE_BRIDGE_URL)');

  events
    .command('explain')
    .description(
      'explain the outcome of an event: its correlation key, the candidate waits, the answer of each run',
    )
    .argument('<source>', 'source of the event')
    .argument('<id>', 'id of the event')
    .action(async (source: string, id: string) => {
      const { explainEventCommand } = await import('../commands/events/events.js');
      done(await explainEventCommand(await place(), terminal(), { tenant: tenant(), source, id }));
    });

  events
    .command('list')
    .description('list the newest events')
    .option('--name <event>', 'only events with this name')
    .option('--limit <number>', 'maximum number of events (default 50)', wholeNumber)
    .option('--after <cursor>', 'cursor that the previous page printed')
    .action(async (options: { name?: string; limit?: number; after?: string }) => {
      const { listEventsCommand } = await import('../commands/events/events.js');
      done(await listEventsCommand(await place(), terminal(), { tenant: tenant(), ...options }));
    });

  events
    .command('publish')
    .description('send an event to the bridge')
    .argument('<name>', 'name of the event')
    .option('--payload <json>', 'JSON, or @FILE', 'null')
    .option('--key <text>', 'correlation key')
    .option('--id <text>', 'event id; the same id again has no effect (default: a new id)')
    .option('--source <text>', 'source of the event (default sluice-client)')
    .action(
      async (name: string, options: { payload: string; key?: string; id?: string; source?: string }) => {
        const { readJsonInput } = await import('../terminal/input.js');
        const { publishEventCommand } = await import('../commands/events/events.js');
        const payload = await readJsonInput(options.payload, 'EVENT_INVALID');
        const bus = await bridgeBus(context);
        await online((client) => publishEventCommand(client, terminal(), name, { ...options, payload }), bus);
      },
    );
}

/** Address and token of the bridge. @throws SluiceError CONFIG_INVALID */
async function bridgePlace({ env }: CommandContext): Promise<BridgePlace> {
  const { loadBridgeConfig } = await import('../../worker/config/bridge-config.js');
  const { url, bridge } = loadBridgeConfig(env());
  return { url, token: bridge.token };
}

/** An event bus that sends to the bridge. @throws SluiceError CONFIG_INVALID */
export async function bridgeBus(context: CommandContext): Promise<EventBus> {
  const { httpBus } = await import('../../client/index.js');
  const { url, token } = await bridgePlace(context);
  return httpBus(url, token);
}
