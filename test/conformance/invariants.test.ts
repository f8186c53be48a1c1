/**
 * The defects that engines of this kind have had. Each has a test that has its number in its name; what needs
 * a test of its own here is here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finishOn, result, startOn } from './support/limit-run.js';
import { historiesOf } from './support/histories.js';
import { openWorld, type World } from './support/world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const TESTS = fileURLToPath(new URL('..', import.meta.url));
const NOT_YET: readonly number[] = [];

describe('every trap', () => {
  it('has a test that is named by its number', () => {
    const named = new Set<number>();
    for (const file of readdirSync(TESTS, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(test\.ts|yaml)$/.test(file)) continue;
      const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
      for (const [, number] of text.matchAll(/\btrap (\d+)/gi)) named.add(Number(number));
    }
    const all = Array.from({ length: 25 }, (_, i) => i + 1);
    expect(all.filter((number) => !named.has(number))).toEqual(NOT_YET);
  });
});

describe('a large variable', () => {
  const steps = Array.from({ length: 20 }, (_, i) => ({
    id: `a${i}`,
    type: 'action.call',
    action: 'test.echo',
    input: i,
  }));
  const large = {
    id: 'large',
    type: 'transform.assign',
    assign: { large: { $expr: '$join($map([1..200], function() { $pad("", 1024, "x") }))' } },
  };

  it('is in no action that does not name it: history does not grow with it (trap 12)', async () => {
    const bytes: number[] = [];
    for (const first of [[], [large]]) {
      const handle = await startOn(world, { steps: [...first, ...steps] });
      expect(await finishOn(world, handle)).toEqual(result(null));
      const histories = await historiesOf(world, handle.workflowId, handle.firstExecutionRunId);
      bytes.push(JSON.stringify(histories).length);
    }
    const [without = 0, withIt = 0] = bytes;
    expect(withIt - without).toBeLessThan(20_000);
  });
});
