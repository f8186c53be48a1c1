/** What the codec does with single payloads and key rings. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNDECODABLE } from '../../contracts/undecodable.js';
import { EncryptingCodec, KeyRing, newKey, readKeyRing } from '../../encryption/index.js';

const keys = { old: newKey(), new: newKey() };
const ring = new KeyRing({ current: 'new', keys });
const codec = new EncryptingCodec(ring);
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const valueOf = (payload: Payload | undefined): unknown => defaultPayloadConverter.fromPayload(payload!);
const encrypt = async (value: unknown, by = codec): Promise<Payload> =>
  (await by.encode([payloadOf(value)]))[0]!;
const decrypt = async (payload: Payload, by = codec): Promise<unknown> =>
  valueOf((await by.decode([payload]))[0]);

describe('a payload', () => {
  it('decrypts to what it was, with any value [payloads-are-encrypted]', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), fc.uint8Array()), async (value) => {
        expect(await decrypt(await encrypt(value))).toEqual(valueOf(payloadOf(value)));
      }),
    );
  });

  it('shows nothing of its value nor of its metadata', async () => {
    const payload = await encrypt({ card: '4111-1111-1111-1111' });
    const shown = Buffer.concat([payload.data!, ...Object.values(payload.metadata ?? {})]).toString('latin1');
    expect(shown).not.toContain('4111');
    expect(shown).not.toContain('json/plain');
    expect(Object.keys(payload.metadata ?? {}).sort()).toEqual([
      'encoding',
      'encryption-cipher',
      'encryption-key-id',
    ]);
  });

  it('is another text each time, so that equal values do not show', async () => {
    const [a, b] = [await encrypt('same'), await encrypt('same')];
    expect(Buffer.from(a.data!).equals(b.data!)).toBe(false);
  });

  it('passes through where it is not encrypted', async () => {
    expect(await decrypt(payloadOf({ from: 'before' }))).toEqual({ from: 'before' });
  });

  it('is read with the key that encrypted it, after a rotation too', async () => {
    const before = new EncryptingCodec(new KeyRing({ current: 'old', keys: { old: keys.old } }));
    expect(await decrypt(await encrypt('kept', before))).toBe('kept');
  });

  it('names the key that the ring does not have', async () => {
    const other = new EncryptingCodec(new KeyRing({ current: 'lost', keys: { lost: newKey() } }));
    await expect(decrypt(await encrypt('x', other))).rejects.toMatchObject({
      code: 'KEY_UNKNOWN',
      message: expect.stringContaining('"lost"') as string,
    });
  });

  it('is marked as undecodable where any byte was changed, and never throws', async () => {
    const payload = await encrypt({ amount: 1 });
    await fc.assert(
      fc.asyncProperty(fc.nat(payload.data!.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const data = Uint8Array.from(payload.data!);
        data[at] = data[at]! ^ by;
        expect(await decrypt({ ...payload, data })).toHaveProperty([UNDECODABLE]);
      }),
    );
    for (const data of [new Uint8Array(), payload.data!.slice(0, 20), payload.data!.slice(0, -1)]) {
      expect(await decrypt({ ...payload, data })).toHaveProperty([UNDECODABLE]);
    }
  });

  it('becomes undecodable where it names another key', async () => {
    const payload = await encrypt('x');
    const metadata = { ...payload.metadata, 'encryption-key-id': Buffer.from('old') };
    expect(await decrypt({ ...payload, metadata })).toHaveProperty([UNDECODABLE]);
  });
});

describe('the file of a key ring', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-keys-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const key = newKey();
  it.each([
    ['no JSON', `{"current": "a", "keys": {"a": "${key}"`, 'it is not JSON'],
    ['a current key that is not there', { current: 'b', keys: { a: key } }, 'current: names no key'],
    ['a key that is too short', { current: 'a', keys: { a: 'c2hvcnQ=' } }, 'must be 32 bytes'],
    ['a key that is not base64', { current: 'a', keys: { a: '%%%' } }, 'must be base64'],
    ['no keys', { current: 'a', keys: {} }, 'current: names no key'],
    ['a key named twice', `{"current":"a","keys":{"a":"${key}","a":"${key}"}}`, 'keys'],
    ['another field', { current: 'a', keys: { a: key }, old: 1 }, 'old'],
  ])('is refused with %s, and no key is shown', async (_, content, message) => {
    const path = join(directory, 'ring.json');
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    const refusal = await readKeyRing(path).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'CONFIG_INVALID' });
    const text = `${(refusal as Error).message} ${JSON.stringify(refusal)}`;
    expect(text).toContain(message);
    expect(text).not.toContain(key.slice(0, 8));
  });

  it('shows its path where it is missing', async () => {
    await expect(readKeyRing(join(directory, 'none.json'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('none.json') as string,
    });
  });
});
