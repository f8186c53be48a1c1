/**
 * What the tests of limits share: a run of a definition with a limit in it, and what its catch branch
 * returns.
 */
import { afterAll, beforeAll } from 'vitest';
import type { Json, JsonObject } from '../../../contracts/json.js';
import { historiesOf, replay } from './histories.js';
import { endOf, type End } from './play.js';
import { expectRows } from './rows.js';
import { openWorld, type Handle, type World, type WorldOptions } from './world.js';

/** Ends a test that hangs, for tests that take many seconds on a quiet machine, ms. */
export const LONG_MS = 600_000;

let serial = 0;

/** A definition id that this process has not used yet. */
export const freshId = (): string => `limits-${++serial}`;

/** A world for all tests of a file, and what they do in it. */
export interface LimitRuns {
  readonly world: () => World;
  /** Publishes a definition and starts it. */
  readonly start: (definition: Record<string, unknown>, payload?: Json) => Promise<Handle>;
  /** The end of a run; its log, its rows and its replay are right. */
  readonly finish: (handle: Handle) => Promise<End>;
  /** Starts a definition and finishes its run. */
  readonly run: (definition: Record<string, unknown>, payload?: Json) => Promise<End>;
}

/** Opens a world for the file that calls this, and closes it after the file's last test. */
export function useLimitRuns(): LimitRuns {
  let opened: World | undefined;
  beforeAll(async () => {
    opened = await openWorld();
  });
  afterAll(() => opened?.close());
  const world = (): World => {
    if (opened === undefined) throw new Error('useLimitRuns: use it inside a test');
    return opened;
  };
  const start: LimitRuns['start'] = (definition, payload) => startOn(world(), definition, payload);
  const finish: LimitRuns['finish'] = (handle) => finishOn(world(), handle);
  return {
    world,
    start,
    finish,
    run: async (definition, payload) => finish(await start(definition, payload)),
  };
}

/** Runs a test in its own world, and closes that in the end. */
export async function withWorld(options: WorldOptions, test: (world: World) => Promise<void>): Promise<void> {
  const world = await openWorld(options);
  try {
    await test(world);
  } finally {
    await world.close();
  }
}

/** Publishes a definition and starts it. */
export async function startOn(
  world: World,
  definition: Record<string, unknown>,
  payload: Json = {},
): Promise<Handle> {
  const id = freshId();
  await world.publish({ id, version: 1, ...definition });
  return world.start(id, payload);
}

/** The end of a run; its log, its rows and its replay are right. */
export async function finishOn(world: World, handle: Handle): Promise<End> {
  const end = await endOf(handle);
  const log = world.log(handle.firstExecutionRunId);
  await expectRows(world.projections, { tenant: 'default', runId: handle.firstExecutionRunId }, log);
  await replay(await historiesOf(world, handle.workflowId, handle.firstExecutionRunId));
  return end;
}

/** Steps in a try whose catch branch returns the code that it caught. */
export const caught = (...steps: Json[]): JsonObject => ({
  steps: [
    {
      id: 'limit',
      type: 'control.tryCatch',
      try: steps,
      catch: [
        {
          id: 'caught',
          type: 'action.call',
          action: 'test.echo',
          input: { $expr: 'error.code' },
          saveAs: 'caught',
        },
      ],
    },
  ],
  result: { $expr: 'caught.input' },
});

export const result = (value: Json): End => ({ kind: 'result', result: value });

/** An expression that gives so many KiB of text; a single expression is limited to 256. */
export const text = (kib: number): Json => ({
  $expr: `$substring($join($map([1..${kib}], function() { $pad("", 1024, "x") })), 2)`,
});
