import { describe, expect, it } from 'vitest';
import { jsonSize, utf8Length } from '../../contracts/json.js';

describe('sizes', () => {
  it.each(['', 'a', '\u0000\u007f', '\u0080', 'é', '€', 'a\ud800', '\udc00a', 'aé€'.repeat(5)])(
    'the length of %j is that of its UTF-8 bytes',
    (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    },
  );

  it('the size of a value is that of its JSON in UTF-8', () => {
    expect(jsonSize({ a: 'é', b: [1, null] })).toBe(Buffer.byteLength('{"a":"é","b":[1,null]}'));
    expect(jsonSize(undefined)).toBe(0);
  });
});
