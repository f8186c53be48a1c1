/**
 * Finds values that must not be shown, in any form that is known (forms.ts), and puts a mark in their place.
 * Secrets and values that are marked `writeOnly` are both hidden by it.
 *
 * Invariants
 * - No text that passes holds such a value: plain, escaped for JSON, HTML or a URL in either case, in base64
 *   at any alignment, in hex, in other case, as a number, as a list of bytes, or as a list of parts.
 * - No text that passes holds a long part of one: half of it, at least 12 and at most 16 characters.
 * - In a text that may have been cut (an error, a heartbeat, a log line, a row), a part at an end of the text
 *   counts from 6 characters, and one inside from half of the value, at least 8.
 *
 * How it could break: a text is cut before it passes here, and then joined with another one. A value that was
 * changed in another way (a hash, encryption, compression, another base or alphabet) is not found.
 */
import { decodings, type Span } from './decoded.js';
import { formsOf, inAlphabet, SHORTEST_INSIDE_TEXT, type Alphabet, type Form } from './forms.js';
import { LongParts } from './long-parts.js';

/** Least and most characters of a part that is hidden wherever it is. */
const PART = { cut: { least: 8, most: 16 }, whole: { least: 12, most: 16 } } as const;
/** The shortest part that is hidden at an end of a text that may have been cut. */
const SHORTEST_EDGE = 6;

