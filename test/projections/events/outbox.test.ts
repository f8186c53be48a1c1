/** The outbox: its rows come with their steps, and the relay gets them in order. */
import { expect, it, vi } from 'vitest';
import { waitFor } from '../../support/wait-for.js';
import { openProjections, type Projections } from '../../../projections/index.js';
import type { RunEvent } from '../../../contracts/run/run-events.js';
import { event, execution, runStarted } from '../support/runs.js';

const published = (seq: number, position: number): RunEvent =>
  event(
    seq,
    'STEP_SUCCEEDED',
    {
      id: `p${position}`,
      kind: 'event.publish',
      publish: {
        position,
        eventId: `e-${position}`,
        eventName: 'NEWS',
        correlationKey: null,
        payload: position,
      },
    },
    { path: `steps[${position}]` },
  );
const due = async (store: Projections) =>
  (await store.events.dueOutbox(undefined, 100)).items.map(({ key, sent }) => [key[2], sent]);

it('a row of the outbox exists with its step or not at all, at any point where the commit fails', async () => {
  let at = '';
  const store = await openProjections({ url: 'mem://', faults: (point) => point === at });
  const run = execution();
  const events = [runStarted(), published(2, 1)];
  for (at of ['before:outbox.insert', 'after:outbox.insert', 'before-commit']) {
    await expect(store.commitEvents(run, events)).rejects.toThrow();
    expect(await due(store)).toEqual([]);
    expect((await store.reads.listSteps(run.run.tenant, run.run.runId)).items).toEqual([]);
  }
  at = 'after-commit';
  await expect(store.commitEvents(run, events)).rejects.toThrow();
  at = '';
  await store.commitEvents(run, events);
  expect(await due(store)).toEqual([[1, 0]]);
  expect((await store.reads.listSteps(run.run.tenant, run.run.runId)).items).toHaveLength(1);
  await store.close();
});

it('the relay gets positions in order, without sent or dead ones, and none again when a commit is repeated', async () => {
  const store = await openProjections({ url: 'mem://' });
  const run = execution();
  await store.commitEvents(run, [runStarted()]);
  await store.commitEvents(run, [published(3, 2)]);
  await store.commitEvents(run, [published(2, 1)]);
  expect(await due(store)).toEqual([
    [1, 0],
    [2, 0],
  ]);
  const [first] = (await store.events.dueOutbox(undefined, 1)).items;
  if (first === undefined) throw new Error('nothing is due');
  await store.events.settleOutbox(first, { status: 'FAILED', error: 'busy' });
  expect((await store.events.dueOutbox(undefined, 1)).items[0]).toMatchObject({ attempts: 1 });
  await store.events.settleOutbox(first, { status: 'SENT' });
  await store.commitEvents(run, [published(2, 1)]);
  expect(await due(store)).toEqual([[2, 1]]);
  expect((await store.events.dueOutbox(first.key, 10)).items.map(({ key }) => key[2])).toEqual([2]);
  await store.close();
});

it('one relay holds the lease until it has passed on the clock of the database, even if its own is ahead', async () => {
  const store = await openProjections({ url: 'mem://' });
  const HOUR_MS = 3_600_000;
  // The process of the relay that dies is an hour ahead; its database is not.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR_MS });
  expect(await store.events.takeRelayLease('ahead', 500)).toBe(true);
  vi.useRealTimers();
  expect(await store.events.takeRelayLease('next', HOUR_MS)).toBe(false);
  await waitFor(() => store.events.takeRelayLease('next', HOUR_MS));
  expect(await store.events.takeRelayLease('ahead', 500)).toBe(false);
  expect(await store.events.takeRelayLease('next', 0)).toBe(true);
  expect(await store.events.takeRelayLease('ahead', 500)).toBe(true);
  await store.close();
});
