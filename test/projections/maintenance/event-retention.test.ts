/** Retention removes old inbound events, whole and in bounded batches, and no other row. */
import { expect, it } from 'vitest';
import type { Json } from '../../../contracts/json.js';
import type { DeliveredEvent } from '../../../contracts/inbound-event.js';
import type { Execution, OpenedWait } from '../../../contracts/run/projection.js';
import type { Projections } from '../../../projections/index.js';
import {
  countPrunable,
  pruneEvents,
  pruneRuns,
  startRetention,
} from '../../../worker/processes/retention.js';
import { waitFor } from '../../support/wait-for.js';
import { onEveryDatabase } from '../support/databases.js';
import { event, execution, runStartedAs } from '../support/runs.js';

const DAY_MS = 86_400_000;
const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);

let ids = 0;

interface Arrival {
  readonly tenant?: string;
  /** Null: no key could be resolved. */
  readonly key?: string | null;
  readonly payload?: Json;
  /** False: its routing has not ended. */
  readonly ended?: boolean;
}

/** Records an event that arrived `days` ago; returns its id. */
async function arrive(
  { events }: Projections,
  days: number,
  { tenant = 'acme', key = 'k-1', payload = null, ended = true }: Arrival = {},
): Promise<string> {
  const [source, id] = ['test', `e-${++ids}`];
  const receivedAt = daysAgo(days);
  const arrived = { tenant, source, id, name: 'PAID', time: null, correlationKey: key, payload };
  await events.record({
    event: arrived,
    envelope: { eventId: id, eventName: 'PAID', tenantId: tenant, source, payload },
    correlation: { key, resolvedBy: key === null ? 'none' : 'explicit', tried: [] },
    via: 'http',
    receivedAt,
  });
  const end = { outcome: 'NO_MATCH', deliveries: [], triggers: [], routedTo: [], error: null } as const;
  if (ended) await events.finish(arrived, { ...end, receivedAt });
  return id;
}

/** How many rows each table about events has. */
async function rows({ database }: Projections): Promise<Readonly<Record<string, number>>> {
  const tables = ['inbound_event', 'event_list', 'event_by_key', 'event_guard', 'event_delivery'];
  const counts: Record<string, number> = {};
  for (const table of [...tables, 'event_unfinished', 'blob', 'open_wait']) {
    const [answer] = await database.request(`SELECT VALUE id FROM ${table}`);
    if (answer?.ok !== true) throw new Error(answer?.reason);
    counts[table] = (answer.value as readonly unknown[]).length;
  }
  return counts;
}

const ANY = { filters: [], full: false };

/** Notes that the run is sent these events, and that it was. */
async function note(
  projections: Projections,
  of: Execution,
  waits: readonly OpenedWait[],
  events: readonly DeliveredEvent[],
): Promise<void> {
  for (const step of ['sending', 'sent'] as const) {
    await projections.recordMissed(of, { waits, events, sender: 'test', step });
  }
}

/** A run that waits for PAID with the key, and was sent the events that it missed. */
async function waiting(projections: Projections, key: string, missed: readonly string[]) {
  const of = execution();
  await projections.commitEvents(of, [
    runStartedAs(of),
    event(
      2,
      'WAIT_OPENED',
      { kind: 'event', eventNames: ['PAID'], correlationKey: key },
      { path: 'steps[0]' },
    ),
  ]);
  const wait = { place: 'steps[0]', eventNames: ['PAID'], correlationKey: key, since: 0, ...ANY };
  const { events: sent } = await projections.missedEvents(of.run, [wait]);
  await note(projections, of, [wait], sent);
  expect(sent.map(({ id }) => id).sort()).toEqual(missed);
  return of;
}

