import { messageOf } from './errors.js';

/**
 * Closes what was opened, last first.
 *
 * Invariant: everything is closed, even where a close fails; closing twice closes nothing twice.
 */
export class ClosingStack {
  readonly #entries: { readonly name: string; readonly close: () => unknown }[] = [];

  /**
   * Adds what was just opened.
   * @param name for messages about a failure
   */
  add(name: string, close: () => unknown): void {
    this.#entries.push({ name, close });
  }

  /**
   * Closes everything.
   * @throws the first failure, once all the others are closed
   */
  async close(): Promise<void> {
    const [first] = await this.#closeAll();
    if (first !== undefined) throw first.error;
  }

  /**
   * Closes everything.
   * @returns what failed, as texts for people
   */
  async closeAndReport(): Promise<readonly string[]> {
    return (await this.#closeAll()).map(({ name, error }) => `${name}: ${messageOf(error)}`);
  }

  async #closeAll(): Promise<readonly { readonly name: string; readonly error: unknown }[]> {
    const failures: { readonly name: string; readonly error: unknown }[] = [];
    for (const { name, close } of this.#entries.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push({ name, error });
      }
    }
    return failures;
  }
}
