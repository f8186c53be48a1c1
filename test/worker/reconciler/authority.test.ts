/**
 * [the-database-moves-nothing], from the side of the rows: while a worker runs, edited or deleted rows change
 * nothing in what a run does. Afterwards the rows say what the run's next commit says, or the snapshot that
 * the reconciler asks for where the run does not move.
 */
import { describe, expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import type { SluiceTest } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { reconciledUntil, seen, withWorld } from './world.js';

const STORY = `
id: story
version: 1
steps:
  - { id: named, type: state.set, state: begun }
  - { id: paid, type: event.wait, eventName: PAID, correlationKey: o-1, timeoutMs: 3600000 }
  - { id: packed, type: event.wait, eventName: PACKED, correlationKey: o-1 }
result: both
`;
const event = (eventName: string) => ({ eventId: eventName, eventName, correlationKey: 'o-1' });

async function sql({ projections, tenant }: SluiceTest, { runId }: StartedRun, text: string): Promise<void> {
  for (const answer of await projections.database.request(text, { tenant, run: runId })) {
    if (!answer.ok) throw new Error(answer.reason);
  }
}

const RUN = `type::record('run', [$tenant, $run])`;
const tamperings: Readonly<Record<string, string>> = {
  'a wait that looks overdue': `UPDATE wait SET deadline = time::now() - 1d WHERE id[1] = $run`,
  'a wait that looks timed out': `UPDATE wait SET status = 'TIMED_OUT', closed_at = time::now() WHERE id[1] = $run`,
  'a status that says it has succeeded': `UPDATE ${RUN} SET status = 'SUCCEEDED', ended_at = time::now()`,
  'a status that says it was terminated': `UPDATE ${RUN} SET status = 'TERMINATED', ended_at = time::now()`,
  'no row': `DELETE ${RUN}`,
  'a log without its beginning': `DELETE run_event WHERE id[1] = $run AND id[2] < 5`,
  'of all that it wrote the last line': ['run', 'run_head', 'run_execution', 'step', 'wait', 'run_list']
    .map((table) => `DELETE ${table} WHERE <string> id CONTAINS $run`)
    .concat('DELETE run_event WHERE id[1] = $run AND id[2] < 6')
    .join(';'),
  'neither rows nor log': ['run', 'run_head', 'run_event', 'run_execution', 'step', 'wait', 'run_list']
    .map((table) => `DELETE ${table} WHERE <string> id CONTAINS $run`)
    .join(';'),
};
const OPEN = { status: 'WAITING', ended: false };

describe('A run whose rows were tampered with [the-database-moves-nothing]', () => {
  for (const [name, tampering] of Object.entries(tamperings)) {
    it(`a run ends as its workflow says after this change of its rows: ${name}`, () =>
      withWorld({}, async (world) => {
        const { sluice, reconciler } = world;
        const run = await sluice.startSource(STORY);
        await sluice.waiting(run);
        const before = await waitFor(async () => {
          const rows = await seen(sluice, run);
          return rows.status === 'WAITING' && rows;
        });
        await sql(sluice, run, tampering);
        await reconciler.pass();
        expect((await sluice.client.state(run.workflowId)).waits, 'it waits as before').toHaveLength(1);

        if (/status|row/.test(name)) {
          const rows = await reconciledUntil(world, run, ({ status }) => status === 'WAITING');
          expect(rows).toMatchObject({ ...OPEN, waits: ['steps[1] WAITING'] });
        }
        await sluice.signal(run, event('PAID'));
        await sluice.signal(run, event('PACKED'));
        expect(await sluice.result(run)).toBe('both');
        const after = await reconciledUntil(
          world,
          run,
          ({ status, gaps }) => status === 'SUCCEEDED' && gaps.length === 0,
        );
        expect(after).toMatchObject({
          result: 'both',
          system: before.system,
          steps: ['steps[0] SUCCEEDED', 'steps[1] SUCCEEDED', 'steps[2] SUCCEEDED'],
          waits: ['steps[1] SATISFIED', 'steps[2] SATISFIED'],
          gaps: [],
          doubled: [],
        });
      }));
  }
});

describe('The runtime context of a run', () => {
  it('the runtime context of a run is that of its first worker, even when another worker continues it', () =>
    withWorld(
      { startWorker: false, tuning: { historyEvents: 50, cachedWorkflows: 0 } },
      async ({ sluice }) => {
        const first = { environment: 'staging', region: 'eu-1', release: 'r1' };
        const second = { environment: 'production', region: 'us-1', release: 'r2' };
        const source = `
id: places
version: 1
steps:
  - { id: before, type: transform.assign, assign: { before: { $expr: system } } }
  - { id: paid, type: event.wait, eventName: PAID }
  - id: loop
    type: control.forEach
    items: { $expr: "[1..15]" }
    body: [{ id: act, type: action.call, action: core.echo, input: { n: 1 } }]
  - { id: after, type: transform.assign, assign: { after: { $expr: system } } }
result: { before: { $expr: before }, after: { $expr: after } }
`;
        await sluice.startWorker(first);
        const run = await sluice.startSource(source);
        await sluice.waiting(run);
        await sluice.stopWorker();
        await sluice.startWorker(second);
        await sluice.signal(run, event('PAID'));
        expect(await sluice.result(run)).toEqual({ before: first, after: first });
        const rows = await seen(sluice, run);
        expect(rows).toMatchObject({ status: 'SUCCEEDED', system: first });
        expect(rows.types).toContain('RUN_CONTINUED');

        const next = await sluice.start('places');
        await sluice.signal(next, event('PAID'));
        expect(await sluice.result(next)).toEqual({ before: second, after: second });
      },
    ));
});
