/**
 * `worker/main.ts` as a process of its own, as it is deployed, with the project in `test/chaos/project`.
 *
 * Invariant: none outlives the test: each is known by its process id and is killed by it in `killAll`; where the
 * test process itself dies, the closed channel ends it.
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
   * Starts one and waits until it polls.
   * @param env its whole environment but for PATH and HOME
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
    await waitFor(() => worker.#exit !== undefined || up(), 60_000);
    if (!up()) throw new Error(`The worker ended at once:\n${worker.#output}`);
    return worker;
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended();
  }

  /** Asks it to stop, as a deployment does. */
  terminate(): void {
    this.child.kill('SIGTERM');
  }

  /** Waits until it has ended; gives its exit code, null where a signal killed it. */
  async ended(): Promise<number | null> {
    return (await waitFor(() => this.#exit, 40_000)).code;
  }
}

/** Kills all that still run. */
export async function killAll(): Promise<void> {
  for (const worker of [...running]) await worker.kill();
}
