/**
 * Keeps secrets out of everything that leaves an action.
 *
 * Invariant: no string that passes through here holds a secret that the action has read, plain or in one of
 * the forms in which libraries put it into messages (JSON text, percent-encoded, base64). Each becomes
 * `[secret:NAME]`.
 *
 * What breaks it: an action that transforms a secret in another way (a hash, a part of it, a number). And a
 * secret of fewer than four characters is replaced only where it is the whole string; otherwise every text
 * would be full of holes.
 */
import type { Json } from '../../contracts/json.js';
import { formsInsideText, formsOf, patternOf, SHORTEST_INSIDE_TEXT } from '../../contracts/redaction.js';

/** JSON within JSON within JSON: a validation error in the body of an answer, in a message. */
const QUOTINGS = 3;

function secretForms(value: string): readonly string[] {
  const base64 = Buffer.from(value).toString('base64');
  return [
    ...formsOf(value, QUOTINGS),
    base64,
    base64.replace(/=+$/, ''),
    Buffer.from(value).toString('base64url'),
  ];
}

/** Redacts the secrets that one attempt of an action reads. */
export class SecretRedactor {
  readonly #marks = new Map<string, string>();
  #inside: RegExp | undefined;

  /** Replaces the value by its name from now on. */
  learn(name: string, value: string): void {
    if (value === '') return;
    const forms = value.length < SHORTEST_INSIDE_TEXT ? [value] : secretForms(value);
    for (const form of forms) this.#marks.set(form, `[secret:${name}]`);
    this.#inside = patternOf(formsInsideText(this.#marks.keys()));
  }

  text(text: string): string {
    const whole = this.#marks.get(text);
    if (whole !== undefined) return whole;
    return this.#inside === undefined
      ? text
      : text.replace(this.#inside, (form) => this.#marks.get(form) ?? '[secret]');
  }

  /**
   * A copy of the value with every string and key redacted; the value itself where there is nothing to hide.
   */
  json(value: Json): Json {
    return this.#marks.size === 0 ? value : (this.#walk(value) as Json);
  }

  /** The same as `json`, for values that may hold database types: those stay as they are. */
  variables(variables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    return this.#marks.size === 0 ? variables : (this.#walk(variables) as Record<string, unknown>);
  }

  #walk(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#walk(item));
    if (value === null || typeof value !== 'object') return value;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.text(key), this.#walk(item)]));
  }
}
