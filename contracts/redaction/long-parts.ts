/**
 * The stretches that a text has in common with some forms, each of at least a length.
 *
 * A stretch of that length holds a whole gram at a multiple of the gram's length, if that is at most half of
 * the stretch. So only those places of the text are looked up, for all forms at once.
 */
import type { Span } from './decoded.js';

/** Places of one gram that are tried: a form of one repeated character has too many. */
const MOST_PLACES = 32;

interface Place<F> {
  readonly form: F;
  readonly at: number;
  /** The shortest stretch of this form that counts. */
  readonly least: number;
}

export class LongParts<F extends { readonly text: string }> {
  readonly #grams = new Map<string, Place<F>[]>();
  readonly #size: number;

  /** @param least no stretch of any form is shorter */
  constructor(private readonly least: number) {
    this.#size = Math.floor((least + 1) / 2);
  }

  /** Looks for stretches of the form too. @param least the shortest that counts */
  add(form: F, least: number): void {
    for (let at = 0; at + this.#size <= form.text.length; at++) {
      const gram = form.text.slice(at, at + this.#size);
      const places = this.#grams.get(gram);
      if (places === undefined) this.#grams.set(gram, [{ form, at, least }]);
      else if (places.length < MOST_PLACES) places.push({ form, at, least });
    }
  }

  /** The longest stretch at each place of the text where there is one. */
  in(text: string): readonly { readonly form: F; readonly span: Span }[] {
    const found: { form: F; span: Span }[] = [];
    if (text.length < this.least || this.#grams.size === 0) return found;
    for (let at = 0; at + this.#size <= text.length; at += this.#size) {
      let longest: { form: F; span: Span } | undefined;
      for (const place of this.#grams.get(text.slice(at, at + this.#size)) ?? []) {
        const span = grown(text, at, place);
        const length = span[1] - span[0];
        if (length < place.least) continue;
        if (longest !== undefined && length <= longest.span[1] - longest.span[0]) continue;
        longest = { form: place.form, span };
      }
      if (longest !== undefined) found.push(longest);
    }
    return found;
  }
}

/** The stretch around a place where text and form are equal. */
function grown<F extends { readonly text: string }>(text: string, at: number, place: Place<F>): Span {
  const form = place.form.text;
  let back = 0;
  while (back < at && back < place.at && text[at - back - 1] === form[place.at - back - 1]) back++;
  let on = 0;
  while (at + on < text.length && text[at + on] === form[place.at + on]) on++;
  return [at - back, at + on];
}
