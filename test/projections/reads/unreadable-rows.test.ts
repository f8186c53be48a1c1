/** A row that cannot be read, put there by hand, hides no other row of its list. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openProjections, type Page, type Projections } from '../../../projections/index.js';
import { execution } from '../support/runs.js';
import { LIFE } from '../support/tenant-life.js';

type List = (all: Projections, runId: string) => Promise<Page<unknown>>;

/** Each list, with a column that its rows need and a value that Sluice never writes there. */
const LISTS: readonly (readonly [name: string, row: string, column: string, list: List])[] = [
  ['runs', 'run', 'started_at', ({ reads }) => reads.listRuns('acme')],
  ['runs by status', 'run', 'status', ({ reads }) => reads.listRuns('acme', { status: 'WAITING' })],
  ['steps', 'step', 'status', ({ reads }, runId) => reads.listSteps('acme', runId)],
  ['run events', 'run_event', 'data', ({ reads }, runId) => reads.listEvents('acme', runId)],
  ['waits', 'wait', 'status', ({ reads }, runId) => reads.pageWaits('acme', runId)],
  ['invocations', 'action_invocation', 'output', ({ reads }, runId) => reads.pageInvocations('acme', runId)],
  ['evidence', 'evidence', 'at', ({ reads }, runId) => reads.pageEvidence('acme', runId)],
  ['events of a run', 'inbound_event', 'tried', ({ reads }, runId) => reads.pageInbound('acme', runId)],
  ['definitions', 'definition', 'published_at', ({ reads }) => reads.listDefinitions('acme')],
  ['inbound events', 'inbound_event', 'received_at', ({ events }) => events.list('acme', {}, {})],
  ['dead letters', 'dead_letter', 'created_at', ({ deadLetters }) => deadLetters.list('acme')],
];
const BROKEN = 'broken by hand: a secret';

describe('A list with a row that cannot be read [a-row-hides-no-other]', () => {
  let all: Projections;
  const of = execution({ tenant: 'acme' });
  const { runId } = of.run;
  beforeAll(async () => {
    all = await openProjections({ url: 'mem://' });
    for (const live of Object.values(LIFE)) await live(all, of);
  });
  afterAll(() => all.close());
  const must = async (text: string, variables = {}): Promise<unknown> => {
    const answers = await all.database.request(text, variables);
    const last = answers.at(-1);
    if (last?.ok !== true) throw new Error(last?.reason ?? 'no answer');
    return last.value;
  };

  it.each(LISTS)(
    'the list of %s names it, with the reason, and shows all others',
    async (...[, table, column, list]) => {
      const before = await list(all, runId);
      expect(before.items.length).toBeGreaterThan(0);
      expect(before.unreadable).toBeUndefined();
      await must(`DEFINE FIELD OVERWRITE ${column} ON ${table} TYPE any`);
      // Keys that a list looks up or ranges over stay: events of a table would move the row.
      const [row] = (await must(`SELECT id, ${column} AS was FROM ${table} LIMIT 1`)) as {
        id: unknown;
        was: unknown;
      }[];
      await must(`UPDATE $id SET ${column} = $value RETURN NONE`, { id: row?.id, value: BROKEN });
      try {
        const { items, unreadable, next } = await list(all, runId);
        expect(unreadable).toHaveLength(1);
        expect(unreadable?.[0]?.reason).not.toBe('');
        expect(JSON.stringify(unreadable)).not.toContain('secret');
        expect(items).toHaveLength(before.items.length - 1);
        expect(before.items).toEqual(expect.arrayContaining([...items]));
        expect(next).toBeNull();
      } finally {
        await must(`UPDATE $id SET ${column} = $value RETURN NONE`, { id: row?.id, value: row?.was });
      }
      expect((await list(all, runId)).items).toHaveLength(before.items.length);
    },
  );

  it('the pages of a list go on after a page that has only such a row', async () => {
    const [row] = (await must(`SELECT id, opened_seq FROM step ORDER BY opened_seq LIMIT 1`)) as {
      id: unknown;
    }[];
    await must('UPDATE $id SET status = $value RETURN NONE', { id: row?.id, value: BROKEN });
    const first = await all.reads.listSteps('acme', runId, { limit: 1 });
    expect(first).toMatchObject({
      items: [],
      unreadable: [{ reason: expect.stringContaining('status') as string }],
    });
    const rest = await all.reads.listSteps('acme', runId, { after: first.next ?? '' });
    expect(rest.items.length).toBeGreaterThan(0);
    expect(rest.unreadable).toBeUndefined();
  });
});
