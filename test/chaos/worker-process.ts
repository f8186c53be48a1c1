/**
 * `worker/main.ts` as a separate process, as in a deployment, with the project in `test/chaos/project`.
 *
 * Invariant: no worker outlives the test. `killAll` kills each by its process id; if the test process
 * itself dies, the closed channel ends the worker.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../support/wait-for.js';

const MAIN = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));
const PROJECT = fileURLToPath(new URL('project/', import.meta.url));

const running = new Set<WorkerProcess>();

export class WorkerProcess {
  #output = '';
  #exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
    child.once('exit', (code, signal) => {
      this.#exit = { code, signal };
      running.delete(this);
    });
  }

  /**
   * Starts a worker and waits until it polls.
   * @param env its environment, without PATH and HOME
   * @param main what it runs; default: `worker/main.ts`
   */
  static async start(env: Readonly<Record<string, string>>, main = MAIN): Promise<WorkerProcess> {
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), main], {
      cwd: PROJECT,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    });
    const worker = new WorkerProcess(child);
    running.add(worker);
    const up = () => worker.#output.includes('The worker polls');
    await waitFor(() => worker.#exit !== undefined || up(), 120_000).catch((cause: unknown) => {
      throw new Error(`The worker does not poll:\n${worker.#output}`, { cause });
    });
    if (!up()) throw new Error(`The worker ended at once:\n${worker.#output}`);
    return worker;
  }

  /** Everything that the worker has printed. */
  get output(): string {
    return this.#output;
  }

  /** Ends the worker as a crash does. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended();
  }

  /** Asks the worker to stop, as a deployment does. */
  terminate(): void {
    this.child.kill('SIGTERM');
  }

  /** Waits until the worker has ended; gives its exit code, null if a signal killed it. */
  async ended(): Promise<number | null> {
    return (await waitFor(() => this.#exit, 120_000)).code;
  }
}

/** Kills all workers that still run. */
export async function killAll(): Promise<void> {
  for (const worker of [...running]) await worker.kill();
}
