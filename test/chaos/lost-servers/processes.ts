/** A bridge and an API as processes, and what they and the worker say of their servers. */
import { fileURLToPath } from 'node:url';
import type { Service } from '../../../contracts/services/watch.js';
import { startCommand, type RunningCommand } from '../../support/command.js';
import { waitFor } from '../../support/wait-for.js';

const BIN = fileURLToPath(new URL('../../../cli/bin.mjs', import.meta.url));

/** The services that are lost, of those that every process needs. */
type Lost = readonly Exclude<Service, 'redis'>[];

type Process = 'worker' | 'bridge' | 'api';

export class Processes {
  #started: RunningCommand[] = [];

  constructor(private readonly env: Readonly<Record<string, string>>) {}

  /** Starts the bridge and the API, and waits until both answer. */
  async start(): Promise<void> {
    this.#started = ['bridge', 'api'].map((name) =>
      startCommand(process.execPath, [BIN, name], {
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...this.env },
      }),
    );
    await waitFor(async () => {
      for (const started of this.#started) {
        if (started.child.exitCode !== null) throw new Error(`It ended:\n${started.output()}`);
      }
      return (await this.#health('bridge')).ok && (await this.#health('api')).ok;
    }, 120_000);
  }

  /** Waits until health and metrics of every process say that exactly these services are lost. */
  async show(lost: Lost): Promise<void> {
    for (const name of ['worker', 'bridge', 'api'] as const) {
      await waitFor(async () => {
        const { ok, text } = await this.#health(name);
        const metrics = await this.#metrics(name);
        const wrong = (['database', 'temporal'] as const).filter(
          (service) => !metrics.includes(`\nsluice_${service}_connected ${lost.includes(service) ? 0 : 1}\n`),
        );
        if (ok === (lost.length === 0) && wrong.length === 0) return true;
        throw new Error(`${name}: ${text}; the metrics are wrong for ${wrong.join(', ') || 'none'}`);
      });
    }
  }

  /** Whether a process says so in its health, and in its metrics. */
  async says(name: Process, health: RegExp, metric: string): Promise<boolean> {
    const said = (await this.#health(name)).text;
    if (health.test(said) && (await this.#metrics(name)).includes(`\n${metric}\n`)) return true;
    throw new Error(`${name}: ${said}`);
  }

  /** Whether the bridge has routed an event. */
  async hasEvent(id: string): Promise<boolean> {
    const { text } = await get(`${this.#base('bridge')}/events?source=plain&id=${id}`);
    return /"outcome":"[A-Z]/.test(text);
  }

  /** Asks both to stop. @returns their exit codes; null if a signal ended one */
  terminate(): readonly Promise<number | null>[] {
    for (const { child } of this.#started) child.kill('SIGTERM');
    return this.#started.map(async ({ ended }) => (await ended).code);
  }

  kill(): void {
    for (const { child } of this.#started) child.kill('SIGKILL');
  }

  #base(name: Process): string {
    const variable = {
      worker: 'SLUICE_WORKER_HEALTH_HTTP',
      bridge: 'SLUICE_BRIDGE_HTTP',
      api: 'SLUICE_API_HTTP',
    };
    return `http://${this.env[variable[name]] ?? ''}`;
  }

  #health(name: Process): Promise<Answer> {
    return get(`${this.#base(name)}/${name === 'api' ? 'readyz' : 'health'}`);
  }

  async #metrics(name: Process): Promise<string> {
    const base =
      name === 'worker' ? `http://${this.env['SLUICE_WORKER_METRICS_HTTP'] ?? ''}` : this.#base(name);
    // The SDK writes a gauge with labels of the process.
    return `\n${(await get(`${base}/metrics`)).text}`.replaceAll(/^(sluice_\w+_connected)\{[^}]*\}/gm, '$1');
  }
}

interface Answer {
  readonly ok: boolean;
  readonly text: string;
}

async function get(url: string): Promise<Answer> {
  try {
    const response = await fetch(url);
    return { ok: response.ok, text: await response.text() };
  } catch (error) {
    return { ok: false, text: String(error) };
  }
}
