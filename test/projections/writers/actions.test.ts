import { beforeAll, describe, expect, it } from 'vitest';
import type {
  DomainStatement,
  Execution,
  Invocation,
  InvocationOutcome,
} from '../../../contracts/run/projection.js';
import type { Projections } from '../../../projections/index.js';
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

  it('is recorded as started, with its run and step, before it acts', async () => {
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

  it('gives its recorded output, in its own key order, to whoever comes with its key again', async () => {
    const { of, use } = fresh();
    await begin(of, use, 'w1');
    await projections.finishAction(of, use, success, [], 'w1');
    const again = await begin(of, use, 'w2');
    expect(JSON.stringify(again)).toBe('{"kind":"recorded","output":{"z":1,"a":2},"artifacts":["ch-1"]}');
    expect(await stepOf(of)).toMatchObject({ status: 'SUCCEEDED', output: { z: 1, a: 2 } });
  });

  it('records outputs over the inline limit', async () => {
    const { of, use } = fresh();
    const output = { text: 'x'.repeat(400_000) };
    await begin(of, use, 'w1');
    await projections.finishAction(of, use, { ...success, output }, [], 'w1');
    expect(await begin(of, use, 'w2')).toMatchObject({ kind: 'recorded', output });
  });

  it('that failed is tried again in the same row', async () => {
    const { of, use } = fresh();
    await begin(of, use, 'w1');
    await projections.finishAction(of, use, failure, [], 'w1');
    expect(await stepOf(of)).toMatchObject({ status: 'FAILED', error: { code: 'DECLINED' } });
    expect(await begin(of, use, 'w2')).toEqual({ kind: 'execute' });
    expect(await ledgerOf(of)).toMatchObject({ status: 'STARTED', attempts: 2, error: null });
    await projections.finishAction(of, use, success, [], 'w2');
    expect(await stepOf(of)).toMatchObject({ status: 'SUCCEEDED', error: null });
  });

  it('cannot borrow the key of another action', async () => {
    const { of, use } = fresh();
    await begin(of, use, 'w1');
    await expect(begin(of, { ...use, action: 'payments.refund' }, 'w1')).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      retryable: false,
    });
    await expect(
      projections.finishAction(of, { ...use, action: 'payments.refund' }, success, []),
    ).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  describe('under a lease', () => {
    it('is held while the lease is alive, and the events are committed all the same', async () => {
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

    it('goes on for the same holder, as the same attempt', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      expect(await begin(of, use, 'w1')).toEqual({ kind: 'execute' });
      expect((await ledgerOf(of))?.attempts).toBe(1);
    });

    it('is taken over when the lease is stale, and its former holder can neither renew it nor fail it', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1', false);
      expect(await begin(of, use, 'w2')).toEqual({ kind: 'execute' });
      const { tenant } = of.run;
      expect(await projections.renewLease(tenant, use.idempotencyKey, lease('w1'))).toBe(false);
      expect(await projections.renewLease(tenant, use.idempotencyKey, lease('w2'))).toBe(true);
      await projections.finishAction(of, use, failure, [], 'w1');
      expect(await ledgerOf(of)).toMatchObject({ status: 'STARTED', lease: { holder: 'w2' } });
      expect((await stepOf(of))?.status).toBe('RUNNING');
    });

    it('given up by renewing it into the past, is free at once', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.renewLease(of.run.tenant, use.idempotencyKey, lease('w1', false));
      expect(await begin(of, use, 'w2')).toEqual({ kind: 'execute' });
    });

    it('is taken over by exactly one of many that try at once', async () => {
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

    it('the first success wins over a later one and over a later failure', async () => {
      const own = await host.open();
      const { of, use } = fresh();
      await own.beginAction(of, [runStarted()], use, lease('w1', false));
      await own.beginAction(of, [], use, lease('w2'));
      await own.finishAction(of, use, success, [pay(5)], 'w2');
      await own.finishAction(of, use, { ...success, output: 'other' }, [pay(6)], 'w1');
      await own.finishAction(of, use, failure, [pay(7)], 'w2');
      expect(await own.beginAction(of, [], use, lease('w3'))).toMatchObject({ output: { z: 1, a: 2 } });
      expect(await payments(own)).toEqual([1]);
    });
  });

  describe("writes its step's outcome ahead of the log", () => {
    it('which the log then confirms, or corrects', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.finishAction(of, use, success, [], 'w1');
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

    it('but never over a step that the log has closed', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await projections.commitEvents(of, [
        event(3, 'STEP_CANCELED', { id: 'steps[0]', kind: 'action.call' }, { path: 'steps[0]' }),
      ]);
      await projections.finishAction(of, use, success, [], 'w1');
      expect((await stepOf(of))?.status).toBe('CANCELED');
      expect((await ledgerOf(of))?.status).toBe('SUCCEEDED');
    });

    it('and a late start of the step does not open it again', async () => {
      const { of, use } = fresh();
      await projections.beginAction(of, [runStarted()], use, lease('w1'));
      await projections.finishAction(of, use, success, [], 'w1');
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

    it('except a local one, whose events come later', async () => {
      const { of, use } = fresh();
      await projections.finishAction(of, { ...use, local: true }, success, []);
      expect(await stepOf(of)).toBeUndefined();
      expect((await ledgerOf(of))?.status).toBe('SUCCEEDED');
    });
  });

  describe('with database writes of its own', () => {
    it('commits them with its outcome, each with its own variables', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      const write = (name: string, amount: number): DomainStatement => ({
        label: `${name}.create`,
        statement: 'CREATE type::record("entry", $name) SET amount = $amount;',
        variables: { name, amount },
      });
      await projections.finishAction(of, use, success, [write('one', 1), write('two', 2)], 'w1');
      const [answer] = await projections.database.request('SELECT VALUE amount FROM entry ORDER BY amount');
      expect(answer).toMatchObject({ value: [1, 2] });
    });

    it('records nothing where one fails, and says which and why', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      const bad = {
        label: 'ledger.post',
        statement: 'CREATE post SET sum = <int> $sum',
        variables: { sum: 'x' },
      };
      await expect(projections.finishAction(of, use, success, [pay(1), bad], 'w1')).rejects.toMatchObject({
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
    ])('refuses %j, which would end the transaction', async (statement, why) => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      await expect(
        projections.finishAction(of, use, success, [{ label: 'w', statement, variables: {} }], 'w1'),
      ).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining(why) as string });
    });

    it('takes semicolons and words inside strings for what they are', async () => {
      const { of, use } = fresh();
      await begin(of, use, 'w1');
      const statement = `CREATE note SET text = 'a; RETURN 1' RETURN NONE`;
      await projections.finishAction(of, use, success, [{ label: 'note', statement, variables: {} }], 'w1');
      expect((await ledgerOf(of))?.status).toBe('SUCCEEDED');
    });
  });
});
