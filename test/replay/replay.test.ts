import { statSync } from 'node:fs';
import { DefaultLogger, Runtime, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  changedBundle,
  recordedHistories,
  replay,
  replayBundle,
  type Recorded,
  type Replayed,
} from './replayer.js';
import { SCENARIOS } from './scenarios.js';

const FOLDER_BYTES = 3 * 1024 * 1024;
const histories = recordedHistories();
const OTHER_EXPRESSIONS = 2_000;
/** A hung replay ends here; the limit is far above what a busy machine needs, ms. */
const REPLAY_MS = 600_000;
let bundle: WorkflowBundle;

beforeAll(async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    // Some tests replay histories that must not replay.
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  bundle = await replayBundle();
});

function expectGood(replayed: readonly Replayed[]): void {
  expect(replayed.filter(({ error, difference }) => error ?? difference)).toEqual([]);
  expect(replayed.filter(({ commands }) => commands === 0).map(({ name }) => name)).toEqual([
    'payload-refused.1',
  ]);
}

/** A history as something else would have written it. */
function altered(name: string, change: (text: string) => string): Recorded {
  const original = histories.find((history) => history.name === name) as Recorded;
  const before = JSON.stringify(original.json);
  const text = change(before);
  expect(text).not.toBe(before);
  return { name, json: JSON.parse(text) as Recorded['json'] };
}

describe('recorded histories', () => {
  it('every recorded history belongs to a scenario, and every scenario has a history', () => {
    const recorded = new Set(histories.map(({ name }) => name.replace(/\..*$/, '')));
    expect([...recorded].sort()).toEqual(SCENARIOS.map(({ name }) => name).sort());
  });

  it('the history of a scenario that continues as new has more than one execution', () => {
    for (const { name } of SCENARIOS.filter(({ continues }) => continues)) {
      expect(histories.filter((history) => history.name.startsWith(`${name}.`)).length).toBeGreaterThan(1);
    }
  });

  it('the recorded histories together stay below 3 MiB', () => {
    const bytes = histories.map(
      ({ name }) => statSync(new URL(`histories/${name}.json`, import.meta.url)).size,
    );
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(FOLDER_BYTES);
  });
});

describe('[replays-are-equal] replay gives what was recorded', () => {
  it(
    'one worker replays every history twice, with every recorded value',
    { timeout: REPLAY_MS },
    async () => {
      const replayed = await replay(bundle, [...histories, ...histories]);
      expect(replayed).toHaveLength(2 * histories.length);
      expectGood(replayed.slice(0, histories.length));
      expectGood(replayed.slice(histories.length));
    },
  );

  it('a full cache of expressions changes no value of a replay', { timeout: REPLAY_MS }, async () => {
    const full = changedBundle(bundle, 'OTHERS = 0', `OTHERS = ${OTHER_EXPRESSIONS}`);
    // Later executions evaluate what the first one did: one of each run is enough here.
    const first = histories.filter(({ name }) => name.endsWith('.1'));
    const replayed = await replay(full, first);
    expect(replayed).toHaveLength(first.length);
    expectGood(replayed);
  });
});

describe('replay notices changed code', () => {
  it.each([
    ['another activity', 'order-shipped.1', '"payments.charge"', '"payments.refund"'],
    ['another timer', 'ticket-unanswered.1', '"EVENT_TYPE_TIMER_STARTED"', '"EVENT_TYPE_TIMER_CANCELED"'],
    ['another child', 'nightly.1', '"account-reconciliation"', '"account-settlement"'],
  ])('replay notices %s in a history', async (_what, name, before, after) => {
    const [replayed] = await replay(bundle, [altered(name, (text) => text.replaceAll(before, after))]);
    expect(replayed?.error).toBeDefined();
  });

  it('replay notices another value in the input of an activity', async () => {
    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
    const input = { side: 'before' };
    const [replayed] = await replay(bundle, [
      altered('continued-branches.1', (text) => text.replace(encoded(input), encoded({ side: 'behind' }))),
    ]);
    expect(replayed?.error).toBeUndefined();
    expect(replayed?.difference).toMatchObject({ command: 0 });
  });

  it('replay notices workflow code that takes the other branch', async () => {
    const changed = changedBundle(bundle, "? 'then' : 'else'", "? 'else' : 'then'");
    const recorded = histories.filter(({ name }) => name === 'continued-branches.1');
    const [replayed] = await replay(changed, recorded);
    expect(replayed?.error).toBeDefined();
  });
});
