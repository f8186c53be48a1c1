/**
 * Each invariant of docs/invariants.md has a test with its name in the title; one without a better place
 * is here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { historiesOf } from './support/histories.js';
import { result, useLimitRuns } from './support/limit-run.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LEAST = 26;
/** How much of a run's history may differ by where a variable is kept, in bytes. */
const HISTORY_SLACK_BYTES = 20_000;

const { world, start, finish } = useLimitRuns();

it('each invariant has a test with its name in brackets in a title', () => {
  const page = readFileSync(`${ROOT}docs/invariants.md`, 'utf8');
  const names = [...page.matchAll(/^## ([a-z-]+)$/gm)].map(([, name]) => name ?? '');
  expect(names.length).toBeGreaterThanOrEqual(LEAST);
  const tests = readdirSync(`${ROOT}test`, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(test\.ts|yaml)$/.test(file) && !file.includes('node_modules'))
    .map((file) => readFileSync(`${ROOT}test/${file}`, 'utf8'))
    .join('\n');
  const named = new Set(
    [...tests.matchAll(/(?:it|describe|name:).*\[([a-z-]+)\]|^\s+['"`].*\[([a-z-]+)\]/gm)].flatMap(
      ([, a, b]) => [a, b],
    ),
  );
  expect(names.filter((name) => !named.has(name))).toEqual([]);
});

it('an action whose input does not name a large variable has no copy of it in history [inputs-carry-only-what-they-name]', async () => {
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
  const bytes: number[] = [];
  for (const first of [[], [large]]) {
    const handle = await start({ steps: [...first, ...steps] });
    expect(await finish(handle)).toEqual(result(null));
    const histories = await historiesOf(world(), handle.workflowId, handle.firstExecutionRunId);
    bytes.push(JSON.stringify(histories).length);
  }
  const [without = 0, withIt = 0] = bytes;
  expect(withIt - without).toBeLessThan(HISTORY_SLACK_BYTES);
});