/** What a cut leaves after the last whole character: the beginning of an escape, quotes, an ellipsis. */
const TORN = /(?:\\+(?:u\{?[0-9a-f]{0,5}|x[0-9a-f]?)?|%[0-9a-f]?|&#?\w{0,8}|\ufffd+|["'…]+|\.{3})$/iu;

const LONGEST_TORN = 24;

/** `cut`: the text may have been cut before, so that parts of a value count too. */
export interface HideOptions {
  readonly cut?: boolean;
  /** The shortest part at an end of a cut text. */
  readonly edge?: number;
}

interface Hidden extends Form {
  readonly mark: string;
}

/** What is looked for in the texts of one alphabet. */
class Forms {
  readonly whole: Hidden[] = [];
  readonly parts = {
    whole: new LongParts<Hidden>(PART.whole.least),
    cut: new LongParts<Hidden>(PART.cut.least),
  };

  add(form: Hidden): void {
    this.whole.push(form);
    for (const kind of ['whole', 'cut'] as const) {
      const { least, most } = PART[kind];
      const length = Math.min(most, Math.max(least, Math.ceil(form.text.length / 2)));
      if (length < form.text.length) this.parts[kind].add(form, length);
    }
  }

  /** Where the forms are, and long parts of them. */
  in(text: string, { cut = false, edge = SHORTEST_EDGE }: HideOptions): { form: Hidden; span: Span }[] {
    const found = [...this.parts[cut ? 'cut' : 'whole'].in(text)];
    for (const form of this.whole) {
      for (let from = text.indexOf(form.text); from >= 0; from = text.indexOf(form.text, from + 1)) {
        found.push({ form, span: [from, from + form.text.length] });
      }
      if (cut) found.push(...edgesOf(text, form.text, edge).map((span) => ({ form, span })));
    }
    return found.map(({ form, span }) => ({ form, span: widened(text, form, span) }));
  }
}

interface Found {
  readonly span: Span;
  readonly mark: string;
}

export class HiddenValues {
  readonly #forms = new Map<Alphabet, Forms>();
  readonly #wholes = new Map<string, string>();
  readonly #numbers = new Map<number, string>();
  readonly #bytes: { readonly bytes: string; readonly mark: string }[] = [];

  /** Hides the value from now on, behind a mark. */
  add(value: string, mark: string): void {
    if (value === '' || this.#wholes.get(value) === mark) return;
    this.#wholes.set(value, mark);
    if (/^-?[\d.]+(?:e[+-]?\d+)?$/i.test(value) && Number.isFinite(Number(value))) {
      this.#numbers.set(Number(value), mark);
    }
    for (const form of formsOf(value)) {
      const forms = this.#forms.get(form.alphabet) ?? new Forms();
      this.#forms.set(form.alphabet, forms);
      forms.add({ ...form, mark });
    }
    if (value.length >= SHORTEST_INSIDE_TEXT) {
      this.#bytes.push({ bytes: Buffer.from(value).toString('latin1'), mark });
    }
  }

  /** True: nothing is hidden. */
  get none(): boolean {
    return this.#wholes.size === 0;
  }

  text(text: string, options: HideOptions = {}): string {
    const mark = this.#wholes.get(text);
    if (mark !== undefined) return mark;
    return this.#forms.size === 0 ? text : replaced(text, this.#find(text, options));
  }

  /** The mark of a number that is a hidden value, or holds one among its digits; undefined: it is neither. */
  number(value: number): string | undefined {
    const mark = this.#numbers.get(value);
    if (mark !== undefined) return mark;
    const digits = String(value);
    return this.#forms.get('plain')?.whole.find(({ text }) => digits.includes(text))?.mark;
  }

  /**
   * The items of a list that together hold a hidden value: its parts, or its bytes.
   * @returns the list; undefined: its items are to be looked at one by one
   */
  list(items: readonly unknown[], options: HideOptions = {}): readonly unknown[] | undefined {
    if (items.length < 2) return undefined;
    if (items.every((item) => typeof item === 'string')) return this.#parts(items, options);
    if (!items.every((item) => Number.isInteger(item) && Number(item) >= 0 && Number(item) < 256)) {
      return undefined;
    }
    const bytes = Buffer.from(items as number[]).toString('latin1');
    const found = this.#bytes.find((hidden) => bytes.includes(hidden.bytes));
    return found && [found.mark];
  }

  #parts(items: readonly string[], options: HideOptions): readonly string[] | undefined {
    const found = this.#find(items.join(''), {}).filter(({ span }) => crosses(items, span));
    if (found.length === 0) return undefined;
    let at = 0;
    return items.map((item) => {
      const start = at;
      at += item.length;
      const inside = found
        .filter(({ span: [from, to] }) => from < at && to > start)
        .map(({ span: [from, to], mark }): Found => ({
          mark,
          span: [Math.max(from, start) - start, Math.min(to, at) - start],
        }));
      return inside.length === 0 ? this.text(item, options) : this.text(replaced(item, inside), options);
    });
  }

  #find(text: string, options: HideOptions): readonly Found[] {
    if (text.length < SHORTEST_INSIDE_TEXT) return [];
    const found: Found[] = [];
    for (const decoded of decodings(text)) {
      for (const [alphabet, forms] of this.#forms) {
        for (const { form, span } of forms.in(inAlphabet(decoded.text, alphabet), options)) {
          found.push({ span: decoded.origin(span), mark: form.mark });
        }
      }
    }
    return found;
  }
}

/** A span of base64 with the characters beside it that hold bits of the value, and its padding. */
function widened(text: string, { before, after, alphabet }: Form, [start, end]: Span): Span {
  if (alphabet !== 'base64') return [start, end];
  const from = before && /[A-Za-z0-9+/]/.test(text.charAt(start - 1)) ? start - 1 : start;
  let to = after && /[A-Za-z0-9+/]/.test(text.charAt(end)) ? end + 1 : end;
  while (text.charAt(to) === '=' && to < end + 3) to++;
  return [from, to];
}

/**
 * The end of the text (but for what a cut made of an escape) that is a beginning of the form, and its
 * beginning that is an end of the form.
 */
function edgesOf(text: string, form: string, shortest: number): readonly Span[] {
  const spans: Span[] = [];
  const tail = text.slice(-LONGEST_TORN);
  const torn = text.length - tail.length + (TORN.exec(tail)?.index ?? tail.length);
  for (const end of new Set([text.length, text.length - 1, torn])) {
    const length = beginningAtEnd(text.slice(Math.max(0, end - form.length), end), form, shortest);
    if (length > 0) spans.push([end - length, text.length]);
  }
  const first = text.slice(0, shortest);
  if (first.length < shortest) return spans;
  for (let from = form.indexOf(first); from >= 0; from = form.indexOf(first, from + 1)) {
    const rest = form.slice(from);
    if (text.startsWith(rest)) return [...spans, [0, rest.length]];
  }
  return spans;
}

/** How many characters at the end of a text are the beginning of a form; 0 for fewer than counts. */
function beginningAtEnd(text: string, form: string, shortest: number): number {
  const last = text.slice(-shortest);
  if (last.length < shortest) return 0;
  for (
    let from = form.lastIndexOf(last);
    from >= 0;
    from = from === 0 ? -1 : form.lastIndexOf(last, from - 1)
  ) {
    const length = from + shortest;
    if (length < form.length && text.endsWith(form.slice(0, length))) return length;
  }
  return 0;
}

function crosses(items: readonly string[], [from, to]: Span): boolean {
  let at = 0;
  return items.some((item) => {
    at += item.length;
    return from < at && at < to;
  });
}

/** The text with a mark in place of each span; spans that meet become one. */
function replaced(text: string, found: readonly Found[]): string {
  if (found.length === 0) return text;
  const parts: string[] = [];
  let done = 0;
  const sorted = [...found].sort((a, b) => a.span[0] - b.span[0] || b.span[1] - a.span[1]);
  for (const { span, mark } of sorted) {
    const [from, to] = span;
    if (to <= done) continue;
    if (from >= done) parts.push(text.slice(done, from), mark);
    done = to;
  }
  return [...parts, text.slice(done)].join('');
}
