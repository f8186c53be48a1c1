/** Payloads of histories are decoded in one way: by the data converter of the client, its codecs included. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { expect, it } from 'vitest';
import { argumentsOf, decodePayloads } from '../../contracts/temporal-history.js';

/** A codec that wraps the data in its own name. */
const wrap = (name: string) => ({
  encode: (payloads: readonly Payload[]): Payload[] =>
    payloads.map(({ data, ...rest }) => ({
      ...rest,
      data: Buffer.concat([Buffer.from(name), data ?? Buffer.of()]),
    })),
  decode: (payloads: Payload[]): Promise<Payload[]> =>
    Promise.resolve(
      payloads.map(({ data, ...rest }) => {
        const bytes = Buffer.from(data ?? []);
        expect(bytes.subarray(0, name.length).toString()).toBe(name);
        return { ...rest, data: bytes.subarray(name.length) };
      }),
    ),
});

it('what several codecs have encoded is decoded from the last codec to the first', async () => {
  const codecs = [wrap('inner'), wrap('outer')];
  const plain = [{ orderId: 'o-1' }, 7].map((value) => defaultPayloadConverter.toPayload(value));
  const payloads = codecs.reduce((encoded, codec) => codec.encode(encoded), plain);
  const reader = { payloadCodecs: codecs, payloadConverter: defaultPayloadConverter };
  expect(await decodePayloads(reader, payloads)).toEqual([{ orderId: 'o-1' }, 7]);
  expect(
    await argumentsOf(reader, { activityTaskScheduledEventAttributes: { input: { payloads } } }),
  ).toEqual([{ orderId: 'o-1' }, 7]);
  expect(await decodePayloads(reader, null)).toEqual([]);
});

it.each([
  'worker/reconciler/repair.ts',
  'worker/temporal/run-history.ts',
  'client/runs/original-start.ts',
  'client/runs/chain.ts',
])('%s decodes no payload past the codecs', async (file) => {
  const text = await readFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
  expect(text).toMatch(/decodePayloads|argumentsOf/);
  expect(text).not.toMatch(/defaultPayloadConverter|arrayFromPayloads|fromPayload\b/);
});
