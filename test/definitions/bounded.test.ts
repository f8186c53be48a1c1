import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../contracts/errors.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import { ThreadPool } from '../../definitions/checks/thread-pool.js';
import { readDefinitionInBounds, validatePayloadInBounds } from '../../definitions/index.js';

const check = (schema: JsonObject, payload: Json, tenant = 'default'): Promise<Json> =>
  validatePayloadInBounds(schema, payload, tenant);

const ENTRY = new URL('../../definitions/check-thread.mjs', import.meta.url);
const request = (schema: JsonObject, payload: Json) => ({
  kind: 'payload',
  schema: JSON.stringify(schema),
  payload: JSON.stringify(payload),
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (thrown) {
    if (thrown instanceof SluiceError) return thrown.code;
    throw thrown;
  }
}

/** A schema whose check takes 2^levels steps. */
function doubling(levels: number): JsonObject {
  const $defs: Record<string, JsonObject> = { d0: { type: 'number' } };
  for (let i = 1; i <= levels; i++) {
    const $ref = `#/$defs/d${i - 1}`;
    $defs[`d${i}`] = { allOf: [{ $ref }, { $ref }] };
  }
  return { $ref: `#/$defs/d${levels}`, $defs };
}

describe('a check of what others wrote', () => {
  it('[no-check-freezes] a pattern that backtracks without end is answered, and the process goes on', async () => {
    const schema = { properties: { name: { type: 'string', pattern: '^(a+)+$' } } };
    expect(await codeOf(check(schema, { name: `${'a'.repeat(5_000)}!` }))).toBe('PAYLOAD_INVALID');
  });

  it('[no-check-freezes] uniqueItems of 60,000 objects is answered', async () => {
    const items = Array.from({ length: 60_000 }, (_, i) => ({ i }));
    expect(await check({ type: 'array', uniqueItems: true }, items)).toHaveLength(60_000);
    expect(await codeOf(check({ type: 'array', uniqueItems: true }, [...items, { i: 3 }]))).toBe(
      'PAYLOAD_INVALID',
    );
  });

  it('[no-check-freezes] a check that takes too long ends with CHECK_LIMIT and holds neither the process nor another tenant', async () => {
    const pool = new ThreadPool(ENTRY, { threads: 2, tryMs: [300, 600], startMs: 60_000, memoryMb: 128 });
    let turns = 0;
    const beat = setInterval(() => turns++, 1);
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const slow = [60, 61].map((levels) => codeOf(pool.run('greedy', request(doubling(levels), 1))));
    await Promise.all([
      ...slow.map((work) => work.then(note('slow'))),
      pool.run('other', request({ pattern: 'b' }, 'abc')).then(note('other')),
    ]);
    clearInterval(beat);
    await pool.close();
    expect(order).toEqual(['other', 'slow', 'slow']);
    expect(await Promise.all(slow)).toEqual(['CHECK_LIMIT', 'CHECK_LIMIT']);
    expect(turns).toBeGreaterThan(50);
  });

  it('[no-check-freezes] a check that is cut short on a busy machine is tried again before it counts', async () => {
    const pool = new ThreadPool(ENTRY, { threads: 1, tryMs: [0, 60_000], startMs: 60_000, memoryMb: 128 });
    const items = Array.from({ length: 20_000 }, (_, i) => ({ i }));
    expect(await pool.run('default', request({ uniqueItems: true }, items))).toMatchObject({ ok: true });
    await pool.close();
  });

  it('[no-check-freezes] defaults that fill the memory end with CHECK_LIMIT, and the next check is answered', async () => {
    const pool = new ThreadPool(ENTRY, {
      threads: 1,
      tryMs: [60_000, 60_000],
      startMs: 60_000,
      memoryMb: 128,
    });
    const big = Array.from({ length: 2_000 }, (_, i) => ({ i }));
    const schema = { items: { type: 'object', properties: { a: { default: big } } } };
    const empty = Array.from({ length: 100_000 }, () => ({}));
    await expect(pool.run('default', request(schema, empty))).rejects.toMatchObject({
      code: 'CHECK_LIMIT',
      message: 'The check took more memory than one may take',
    });
    expect(await pool.run('default', request({ pattern: 'b' }, 'abc'))).toEqual({ ok: true, json: '"abc"' });
    await pool.close();
  });

  it('a long document is read in a thread, with every problem at its line', async () => {
    const lines = Array.from({ length: 4_000 }, (_, i) => `  - { id: s${i}, type: state.set, state: S${i} }`);
    const text = `id: long\nversion: 1\nsteps:\n${lines.join('\n')}\n`;
    const options = { tenant: 'default' };
    const read = await readDefinitionInBounds(text, 'yaml', options);
    expect([read.definition.id, read.definition.steps.length, read.missing]).toEqual(['long', 4_000, []]);
    const thrown: unknown = await readDefinitionInBounds(`${text}oops: 1\n`, 'yaml', options).catch(
      (error: unknown) => error,
    );
    expect(thrown).toMatchObject({ code: 'DEFINITION_INVALID', details: { problems: [{ line: 4_004 }] } });
  });

  it('a short check of a plain schema gives the same in a thread and at once', async () => {
    const schema = {
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'string' }, n: { type: 'integer', default: 1 } },
    };
    const inThread = { ...schema, patternProperties: {} };
    expect(await check(inThread, { id: 'a' })).toEqual(await check(schema, { id: 'a' }));
    const [here, there] = await Promise.all(
      [schema, inThread].map((one) => check(one, { n: 1.5 }).catch((error: unknown) => error)),
    );
    expect(there).toEqual(here);
  });
});
