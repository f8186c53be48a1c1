/** `listEvents`: pages of a run's log in order; superseded events only on request. */
import { expect, it } from 'vitest';
import type { Projections } from '../../../projections/index.js';
import { onEveryDatabase } from '../support/databases.js';
import { event, execution, runStartedAs, uuid7 } from '../support/runs.js';

const first = execution({ executionId: uuid7(900_000) });
/** A reset of that run to before its fourth event. */
const second = { ...first, executionId: uuid7(950_000) };

/** Commits in disorder and twice, as after parallel lanes and lost acknowledgements. */
async function write(projections: Projections): Promise<void> {
  const states = Array.from({ length: 11 }, (_, i) => event(i + 2, 'STATE_SET', { state: `old-${i + 2}` }));
  for (const n of [7, 3, 0, 10, 5, 1, 9, 2, 8, 4, 6, 3]) {
    await projections.commitEvents(
      first,
      [runStartedAs(first), states[n] ?? states[0]].filter((e) => e !== undefined),
    );
  }
  await projections.commitEvents(first, [event(13, 'RUN_CANCELED', {})]);
  for (const seq of [6, 4, 5]) {
    const later = {
      ...event(seq, 'STATE_SET', { state: `new-${seq}` }),
      at: Date.parse('2026-01-02T04:00:00Z'),
    };
    await projections.commitEvents(second, [later]);
  }
}

async function pages(
  { reads }: Projections,
  limit: number,
  superseded: boolean,
): Promise<readonly (readonly string[])[]> {
  const all: string[][] = [];
  for (let after: string | undefined; ;) {
    const page = await reads.listEvents('acme', first.run.runId, { limit, superseded, after });
    all.push(
      page.items.map(
        (one) =>
          `${one.seq} ${one.type === 'STATE_SET' ? one.data.state : one.type}${one.superseded ? ' -' : ''}`,
      ),
    );
    if (page.next === null) return all;
    after = page.next;
  }
}

const LIVE = ['1 RUN_STARTED', '2 old-2', '3 old-3', '4 new-4', '5 new-5', '6 new-6'];
const UNDONE = [4, 5, 6].map((n) => `${n} old-${n} -`);
const AFTER = [...[7, 8, 9, 10, 11, 12].map((n) => `${n} old-${n} -`), '13 RUN_CANCELED -'];
const bySeq = (a: string, b: string): number => parseInt(a) - parseInt(b);

onEveryDatabase('listEvents', (host) => {
  it.each([1, 2, 3, 5, 6, 7, 500])(
    'every live event is listed once, in order, in pages of %i',
    async (limit) => {
      const projections = await host.open();
      await write(projections);
      const live = await pages(projections, limit, false);
      expect(live.flat()).toEqual(LIVE);
      // Every page but the last is full, although superseded events lie in between; none is empty.
      expect(live.map((page) => page.length)).toEqual(
        Array.from({ length: Math.ceil(LIVE.length / limit) }, (_, i) =>
          Math.min(limit, LIVE.length - i * limit),
        ),
      );
      const all = await pages(projections, limit, true);
      expect(all.flat()).toHaveLength(LIVE.length + UNDONE.length + AFTER.length);
      expect([...all.flat()].sort()).toEqual([...LIVE, ...UNDONE, ...AFTER].sort());
      expect([...all.flat()].sort(bySeq)).toEqual(all.flat());
    },
  );

  it('a page goes on after the last event that was read, even if new events have arrived', async () => {
    const projections = await host.open();
    const of = execution();
    await projections.commitEvents(of, [runStartedAs(of), event(2, 'STATE_SET', { state: 'a' })]);
    const list = (after?: string) => projections.reads.listEvents('acme', of.run.runId, { after });
    const { items, next } = await list();
    expect([items.length, next]).toEqual([2, null]);
    await projections.commitEvents(of, [event(3, 'STATE_SET', { state: 'b' })]);
    expect((await list('2')).items.map(({ seq }) => seq)).toEqual([3]);
    expect((await list('3')).items).toEqual([]);
    expect((await projections.reads.listEvents('acme', 'no such run')).items).toEqual([]);
    expect((await projections.reads.listEvents('other', of.run.runId)).items).toEqual([]);
  });
});
