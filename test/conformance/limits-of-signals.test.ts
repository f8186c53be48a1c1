/**
 * The table of limits in docs/limits.md, search attributes, histories and signals: each test goes past one of Sluice's own, gets the
 * coded error, and its catch branch runs. What lies behind each is a limit of Temporal's that ends a run past
 * every catch, or repeats its workflow task for ever.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NativeConnection } from '@temporalio/worker';
import { Connection } from '@temporalio/client';
import type { Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { suiteTemporal } from '../support/services.js';
import { caught, finishOn, freshId, MINUTE, result, startOn } from './support/limit-run.js';
import { countOf } from './support/log-lines.js';
import { type End } from './support/play.js';
import { type Handle, openWorld, type World } from './support/world.js';

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const start = (definition: Record<string, unknown>, payload?: Json): Promise<Handle> =>
  startOn(world, definition, payload);
const finish = (handle: Handle): Promise<End> => finishOn(world, handle);
const run = async (definition: Record<string, unknown>, payload?: Json): Promise<End> =>
  finish(await start(definition, payload));

describe('search attributes (trap 22)', () => {
  it('more than 32 keys, of 10 KB each, are hashed, and 32 of them kept', { timeout: MINUTE }, async () => {
    const key = { $expr: '$pad("", 10000, "k") & $string(item)' };
    const wait = {
      id: 'w',
      type: 'event.wait',
      eventName: 'X',
      correlationKey: key,
      timeoutMs: 400,
      onError: { policy: 'continue' },
    };
    const loop: Json = {
      id: 'l',
      type: 'control.forEach',
      items: { $expr: '[1..40]' },
      concurrency: 40,
      body: [wait],
    };
    const handle = await start({ steps: [loop] });
    expect(await finish(handle)).toEqual(result(null));
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes['SluiceCorrelationKeys']).toHaveLength(LIMITS.correlationKeys);
    const waits = await world.projections.reads.listWaits('default', handle.firstExecutionRunId);
    expect(new Set(waits.map(({ correlationKey }) => correlationKey)).size).toBe(40);
  });

  it('a key over 10,240 characters is CORRELATION_KEY_INVALID', { timeout: MINUTE }, async () => {
    const wait: Json = {
      id: 'w',
      type: 'event.wait',
      eventName: 'X',
      correlationKey: { $expr: '$pad("", 10241, "k")' },
    };
    expect(await run(caught(wait))).toEqual(result('CORRELATION_KEY_INVALID'));
  });

  it('keys that a run is started with are hashed likewise', { timeout: MINUTE }, async () => {
    const id = freshId();
    await world.publish({ id, version: 1, steps: [] });
    const correlationKeys = Array.from({ length: 50 }, (_, i) => `${'k'.repeat(5_000)}${i}`);
    const handle = await world.start(id, {}, { correlationKeys });
    expect(await finish(handle)).toEqual(result(null));
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes['SluiceCorrelationKeys']).toHaveLength(LIMITS.correlationKeys);
  });

  it('where one is not registered the worker does not start', { timeout: MINUTE }, async () => {
    const { ensureSearchAttributes } = await import('../../worker/temporal/search-attributes.js');
    const { address } = await suiteTemporal();
    const admin = await Connection.connect({ address });
    const namespace = `bare-${Date.now()}`;
    const connection = await NativeConnection.connect({ address });
    try {
      await admin.workflowService.registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: { seconds: 86_400 } as never,
      });
      await expect
        .poll(
          async () =>
            ensureSearchAttributes(connection, namespace, false).catch(
              (error: unknown) => (error as { code?: string }).code,
            ),
          { timeout: 5_000, interval: 200 },
        )
        .toBe('SEARCH_ATTRIBUTE_MISSING');
    } finally {
      await connection.close();
      await admin.close();
    }
  });
});

describe('a history that is full', () => {
  const limits = { historyEvents: 60, historyEventsMost: 300 };
  const flood = async (own: World, handle: Handle): Promise<void> => {
    for (let i = 0; i < 400; i++) {
      await handle.signal('event', { eventId: String(i), eventName: 'NOISE' });
      if (i % 50 === 49 && countOf(own.log(handle.firstExecutionRunId), 'STEP_STARTED caught') > 0) return;
    }
  };

  it('because of a child that runs on is HISTORY_LIMIT', { timeout: MINUTE }, async () => {
    const own = await openWorld({ limits });
    try {
      await own.publish({
        id: 'limits-runs-on',
        version: 1,
        steps: [{ id: 'w', type: 'event.wait', eventName: 'GO' }],
      });
      const handle = await startOn(
        own,
        caught({ id: 'c', type: 'control.callWorkflow', workflow: 'limits-runs-on' }),
      );
      await own.seen(handle.firstExecutionRunId, 'child', (log) => countOf(log, 'CHILD_STARTED') === 1);
      await flood(own, handle);
      expect(await finishOn(own, handle)).toEqual(result('HISTORY_LIMIT'));
    } finally {
      await own.close();
    }
  });

  it('because of an action that runs on is HISTORY_LIMIT', { timeout: MINUTE }, async () => {
    const own = await openWorld({ limits });
    try {
      const step: Json = {
        id: 'g',
        type: 'action.call',
        action: 'test.gate',
        input: { gate: 'never' },
        heartbeatMs: 2_000,
      };
      const handle = await startOn(own, caught(step));
      await own.seen(handle.firstExecutionRunId, 'action', (log) => countOf(log, 'STEP_STARTED g') === 1);
      await flood(own, handle);
      expect(await finishOn(own, handle)).toEqual(result('HISTORY_LIMIT'));
    } finally {
      await own.close();
    }
  });
});

describe('signals', () => {
  it(
    'an event over 256 KiB is dropped and told, whether or not its wait is open',
    { timeout: MINUTE },
    async () => {
      const handle = await start({
        steps: [{ id: 'w', type: 'event.wait', eventName: 'X' }],
        result: { $expr: '$length(event.payload)' },
      });
      await world.seen(handle.firstExecutionRunId, 'wait', (log) => countOf(log, 'WAIT_OPENED w') === 1);
      await handle.signal('event', {
        eventId: '1',
        eventName: 'X',
        payload: 'x'.repeat(LIMITS.bufferedBytes),
      });
      await handle.signal('event', { eventId: '2', eventName: 'X', payload: 'x'.repeat(1_500_000) });
      await handle.signal('event', { eventId: '3', eventName: 'X', payload: 'x'.repeat(200_000) });
      expect(await finish(handle)).toEqual(result(200_000));
      expect(countOf(world.log(handle.firstExecutionRunId), 'EVENT_DROPPED')).toBe(2);
    },
  );

  it(
    'the buffer has 1,000 events at most; the oldest goes, and the log says so',
    { timeout: 2 * MINUTE },
    async () => {
      const steps = [
        { id: 'g', type: 'event.wait', eventName: 'GO' },
        { id: 'w', type: 'event.wait', eventName: 'N' },
      ];
      const handle = await start({ steps, result: { $expr: 'event.payload' } });
      const began = Date.now();
      for (let i = 0; i < 1_010; i += 101) {
        await Promise.all(
          Array.from({ length: 101 }, (_, k) =>
            handle.signal('event', {
              eventId: String(i + k),
              eventName: 'N',
              payload: i + k,
              receivedAt: new Date(began + i + k).toISOString(),
            }),
          ),
        );
      }
      await handle.signal('event', { eventId: 'go', eventName: 'GO' });
      expect(await finish(handle)).toEqual(result(10));
      expect(countOf(world.log(handle.firstExecutionRunId), 'EVENT_DROPPED')).toBe(10);
    },
  );

  it('a key, a name or a nesting without bounds is SIGNAL_REJECTED', { timeout: MINUTE }, async () => {
    const handle = await start({ steps: [{ id: 'w', type: 'event.wait', eventName: 'X' }] });
    let deep: Json = 0;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    await handle.signal('event', { eventId: '1', eventName: 'X', correlationKey: 'k'.repeat(1_000_000) });
    await handle.signal('event', { eventId: 'i'.repeat(1_000_000), eventName: 'X' });
    await handle.signal('event', { eventId: '3', eventName: 'n'.repeat(1_000_000) });
    await handle.signal('n'.repeat(300), 'unknown');
    await handle.signal('event', { eventId: '5', eventName: 'X' });
    expect(await finish(handle)).toEqual(result(null));
    expect(countOf(world.log(handle.firstExecutionRunId), 'SIGNAL_REJECTED')).toBe(4);
  });
});
