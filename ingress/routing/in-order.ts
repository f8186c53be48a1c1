/** Work of one key, one after the other; work of different keys at once. */
export class InOrder {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs the work when all work of the same key that came before has ended. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    // What fails is told to whoever asked for it; the next one only waits for the end.
    const tail = mine.catch(() => undefined);
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
