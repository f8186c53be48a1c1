/**
 * What the redactors of payloads and of secrets share: the forms of a value in a text, and how to find them.
 */

/**
 * A shorter value is replaced only where it is the whole text; inside texts it would leave them full of
 * holes.
 */
export const SHORTEST_INSIDE_TEXT = 4;

/**
 * The forms in which libraries put a value into messages: plain, as JSON text, percent-encoded.
 * @param quotings how many times JSON may contain JSON
 */
export function formsOf(value: string, quotings: number): readonly string[] {
  const forms = [value, encodeURIComponent(value)];
  let quoted = value;
  for (let depth = 0; depth < quotings; depth++) {
    quoted = JSON.stringify(quoted).slice(1, -1);
    forms.push(quoted);
  }
  return forms;
}

/** The forms that are long enough to replace inside a text, the longest first: one may begin with another. */
export function formsInsideText(forms: Iterable<string>): readonly string[] {
  return [...forms].filter((form) => form.length >= SHORTEST_INSIDE_TEXT).sort((a, b) => b.length - a.length);
}

/** A pattern that tries the forms in their order; undefined for an empty list. */
export function patternOf(forms: readonly string[]): RegExp | undefined {
  return forms.length === 0 ? undefined : new RegExp(forms.map(escapeRegExp).join('|'), 'g');
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
