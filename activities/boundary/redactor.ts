/**
 * Keeps secrets out of everything that leaves an action.
 *
 * Invariants
 * - No value that passes through here holds a secret that the action has read, in any form or long part that
 *   contracts/redaction/hidden-values.ts knows. Each becomes `[secret:NAME]`.
 * - Text is cut after it has passed here, never before. Where an action may have cut it by itself (errors,
 *   heartbeats, log lines), the remains of a secret at the ends of the text count too.
 *
 * What breaks it: an action that transforms a secret in another way (a hash, an encryption). And a secret of
 * fewer than four characters is replaced only where it is the whole string; otherwise every text would be
 * full of holes.
 */
import type { Json } from '../../contracts/json.js';
import { HiddenValues, type HideOptions } from '../../contracts/redaction/hidden-values.js';

const CUT: HideOptions = { cut: true };

/** Redacts the secrets that one attempt of an action reads. */
export class SecretRedactor {
  readonly #hidden = new HiddenValues();
  readonly #names = new Set<string>();

  /** Names of the secrets that were read. */
  get names(): readonly string[] {
    return [...this.#names].sort();
  }

  /** Replaces the value by its name from now on. */
  learn(name: string, value: string): void {
    this.#names.add(name);
    this.#hidden.add(value, `[secret:${name}]`);
  }

  text(text: string): string {
    return this.#hidden.text(text);
  }

  /** A text that may have been cut before it got here. */
  remains(text: string): string {
    return this.#hidden.text(text, CUT);
  }

  /**
   * A copy of the value with every string, number and key redacted; the value itself where nothing is to be
   * hidden.
   */
  json(value: Json): Json {
    return this.#hidden.none ? value : (this.#walk(value, {}) as Json);
  }

  /** The same as `json`, for a value whose texts may have been cut before they got here. */
  remainsIn(value: Json): Json {
    return this.#hidden.none ? value : (this.#walk(value, CUT) as Json);
  }

  /** The same as `json`, for values that may hold database types: those stay as they are. */
  variables(variables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    return this.#hidden.none ? variables : (this.#walk(variables, {}) as Record<string, unknown>);
  }

  #walk(value: unknown, options: HideOptions): unknown {
    if (typeof value === 'string') return this.#hidden.text(value, options);
    if (typeof value === 'number') return this.#hidden.number(value) ?? value;
    if (Array.isArray(value)) {
      return this.#hidden.list(value, options) ?? value.map((item) => this.#walk(item, options));
    }
    if (value === null || typeof value !== 'object') return value;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        this.#hidden.text(key, options),
        this.#walk(item, options),
      ]),
    );
  }
}
