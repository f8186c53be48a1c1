/** Runs work of one key in sequence, and work of different keys concurrently. */
export class InOrder {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs the work after all earlier work of the same key has ended. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const previous = this.#tails.get(key) ?? Promise.resolve();
    const current = previous.then(work, work);
    // A failure goes to the caller of this work; the next work only waits for the end.
    const tail = current.catch(() => undefined);
    this.#tails.set(key, tail);
    try {
      return await current;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}
