/** The ledger: how actions begin, end, hold leases, and write with their outcome. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type {
  DomainStatement,
  Execution,
  Invocation,
  InvocationOutcome,
} from '../../../contracts/run/projection.js';
import type { Projections } from '../../../projections/index.js';
import { waitFor } from '../../support/wait-for.js';
import { onEveryDatabase } from '../support/databases.js';
import {
  event,
  execution,
  invocation,
  lease,
  runError,
  runStarted,
  stepStarted,
  stepSucceeded,
} from '../support/runs.js';

const success: InvocationOutcome = { status: 'SUCCEEDED', output: { z: 1, a: 2 }, artifacts: ['ch-1'] };
const failure: InvocationOutcome = { status: 'FAILED', error: runError('DECLINED') };

function pay(amount: number): DomainStatement {
  return {
    label: 'payment.create',
    statement: 'UPSERT type::record("payment", $id) SET amount = $amount, times = (times ?? 0) + 1',
    variables: { id: 'p-1', amount },
  };
}

onEveryDatabase('An action', (host) => {
  let projections: Projections;
  beforeAll(async () => {
    projections = await host.open();
  });

  let keys = 0;
  function fresh(): { of: Execution; use: Invocation } {
    keys += 1;
    return { of: execution(), use: invocation(`key-${keys}`) };
  }
  const begin = (of: Execution, use: Invocation, holder: string, alive = true) =>
    projections.beginAction(
      of,
      [runStarted(), stepStarted(2, 'steps[0]', use.idempotencyKey)],
      use,
      lease(holder, alive),
    );
  const stepOf = async (of: Execution) =>
    (await projections.reads.listSteps(of.run.tenant, of.run.runId)).items[0];
  const ledgerOf = async (of: Execution) =>
    (await projections.reads.listInvocations(of.run.tenant, of.run.runId))[0];
  const payments = async (of: Projections) => {
    const [answer] = await of.database.request('SELECT VALUE times FROM payment');
    return answer?.ok === true ? answer.value : [];
  };

  it('an action is recorded as started, with its run and step, before it acts', async () => {
    const { of, use } = fresh();
    expect(await begin(of, use, 'w1')).toEqual({ kind: 'execute' });
    expect(await projections.reads.getRun(of.run.tenant, of.run.runId)).toMatchObject({ status: 'RUNNING' });
    expect(await stepOf(of)).toMatchObject({ status: 'RUNNING', idempotencyKey: use.idempotencyKey });
    expect(await ledgerOf(of)).toMatchObject({
      status: 'STARTED',
      attempts: 1,
      lease: { holder: 'w1' },
      input: { token: { $secret: 'TOKEN' } },
    });
  });

  it('a key that is used again gets the recorded output, in its original key order', async () => {
    const { of, use } = fresh();
    await begin(of, use, 'w1');
    await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w1' });
    const again = await begin(of, use, 'w2');
    expect(JSON.stringify(again)).toBe('{"kind":"recorded","output":{"z":1,"a":2},"artifacts":["ch-1"]}');
    expect(await stepOf(of)).toMatchObject({ status: 'SUCCEEDED', output: { z: 1, a: 2 } });
  });

  it('the ledger records outputs over the inline limit', async () => {
    const { of, use } = fresh();
    const output = { text: 'x'.repeat(400_000) };
    await begin(of, use, 'w1');
    await projections.finishAction(of, use, { outcome: { ...success, output }, writes: [], holder: 'w1' });
    expect(await begin(of, use, 'w2')).toMatchObject({ kind: 'recorded', output });
  });

  it('a failed action is tried again in the same row', async () => {
    const { of, use } = fresh();
    await begin(of, use, 'w1');
    await projections.finishAction(of, use, { outcome: failure, writes: [], holder: 'w1' });
    expect(await stepOf(of)).toMatchObject({ status: 'FAILED', error: { code: 'DECLINED' } });
    expect(await begin(of, use, 'w2')).toEqual({ kind: 'execute' });
    expect(await ledgerOf(of)).toMatchObject({ status: 'STARTED', attempts: 2, error: null });
    await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w2' });
    expect(await stepOf(of)).toMatchObject({ status: 'SUCCEEDED', error: null });
  });

  it('an action can not use the key of another action', async () => {
    const { of, use } = fresh();
    await begin(of, use, 'w1');
    await expect(begin(of, { ...use, action: 'payments.refund' }, 'w1')).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      retryable: false,
    });
    await expect(
      projections.finishAction(of, { ...use, action: 'payments.refund' }, { outcome: success, writes: [] }),
    ).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  describe('under a key that an author chose', () => {
    const elsewhere = (use: Invocation, more: Partial<Invocation> = {}): Invocation => ({
      ...use,
      step: { ...use.step, path: 'steps[1]', iteration: [1] },
      ...more,
    });
    const reused = { code: 'IDEMPOTENCY_KEY_REUSED', retryable: false };

    it('the same action with the same input gets the recorded output, at another step and in another run', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w1' });
      const input = { amount: 5, token: { $secret: 'TOKEN' }, z: 1 };
      const recorded = { kind: 'recorded', output: { z: 1, a: 2 } };
      expect(await projections.beginAction(of, [], elsewhere(use, { input }), lease('w2'))).toMatchObject(
        recorded,
      );
      expect(
        await projections.beginAction(execution(), [runStarted()], elsewhere(use), lease('w3')),
      ).toMatchObject(recorded);
    });

    it('another input is refused whether the first use runs, has failed or has succeeded [keys-answer-for-their-work]', async () => {
      const { of, use } = fresh();
      const other = elsewhere(use, { input: { z: 1, amount: 6, token: { $secret: 'TOKEN' } } });
      const again = (): Promise<unknown> =>
        projections.beginAction(execution(), [runStarted()], other, lease('w2'));
      await begin(of, use, 'w1');
      await expect(again()).rejects.toMatchObject(reused);
      await projections.finishAction(of, use, { outcome: failure, writes: [], holder: 'w1' });
      await expect(again()).rejects.toMatchObject(reused);
      await begin(of, use, 'w1');
      await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w1' });
      await expect(again()).rejects.toMatchObject({
        ...reused,
        message: expect.stringContaining(`steps[0] [] of run ${of.run.runId}`) as string,
      });
      await expect(
        projections.finishAction(execution(), other, { outcome: success, writes: [] }),
      ).rejects.toMatchObject(reused);
      await expect(
        projections.recordAction(execution(), [runStarted()], other, {
          lease: lease('w2'),
          startedAt: Date.now(),
          outcome: success,
          writes: [],
        }),
      ).rejects.toMatchObject(reused);
    });

    it('the same step execution gets its recorded output, also with another input', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w1' });
      const later = { ...use, input: { at: '2026-01-02T03:04:05Z' } };
      expect(await projections.beginAction(of, [], later, lease('w2'))).toMatchObject({ kind: 'recorded' });
    });

    it('a row from before digests is compared by its input', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w1' });
      await projections.database.request('UPDATE action_invocation SET digest = NONE');
      expect(await projections.beginAction(of, [], elsewhere(use), lease('w2'))).toMatchObject({
        kind: 'recorded',
      });
      await expect(
        projections.beginAction(of, [], elsewhere(use, { input: 7 }), lease('w2')),
      ).rejects.toMatchObject(reused);
    });
  });

  describe('under a lease', () => {
    it('an action under a live lease is held, and the events are committed all the same', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      const decision = await projections.beginAction(
        of,
        [event(3, 'STATE_SET', { state: 'paying' })],
        use,
        lease('w2'),
      );
      expect(decision.kind).toBe('held');
      expect((await projections.reads.getRun(of.run.tenant, of.run.runId))?.state).toBe('paying');
    });

    it('the holder of a lease begins again as the same attempt', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      expect(await begin(of, use, 'w1')).toEqual({ kind: 'execute' });
      expect((await ledgerOf(of))?.attempts).toBe(1);
    });

    it('a stale lease is taken over, and its former holder can neither renew it nor fail the action', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1', false);
      expect(await begin(of, use, 'w2')).toEqual({ kind: 'execute' });
      const { tenant } = of.run;
      expect(await projections.renewLease(tenant, use.idempotencyKey, lease('w1'))).toBe(false);
      expect(await projections.renewLease(tenant, use.idempotencyKey, lease('w2'))).toBe(true);
      await projections.finishAction(of, use, { outcome: failure, writes: [], holder: 'w1' });
      expect(await ledgerOf(of)).toMatchObject({ status: 'STARTED', lease: { holder: 'w2' } });
      expect((await stepOf(of))?.status).toBe('RUNNING');
    });

    it('a local action that began and has not ended is not begun again; a regular one takes it over [a-deadly-action-is-bounded]', async () => {
      const { of, use } = fresh();
      const local = { ...use, local: true };
      expect(await projections.beginAction(of, [], local, lease('w1'))).toEqual({ kind: 'execute' });
      expect(await projections.beginAction(of, [], local, lease('w2'))).toMatchObject({ kind: 'held' });
      // Its holder may be another process of the same name.
      expect(await projections.beginAction(of, [], local, lease('w1'))).toEqual({ kind: 'unended' });
      await projections.renewLease(of.run.tenant, use.idempotencyKey, lease('w1', false));
      expect(await projections.beginAction(of, [], local, lease('w2'))).toEqual({ kind: 'unended' });
      expect(await ledgerOf(of)).toMatchObject({ status: 'STARTED', attempts: 1, lease: { holder: 'w1' } });
      expect(await projections.beginAction(of, [], use, lease('w2'))).toEqual({ kind: 'execute' });
      await projections.finishAction(of, use, { outcome: failure, writes: [], holder: 'w2' });
      expect(await projections.beginAction(of, [], local, lease('w3'))).toEqual({ kind: 'execute' });
    });

    it('a lease ends when its time has passed, also where the clock of its worker is ahead', async () => {
      const { of, use } = fresh();
      const short = { holder: 'ahead', forMs: 1_500 };
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
      try {
        const events = [runStarted(), stepStarted(2, 'steps[0]', use.idempotencyKey)];
        await projections.beginAction(of, events, use, short);
        await projections.renewLease(of.run.tenant, use.idempotencyKey, short);
        // The row exists, so this takes the other way to write it.
        await projections.beginAction(of, [], use, short);
      } finally {
        vi.useRealTimers();
      }
      const decision = await begin(of, use, 'next');
      expect(decision).toMatchObject({ kind: 'held' });
      expect(decision.kind === 'held' && decision.forMs).toBeLessThanOrEqual(1_500);
      await waitFor(async () => (await begin(of, use, 'next')).kind === 'execute');
    });

    it('a lease that is renewed into the past is free at once', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.renewLease(of.run.tenant, use.idempotencyKey, lease('w1', false));
      expect(await begin(of, use, 'w2')).toEqual({ kind: 'execute' });
    });

    it('exactly one of many workers that try at once takes over a stale lease', async () => {
      for (let round = 0; round < 5; round++) {
        const { of, use } = fresh();
        await begin(of, use, 'w0', false);
        const decisions = await Promise.all(
          Array.from({ length: 12 }, (_, i) => begin(of, use, `w${i + 1}`)),
        );
        const kinds = decisions.map((decision) => decision.kind).sort();
        expect(kinds).toEqual(['execute', ...Array.from({ length: 11 }, () => 'held')]);
      }
    }, 60_000);

    it('the first success prevails over a later success and a later failure', async () => {
      const separate = await host.open();
      const { of, use } = fresh();
      await separate.beginAction(of, [runStarted()], use, lease('w1', false));
      await separate.beginAction(of, [], use, lease('w2'));
      await separate.finishAction(of, use, { outcome: success, writes: [pay(5)], holder: 'w2' });
      await separate.finishAction(of, use, {
        outcome: { ...success, output: 'other' },
        writes: [pay(6)],
        holder: 'w1',
      });
      await separate.finishAction(of, use, { outcome: failure, writes: [pay(7)], holder: 'w2' });
      expect(await separate.beginAction(of, [], use, lease('w3'))).toMatchObject({ output: { z: 1, a: 2 } });
      expect(await payments(separate)).toEqual([1]);
    });
  });

  describe('the outcome ahead of the log', () => {
    it('the log confirms or corrects the outcome that an action wrote ahead of it', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w1' });
      await projections.commitEvents(of, [
        event(
          3,
          'STEP_FAILED',
          { id: 'steps[0]', kind: 'action.call', error: runError('ACTION_TIMEOUT') },
          { path: 'steps[0]' },
        ),
      ]);
      expect(await stepOf(of)).toMatchObject({
        status: 'FAILED',
        error: { code: 'ACTION_TIMEOUT' },
        output: null,
      });
    });

    it('an action never overwrites a step that the log has closed', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.commitEvents(of, [
        event(3, 'STEP_CANCELED', { id: 'steps[0]', kind: 'action.call' }, { path: 'steps[0]' }),
      ]);
      await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w1' });
      expect((await stepOf(of))?.status).toBe('CANCELED');
      expect((await ledgerOf(of))?.status).toBe('SUCCEEDED');
    });

    it('a late start does not open a step again whose action has ended', async () => {
      const { of, use } = fresh();
      await projections.beginAction(of, [runStarted()], use, lease('w1'));
      await projections.finishAction(of, use, { outcome: success, writes: [], holder: 'w1' });
      expect(await stepOf(of)).toMatchObject({ status: 'SUCCEEDED', id: 'steps[0]' });
      await projections.commitEvents(of, [stepStarted(2, 'steps[0]', use.idempotencyKey)]);
      expect(await stepOf(of)).toMatchObject({
        status: 'SUCCEEDED',
        kind: 'action.call',
        input: { amount: 5 },
      });
      await projections.commitEvents(of, [stepSucceeded(3, 'steps[0]')]);
      expect(await stepOf(of)).toMatchObject({ status: 'SUCCEEDED', output: { ok: true } });
    });

    it('a local action writes no step row; its events come later', async () => {
      const { of, use } = fresh();
      await projections.finishAction(of, { ...use, local: true }, { outcome: success, writes: [] });
      expect(await stepOf(of)).toBeUndefined();
      expect((await ledgerOf(of))?.status).toBe('SUCCEEDED');
    });
  });

  describe('with database writes', () => {
    it('an action commits its writes with its outcome, each write with its own variables', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      const write = (name: string, amount: number): DomainStatement => ({
        label: `${name}.create`,
        statement: 'CREATE type::record("entry", $name) SET amount = $amount;',
        variables: { name, amount },
      });
      await projections.finishAction(of, use, {
        outcome: success,
        writes: [write('one', 1), write('two', 2)],
        holder: 'w1',
      });
      const [answer] = await projections.database.request('SELECT VALUE amount FROM entry ORDER BY amount');
      expect(answer).toMatchObject({ value: [1, 2] });
    });

    it('a write that fails keeps everything from being recorded, and the error says which and why', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      const bad = {
        label: 'ledger.post',
        statement: 'CREATE post SET sum = <int> $sum',
        variables: { sum: 'x' },
      };
      await expect(
        projections.finishAction(of, use, { outcome: success, writes: [pay(1), bad], holder: 'w1' }),
      ).rejects.toMatchObject({
        code: 'DATABASE_FAILED',
        message: expect.stringMatching(/ledger\.post.*Could not cast/s) as string,
      });
      expect((await ledgerOf(of))?.status).toBe('STARTED');
      expect((await stepOf(of))?.status).toBe('RUNNING');
    });

    it.each([
      ['RETURN 1', 'RETURN'],
      ['IF true { RETURN 1 }', 'RETURN'],
      ['CREATE a; CREATE b', 'more than one'],
      ['COMMIT', 'COMMIT'],
      ['', 'empty'],
    ])('the write %j is refused, because it would end the transaction', async (statement, why) => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await expect(
        projections.finishAction(of, use, {
          outcome: success,
          writes: [{ label: 'w', statement, variables: {} }],
          holder: 'w1',
        }),
      ).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining(why) as string });
    });

    it('a write may contain semicolons and keywords inside strings', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      const statement = `CREATE note SET text = 'a; RETURN 1' RETURN NONE`;
      await projections.finishAction(of, use, {
        outcome: success,
        writes: [{ label: 'note', statement, variables: {} }],
        holder: 'w1',
      });
      expect((await ledgerOf(of))?.status).toBe('SUCCEEDED');
    });
  });
});
