/**
 * The limits of docs/limits.md: search attributes, histories and signals. Each test exceeds one limit of
 * Sluice, gets the coded error, and the catch branch of its run runs. Behind each is a limit of Temporal
 * that ends a run past every catch, or repeats its workflow task without an end.
 */
import { describe, expect, it } from 'vitest';
import { NativeConnection } from '@temporalio/worker';
import { Connection, WorkflowNotFoundError } from '@temporalio/client';
import type { Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { suiteTemporal } from '../support/services.js';
import {
  caught,
  finishOn,
  freshId,
  LONG_MS,
  result,
  startOn,
  useLimitRuns,
  withWorld,
} from './support/limit-run.js';
import { countOf } from './support/log-lines.js';
import { type Handle, type World } from './support/world.js';

const { world, start, finish, run } = useLimitRuns();

describe('search attributes [limits-are-errors]', () => {
  it('of more than 32 correlation keys of 10 KB each, 32 hashes are kept as a search attribute', async () => {
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
    const waits = await world().projections.reads.listWaits('default', handle.firstExecutionRunId);
    expect(new Set(waits.map(({ correlationKey }) => correlationKey)).size).toBe(40);
  });

  it('a correlation key over 10,240 characters is CORRELATION_KEY_INVALID', async () => {
    const wait: Json = {
      id: 'w',
      type: 'event.wait',
      eventName: 'X',
      correlationKey: { $expr: '$pad("", 10241, "k")' },
    };
    expect(await run(caught(wait))).toEqual(result('CORRELATION_KEY_INVALID'));
  });

  it('the correlation keys of a start are hashed, and 32 of them are kept', async () => {
    const id = freshId();
    await world().publish({ id, version: 1, steps: [] });
    const correlationKeys = Array.from({ length: 50 }, (_, i) => `${'k'.repeat(5_000)}${i}`);
    const handle = await world().start(id, {}, { correlationKeys });
    expect(await finish(handle)).toEqual(result(null));
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes['SluiceCorrelationKeys']).toHaveLength(LIMITS.correlationKeys);
  });

  it('a worker does not start while a search attribute is not registered', async () => {
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
          { timeout: 60_000, interval: 200 },
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
      const sent = await handle.signal('event', { eventId: String(i), eventName: 'NOISE' }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof WorkflowNotFoundError) return false;
          throw error;
        },
      );
      // It has ended already.
      if (!sent) return;
      if (i % 50 === 49 && countOf(own.log(handle.firstExecutionRunId), 'STEP_STARTED caught') > 0) return;
    }
  };

  it('a history that fills while a child runs on is HISTORY_LIMIT', async () => {
    await withWorld({ limits }, async (own) => {
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
    });
  });

  it('a history that fills while an action runs on is HISTORY_LIMIT', async () => {
    await withWorld({ limits }, async (own) => {
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
    });
  });
});

describe('signals [bad-signals-are-harmless]', () => {
  it('an event over 256 KiB reaches the wait that is open, and is dropped and logged if none is', async () => {
    const handle = await start({
      steps: [{ id: 'w', type: 'event.wait', eventName: 'X' }],
      result: { $expr: '$length(event.payload)' },
    });
    await world().seen(handle.firstExecutionRunId, 'wait', (log) => countOf(log, 'WAIT_OPENED w') === 1);
    const payload = 'x'.repeat(1_000_000);
    await handle.signal('event', { eventId: '1', eventName: 'Y', payload });
    await handle.signal('event', { eventId: '2', eventName: 'X', payload: 'x'.repeat(1_500_000) });
    await handle.signal('event', { eventId: '3', eventName: 'X', payload });
    expect(await finish(handle)).toEqual(result(1_000_000));
    expect(countOf(world().log(handle.firstExecutionRunId), 'EVENT_DROPPED')).toBe(2);
  });

  it(
    'the buffer is limited to 1,000 events: the oldest are dropped and logged [early-events-wait]',
    { timeout: LONG_MS },
    async () => {
      const steps = [
        { id: 'g', type: 'event.wait', eventName: 'GO' },
        { id: 'w', type: 'event.wait', eventName: 'N' },
      ];
      const handle = await start({ steps, result: { $expr: 'event.payload' } });
      await world().seen(handle.firstExecutionRunId, 'its first wait', (log) =>
        log.some(({ type }) => type === 'WAIT_OPENED'),
      );
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
      expect(countOf(world().log(handle.firstExecutionRunId), 'EVENT_DROPPED')).toBe(10);
    },
  );

  it('an event with an unbounded key, name or nesting is SIGNAL_REJECTED', async () => {
    const handle = await start({ steps: [{ id: 'w', type: 'event.wait', eventName: 'X' }] });
    let deep: Json = 0;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    await handle.signal('event', { eventId: '1', eventName: 'X', correlationKey: 'k'.repeat(1_000_000) });
    await handle.signal('event', { eventId: 'i'.repeat(1_000_000), eventName: 'X' });
    await handle.signal('event', { eventId: '3', eventName: 'n'.repeat(1_000_000) });
    await handle.signal('n'.repeat(300), 'unknown');
    await handle.signal('event', { eventId: '5', eventName: 'X' });
    expect(await finish(handle)).toEqual(result(null));
    expect(countOf(world().log(handle.firstExecutionRunId), 'SIGNAL_REJECTED')).toBe(4);
  });
});