onEveryDatabase(
  'Retention of events',
  (host) => {
    it('old events of every tenant are removed with all their rows, and every other row stays', async () => {
      const projections = await host.open();
      await arrive(projections, 1, { key: 'new' });
      await arrive(projections, 1, { key: null, tenant: 'beta' });
      const before = await rows(projections);
      const large = 'x'.repeat(300_000);
      const old = await arrive(projections, 40, { payload: large });
      await arrive(projections, 41, { key: null });
      await arrive(projections, 42, { tenant: 'beta', key: '“ключ” 🗝' });
      const of = await waiting(projections, 'k-1', [old]);
      expect(await rows(projections)).toMatchObject({ inbound_event: 5, event_delivery: 1, blob: 1 });
      const ages = { days: undefined, eventDays: 30, auditDays: undefined };
      const { count, bytes } = (await countPrunable(projections, ages)).events;
      expect(count).toBe(3);
      // The envelope of the large one is in a blob.
      expect(bytes).toBeGreaterThan(large.length);
      expect(bytes).toBeLessThan(3 * large.length);
      expect(await pruneEvents(projections, 30)).toBe(3);
      // The wait keeps the guard of its key.
      expect(await rows(projections)).toEqual({
        ...before,
        open_wait: 1,
        event_guard: Number(before['event_guard']) + 1,
      });
      expect(await pruneEvents(projections, 30)).toBe(0);
      expect(await projections.events.explain({ tenant: 'acme', source: 'test', id: old })).toBeUndefined();
      // A run that was sent the event before its removal leaves no note about it.
      const wait = { place: 'steps[0]', eventNames: ['PAID'], correlationKey: 'k-1', since: 0, ...ANY };
      const late = { source: 'test', id: old, name: 'PAID', correlationKey: 'k-1', payload: null };
      await note(projections, of, [wait], [{ ...late, receivedAt: daysAgo(40).toISOString() }]);
      await projections.commitEvents(of, [event(3, 'RUN_CANCELED', {})]);
      expect(await pruneRuns(projections, 0)).toBe(1);
      expect(await rows(projections)).toEqual(before);
    });

    it('an old event whose routing has not ended is kept, and those behind it in the list are removed', async () => {
      const projections = await host.open();
      const open = await arrive(projections, 40, { ended: false });
      await arrive(projections, 39);
      await arrive(projections, 41);
      expect(await pruneEvents(projections, 30)).toBe(2);
      expect((await projections.events.unfinished(new Date(), 10)).items).toMatchObject([
        { tenant: 'acme', source: 'test', id: open },
      ]);
      expect(await projections.events.envelope({ tenant: 'acme', source: 'test', id: open })).toBeDefined();
    });

    it('events are removed in batches, and many removals at once remove each event once', async () => {
      const projections = await host.open();
      for (let i = 0; i < 12; i++) await arrive(projections, 40, { tenant: i < 7 ? 'acme' : 'beta' });
      const receivedBefore = daysAgo(30);
      expect(await projections.maintenance.removeEvents({ receivedBefore, limit: 5 })).toBe(5);
      const removed = await Promise.all([1, 2, 3].map(() => pruneEvents(projections, 30)));
      expect(removed.reduce((sum, one) => sum + one, 0)).toBe(7);
      expect(Object.values(await rows(projections)).filter((count) => count > 0)).toEqual([]);
    });

    it('an event that arrives with the same key during the removal is stored and found', async () => {
      const projections = await host.open();
      for (let i = 0; i < 10; i++) await arrive(projections, 40);
      const [, ...fresh] = await Promise.all([
        pruneEvents(projections, 30),
        ...Array.from({ length: 10 }, () => arrive(projections, 0)),
      ]);
      const of = await waiting(
        projections,
        'k-1',
        (await projections.events.list('acme', {}, {})).items.map(({ id }) => id).sort(),
      );
      expect(of.run.tenant).toBe('acme');
      expect((await rows(projections))['inbound_event']).toBe(fresh.length);
    });

    it('a worker removes old events regularly, even if it keeps runs', async () => {
      const projections = await host.open();
      await arrive(projections, 3);
      const logged: string[] = [];
      const keptDays = () => Promise.reject(new Error('Only runs need it'));
      const log = { info: (_: object, text: string) => logged.push(text), error: () => undefined };
      const stop = startRetention({ projections, days: undefined, keptDays, eventDays: 2, everyMs: 5, log });
      await waitFor(() => logged.length > 0);
      await stop();
      expect(logged).toEqual(['Inbound events past their retention were removed']);
    });
  },
  ['surrealkv', 'rocksdb', 'server'],
);
