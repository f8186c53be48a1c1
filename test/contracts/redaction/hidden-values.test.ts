/** Invariant [redacted-then-cut]: nothing of a secret stays in a text, in any form. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HiddenValues } from '../../../contracts/redaction/hidden-values.js';

const MARK = '<>';
/** No six characters of a secret in a row may stay. */
const MOST = 6;

const escaped = (text: string, escape: (character: string) => string): string =>
  [...text].map((character) => (/[a-z]/.test(character) ? character : escape(character))).join('');
const code = (character: string, digits: number): string =>
  character.charCodeAt(0).toString(16).padStart(digits, '0');
const json = (text: string): string => JSON.stringify(text).slice(1, -1);

const FORMS = Object.entries<(text: string) => string>({
  plain: (text) => text,
  JSON: json,
  'JSON in JSON in JSON': (text) => json(json(json(text))),
  "PHP's JSON": (text) => json(text).replaceAll('/', '\\/'),
  "PHP's JSON in JSON": (text) => json(json(text).replaceAll('/', '\\/')),
  'JSON escapes': (text) => escaped(text, (each) => `\\u${code(each, 4)}`),
  'JSON escapes in upper case': (text) => escaped(text, (each) => `\\u${code(each, 4).toUpperCase()}`),
  'JavaScript escapes': (text) => escaped(text, (each) => `\\x${code(each, 2)}`),
  'percent-encoded': encodeURIComponent,
  'percent-encoded in lower case': (text) =>
    encodeURIComponent(text).replace(/%../g, (each) => each.toLowerCase()),
  'every character percent-encoded': (text) => [...text].map((each) => `%${code(each, 2)}`).join(''),
  'a form': (text) => new URLSearchParams({ a: text }).toString().slice(2),
  HTML: (text) => escaped(text, (each) => ({ '&': '&amp;', '<': '&lt;', '"': '&quot;' })[each] ?? each),
  'HTML in decimal': (text) => escaped(text, (each) => `&#${each.charCodeAt(0)};`),
  'HTML in hex, in JSON': (text) => json(escaped(text, (each) => `&#X${code(each, 1)};`)),
  base64: (text) => Buffer.from(text).toString('base64'),
  'base64 for URLs': (text) => Buffer.from(text).toString('base64url'),
  'base64 in a URL': (text) => encodeURIComponent(Buffer.from(text).toString('base64')),
  'Basic auth': (text) => Buffer.from(`me:${text}`).toString('base64'),
  'Basic auth of an odd user': (text) => Buffer.from(`you:${text}`).toString('base64'),
  'base64 of JSON': (text) => Buffer.from(JSON.stringify([text, 1])).toString('base64'),
  'base64 over lines': (text) =>
    Buffer.from(`u:${text}`)
      .toString('base64')
      .replace(/(.{12})/g, '$1\r\n'),
  hex: (text) => Buffer.from(text).toString('hex'),
  'hex in upper case': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  'upper case': (text) => text.toUpperCase(),
});

/** Printable secrets with characters that need escapes; a part of one is not there by chance. */
const secret = fc
  .tuple(
    fc.string({
      minLength: 12,
      maxLength: 48,
      unit: fc.constantFrom(...'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789/+="\\&<%_-.~!'),
    }),
  )
  .map(([text]) => text)
  .filter(
    (text) =>
      new Set(text).size > 8 &&
      text !== encodeURIComponent(text) &&
      !/[\\%&]$|^[\\%&u\dx]|%[0-9a-f]/i.test(text),
  );

const hiding = (...values: readonly string[]): HiddenValues => {
  const hidden = new HiddenValues();
  for (const value of values) hidden.add(value, MARK);
  return hidden;
};

/** Twelve characters of base64 hold five of the secret beside what was encoded with it. */
const MOST_BASE64 = 12;

/** Six characters of the secret in a row, as they were encoded, that are in the text; undefined: none are. */
function rest(shown: string, value: string, [name, encode]: (typeof FORMS)[number]): string | undefined {
  const inBase64 = /base64|Basic/.test(name);
  const [text, most] = inBase64 ? [encode(value), MOST_BASE64] : [value, MOST];
  for (let at = 0; at + most <= text.length; at++) {
    const part = text.slice(at, at + most);
    if (shown.includes(inBase64 ? part : encode(part))) return part;
  }
  return undefined;
}

describe('A secret in any form', () => {
  it.each(FORMS)('%s: nothing of it stays [redacted-then-cut]', (name, encode) => {
    fc.assert(
      fc.property(secret, fc.constantFrom('', ' ', '{"error":"', '#'), (value, before) => {
        const form = encode(value);
        const shown = hiding(value).text(`${before}${form}" .`);
        expect(shown).toContain(MARK);
        expect(rest(shown, value, [name, encode])).toBe(undefined);
      }),
      { numRuns: 40, seed: 15 },
    );
  });

  it.each(FORMS)('%s, cut anywhere: no six characters of it stay [redacted-then-cut]', (name, encode) => {
    fc.assert(
      fc.property(secret, fc.double({ min: 0, max: 1, noNaN: true }), (value, where) => {
        const form = encode(value);
        const cut = form.slice(0, Math.round(where * form.length));
        const shown = hiding(value).text(`refused: ${cut}`, { cut: true });
        expect(rest(shown, value, [name, encode])).toBe(undefined);
      }),
      { numRuns: 60, seed: 9 },
    );
  });

  it('a number, a list of bytes and a list of parts are secrets too', () => {
    const hidden = hiding('0048151623', 'sk_live_4f9cb7d2', '1.50');
    expect(hidden.number(48_151_623)).toBe(MARK);
    expect(hidden.number(1.5)).toBe(MARK);
    expect(hidden.number(42)).toBe(undefined);
    expect(hidden.list([...Buffer.from('key sk_live_4f9cb7d2!')])).toEqual([MARK]);
    expect(hidden.list(['a sk_li', 've_4f9c', 'b7d2 z'])).toEqual([`a ${MARK}`, MARK, `${MARK} z`]);
    expect(hidden.list(['sk', 'live'])).toBe(undefined);
  });

  it('what is not a secret stays as it was', () => {
    const hidden = hiding('customer-42', 'postgres://user:p4ss@db:5432/orders');
    for (const text of ['customer-43', 'postgres://other', 'user', 'a\\u0041 %41 &amp;', '']) {
      expect(hidden.text(text)).toBe(text);
    }
    expect(hidden.text('a\\nb %41 customer-42 &amp;')).toBe(`a\\nb %41 ${MARK} &amp;`);
  });

  it('a long text is looked through in a time that grows with its length alone', () => {
    const hidden = hiding('sk_live_4f9cb7d2e1a05388', 'a'.repeat(64), 'key-'.repeat(500));
    const text = `${'a\\u0041%41&amp;b key-key '.repeat(10_000)}sk_live_4f9cb7d2e1a05388`;
    expect(hidden.text(text, { cut: true }).endsWith(MARK)).toBe(true);
  });
});
