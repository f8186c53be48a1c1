/**
 * Threads that do work of an unknown length, each within limits of time and memory that are enforced from
 * outside it.
 *
 * Invariants
 * - No work holds the thread that asks for it. One that passes its time is ended with its thread, one that
 *   passes its memory ends its own thread; both reject with CHECK_LIMIT, and concern no other work.
 * - On a busy machine the time of a work may pass while others have the processor. So a work that was cut
 *   short is done once more, in a new thread and with more time, before it counts.
 * - Tenants take turns, and while there is more than one thread, one tenant never has all of them.
 */
import { Worker } from 'node:worker_threads';
import { SluiceError, messageOf } from '../../contracts/errors.js';

export interface PoolLimits {
  readonly threads: number;
  /** Time of the first try and of the second, ms. */
  readonly tryMs: readonly [number, number];
  /** Time in which a new thread must be ready, ms. */
  readonly startMs: number;
  /** Memory of one thread, MiB. */
  readonly memoryMb: number;
}

interface Work {
  readonly tenant: string;
  readonly request: unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: SluiceError) => void;
  tries: number;
}

interface Thread {
  readonly worker: Worker;
  ready: boolean;
  work: Work | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** Tries of one work for which a thread could not start or has died, before that counts. */
const MOST_TRIES = 2;
const YOUNG_MB = 16;

export class ThreadPool {
  readonly #threads = new Set<Thread>();
  /** What waits, by tenant; the first tenant is the next one. */
  readonly #waiting = new Map<string, Work[]>();

  /** @param entry the module of a thread: it posts `ready`, then an answer to each request */
  constructor(
    private readonly entry: URL,
    private readonly limits: PoolLimits,
  ) {}

  /**
   * Does one work.
   * @param request what a thread is given; must be cloneable
   * @throws SluiceError CHECK_LIMIT; CHECK_UNAVAILABLE where no thread can be started
   */
  run(tenant: string, request: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ tenant, request, resolve, reject, tries: 0 });
      this.#dispatch();
    });
  }

  /** Ends all threads; what they were doing is rejected. */
  async close(): Promise<void> {
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }

  #enqueue(work: Work): void {
    this.#waiting.set(work.tenant, [...(this.#waiting.get(work.tenant) ?? []), work]);
  }

  #dispatch(): void {
    for (;;) {
      const free = [...this.#threads].find(({ work }) => work === undefined);
      if (free === undefined && this.#threads.size >= this.limits.threads) return;
      const work = this.#next();
      if (work === undefined) return;
      const thread = free ?? this.#start();
      thread.work = work;
      thread.worker.ref();
      if (thread.ready) this.#begin(thread);
    }
  }

  /** The first work of the next tenant that may have another thread. */
  #next(): Work | undefined {
    const most = Math.max(1, this.limits.threads - 1);
    for (const [tenant, works] of this.#waiting) {
      const has = [...this.#threads].filter(({ work }) => work?.tenant === tenant).length;
      if (has >= most) continue;
      const [work, ...others] = works;
      this.#waiting.delete(tenant);
      if (others.length > 0) this.#waiting.set(tenant, others);
      return work;
    }
    return undefined;
  }

  #start(): Thread {
    const worker = new Worker(this.entry, {
      // What the process was started with (a loader, a debugger) is not for its threads.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.limits.memoryMb, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    const thread: Thread = { worker, ready: false, work: undefined, timer: undefined };
    this.#threads.add(thread);
    this.#within(thread, this.limits.startMs, () => {
      this.#lost(thread, 'it was not ready in time');
    });
    worker.on('message', (message: unknown) => this.#heard(thread, message));
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY' && thread.ready) this.#passed(thread, 'memory');
      else this.#lost(thread, messageOf(error));
    });
    worker.on('exit', () => this.#lost(thread, 'it ended'));
    return thread;
  }

  #heard(thread: Thread, message: unknown): void {
    clearTimeout(thread.timer);
    if (!thread.ready) {
      thread.ready = true;
      this.#begin(thread);
      return;
    }
    const { work } = thread;
    thread.work = undefined;
    // An idle thread keeps no process alive.
    thread.worker.unref();
    work?.resolve(message);
    this.#dispatch();
  }

  #begin(thread: Thread): void {
    const { work } = thread;
    if (work === undefined) return;
    const ms = this.limits.tryMs[work.tries === 0 ? 0 : 1];
    thread.worker.postMessage(work.request);
    this.#within(thread, ms, () => {
      work.tries++;
      if (work.tries >= MOST_TRIES) this.#passed(thread, `time (${ms} ms)`);
      else this.#again(thread, work);
    });
  }

  /** Acts after that time, unless the answer has come by then and only waits to be heard. */
  #within(thread: Thread, ms: number, act: () => void): void {
    const { work } = thread;
    thread.timer = setTimeout(() => {
      const before = thread.timer;
      setImmediate(() => {
        if (this.#threads.has(thread) && thread.timer === before && thread.work === (work ?? thread.work)) {
          act();
        }
      });
    }, ms);
    thread.timer.unref();
  }

  #passed(thread: Thread, what: string): void {
    const { work } = thread;
    this.#end(thread);
    work?.reject(new SluiceError('CHECK_LIMIT', `The check took more ${what} than one may take`));
    this.#dispatch();
  }

  #lost(thread: Thread, reason: string): void {
    if (!this.#threads.has(thread)) return;
    const { work } = thread;
    if (work !== undefined && ++work.tries < MOST_TRIES) return this.#again(thread, work);
    this.#end(thread);
    work?.reject(new SluiceError('CHECK_UNAVAILABLE', `A thread for checks was lost: ${reason}`));
    this.#dispatch();
  }

  #again(thread: Thread, work: Work): void {
    this.#end(thread);
    this.#enqueue(work);
    this.#dispatch();
  }

  #end(thread: Thread): void {
    this.#threads.delete(thread);
    clearTimeout(thread.timer);
    thread.work = undefined;
    void thread.worker.terminate();
  }
}
