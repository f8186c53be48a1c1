/** What the tests of limits share: a run of a definition with a limit in it, and what its catch says. */
import type { Json, JsonObject } from '../../../contracts/json.js';
import { historiesOf, replay } from './histories.js';
import { foldLog } from './log-rules.js';
import { endOf, type End } from './play.js';
import { expectRows } from './rows.js';
import type { Handle, World } from './world.js';

export const MINUTE = 60_000;

let serial = 0;

/** An id that no other definition of this process has. */
export const freshId = (): string => `limits-${++serial}`;

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
  await expectRows(world.projections, 'default', handle.firstExecutionRunId, log, foldLog(log));
  await replay(await historiesOf(world, handle.workflowId, handle.firstExecutionRunId));
  return end;
}

/** Steps in a try whose catch says what it caught. */
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

/** An expression that gives text of so many KiB; one of them may give 256. */
export const text = (kib: number): Json => ({
  $expr: `$substring($join($map([1..${kib}], function() { $pad("", 1024, "x") })), 2)`,
});
