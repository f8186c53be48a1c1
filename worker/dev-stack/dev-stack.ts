/**
 * `npm start` and `sluice dev`: the whole of Sluice in one process tree. Runs an example on it where that is
 * asked for, and then stays up.
 *
 * Invariant: nothing is left running. Everything that was started is stopped in the reverse order, after
 * Ctrl-C, an error or `--once`; what could not be stopped dies with this process
 * (temporal-server/supervisor.mjs).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SluiceClient } from '../../client/index.js';
import { ClosingStack } from '../../contracts/closing-stack.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import type { DefinitionPin } from '../../contracts/run/run.js';
import type { Environment } from '../config/config.js';
import { Console } from './console.js';
import { DEMO_DEFINITION, runDemoOrder } from './order.js';
import { startDevStack, type DevStack } from './services.js';
import { listenForStop } from './stop.js';

export interface RunDevStackOptions {
  readonly env: Environment;
  /** The project: its `.sluice/` gets all data, its `sluice.config.ts` is loaded. */
  readonly root: string;
  /** Files of definitions to publish, relative to the working directory. */
  readonly files?: readonly string[];
  /** Publishes the bundled examples, and runs an order. */
  readonly example: boolean;
  /** Ends when the example is done, instead of staying up. */
  readonly once: boolean;
  readonly out: NodeJS.WriteStream;
}

const FORCED = 130;
/** The bundled definitions. */
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));

/**
 * Runs the stack until it is told to stop.
 * @returns the exit code: 0, or 1 where the start or the example's run failed
 */
export async function runDevStack(options: RunDevStackOptions): Promise<number> {
  const { env, root, files = [], example, once, out } = options;
  const screen = new Console(out, env);
  const opened = new ClosingStack();
  const stop = listenForStop(env, () => process.exit(FORCED));
  let exitCode = 0;
  try {
    screen.heading('Starting Sluice');
    const work = start(screen, opened);
    // A stop during the start does not wait for services that have not started yet.
    await Promise.race([work, stop.requested]);
  } catch (thrown) {
    screen.failed(toSluiceError(thrown));
    exitCode = 1;
  }
  screen.print();
  screen.print('Stopping …');
  for (const failure of await opened.closeAndReport()) {
    screen.print(`  not stopped cleanly: ${failure}`);
    exitCode = 1;
  }
  stop.dispose();
  return exitCode;

  async function start(console: Console, services: ClosingStack): Promise<void> {
    const stack = await startDevStack({
      env,
      root,
      example,
      screen: console,
      opened: services,
      onReload: (reload) => stop.onHangUp(reload),
    });
    const examples = example ? await exampleFiles() : [];
    const published = await publishAll(stack.client, [...examples, ...files], console);
    if (published.length > 0) console.ready('Published', published.map(({ id }) => id).join(', '));
    if (example) {
      // The version in the file: one that was published in between by hand is somebody's experiment.
      const version = published.find(({ id }) => id === DEMO_DEFINITION)?.version;
      exitCode = await demonstrate(stack, console, version, stop.signal);
    } else if (!once) {
      console.heading('Try next');
      for (const command of ['publish FILE', "run ID --input '{}'", 'doctor']) {
        console.print(`  npx sluice ${command} ${sluiceOptions(stack)}`);
      }
    }
    if (once || stop.signal.aborted) return;
    console.print();
    console.print('Ctrl-C stops everything.');
    await Promise.race([stack.broken, stop.requested]);
  }
}

async function exampleFiles(): Promise<string[]> {
  const names = (await readdir(EXAMPLES)).filter((name) => name.endsWith('.yaml')).sort();
  return names.map((name) => join(EXAMPLES, name));
}

/** Publishes files. A file that was edited without a new version keeps its published form. */
async function publishAll(
  client: SluiceClient,
  files: readonly string[],
  screen: Console,
): Promise<DefinitionPin[]> {
  const published: DefinitionPin[] = [];
  for (const file of files) {
    const name = relative(process.cwd(), file);
    try {
      const format = file.endsWith('.json') ? 'json' : 'yaml';
      const { pin } = await client.publishDefinition(await readDefinitionFile(file), { format });
      published.push(pin);
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (error.code !== 'DEFINITION_CONFLICT') throw error;
      screen.print(`            ${name}: ${error.message} ${error.help ?? ''}`);
    }
  }
  return published;
}

async function readDefinitionFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new SluiceError('INPUT_INVALID', `${file} cannot be read: ${toSluiceError(error).message}`, {
      cause: error,
    });
  }
}

/** Runs the order and prints what to try next; returns the exit code. */
async function demonstrate(
  stack: DevStack,
  screen: Console,
  version: number | undefined,
  signal: AbortSignal,
): Promise<number> {
  const suffix = Date.now().toString(36);
  const orderId = `o-${suffix}`;
  screen.heading(`Running ${DEMO_DEFINITION} on order ${orderId}`);
  let exitCode = 0;
  try {
    const { client } = stack;
    const result = await runDemoOrder({
      client,
      orderId,
      version,
      print: screen.printStyled,
      color: screen.color,
      signal,
    });
    if (result === undefined) return exitCode;
    screen.heading('Result');
    screen.print(JSON.stringify(result, null, 2));
  } catch (thrown) {
    screen.failed(toSluiceError(thrown));
    exitCode = 1;
  }
  if (stack.temporal.uiUrl !== undefined) {
    screen.heading('See it in the Web UI');
    screen.print(`${stack.temporal.uiUrl}/namespaces/${stack.temporal.config.namespace}/workflows`);
  }
  screen.heading('Try next');
  for (const command of nextCommands(stack, suffix)) screen.print(`  ${command}`);
  return exitCode;
}

/** Three commands that can be copied: they have this stack's address, namespace and task queue. */
function nextCommands(stack: DevStack, suffix: string): string[] {
  const { temporal, taskQueue } = stack;
  const options = temporalOptions(stack);
  const ticket = `t-${suffix}`;
  const payload = { ticketId: ticket, customerEmail: 'ada@example.com', subject: 'Printer on fire' };
  const reply = {
    eventId: `e-${suffix}`,
    eventName: 'TICKET_REPLIED',
    correlationKey: ticket,
    payload: { from: 'support', text: 'Water helps' },
  };
  return [
    `npx sluice run nightly-reconciliation --input '{"date":"2026-03-01"}' ${sluiceOptions(stack)}`,
    `${temporal.cli} workflow start --type ticket-escalation --task-queue ${taskQueue} --workflow-id ticket-${suffix} --input '${JSON.stringify(payload)}' ${options}`,
    `${temporal.cli} workflow signal --workflow-id ticket-${suffix} --name event --input '${JSON.stringify(reply)}' ${options}`,
  ];
}

/** Options by which `temporal` finds this stack. */
function temporalOptions({ temporal }: DevStack): string {
  const { address, namespace } = temporal.config;
  return `--address ${address}${namespace === 'default' ? '' : ` --namespace ${namespace}`}`;
}

/** Options by which `sluice` finds this stack. */
function sluiceOptions(stack: DevStack): string {
  const queue = stack.taskQueue === 'sluice' ? '' : ` --task-queue ${stack.taskQueue}`;
  return `${temporalOptions(stack)}${queue}`;
}
