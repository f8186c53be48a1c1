/**
 * `sluice bridge` as a separate process, as it is deployed.
 *
 * Invariant: no process outlives the test: `killAll` kills each by its process id.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../../support/wait-for.js';

const BIN = fileURLToPath(new URL('../../../cli/bin.mjs', import.meta.url));
const running = new Set<BridgeProcess>();

export class BridgeProcess {
  #output = '';

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
  }

  /** Starts a bridge and waits until it takes events. */
  static async start(env: Readonly<Record<string, string>>): Promise<BridgeProcess> {
    const child = spawn(process.execPath, [BIN, 'bridge'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    });
    const bridge = new BridgeProcess(child);
    running.add(bridge);
    await waitFor(() => child.exitCode !== null || bridge.output.includes('The bridge takes events'), 60_000);
    if (child.exitCode !== null) throw new Error(`The bridge ended at once:\n${bridge.output}`);
    return bridge;
  }

  get output(): string {
    return this.#output;
  }

  /** Kills the process, as a crash does. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Stops the process as a deployment does; returns the exit code. */
  async terminate(): Promise<number | null> {
    await this.#end('SIGTERM');
    return this.child.exitCode;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    running.delete(this);
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    await gone;
  }
}

/** Kills all processes that still run. */
export async function killAll(): Promise<void> {
  for (const bridge of [...running]) await bridge.kill();
}
