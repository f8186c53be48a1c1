import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction, SluiceError } from '../../actions/index.js';
import type { ActionContext } from '../../contracts/run/action.js';
import { openWorld, type World } from './world.js';

let runs = 0;
const seen: ActionContext[] = [];

const actions = [
  defineAction({
    id: 'test.count',
    version: 1,
    input: z.strictObject({ by: z.int().default(1) }),
    output: z.object({ runs: z.int() }),
    run({ by }, context) {
      seen.push(context);
      runs += by;
      context.artifact(`made-${runs}`);
      return { runs };
    },
  }),
  defineAction({
    id: 'test.throw',
    version: 1,
    input: z.object({ what: z.string() }),
    output: z.null(),
    run({ what }) {
      switch (what) {
        case 'sluice':
          throw new SluiceError('CARD_DECLINED', 'declined', {
            retryable: false,
            details: { reason: 'funds' },
          });
        case 'infrastructure':
          throw new SluiceError('DATABASE_UNAVAILABLE', 'not ours');
        case 'temporal':
          throw ApplicationFailure.create({
            type: 'NO_STOCK',
            message: 'none',
            nonRetryable: true,
            details: [{ n: 0 }],
          });
        case 'temporal-type':
          throw ApplicationFailure.create({ type: 'OutOfStock', message: 'none', details: [1, 2] });
        case 'bad-code':
          throw new SluiceError('not a code', 'odd', { details: 7 });
        case 'huge':
          throw new SluiceError('HUGE', 'x'.repeat(10_000), { details: { text: 'y'.repeat(100_000) } });
        case 'string':
          throw 'just text'; // eslint-disable-line @typescript-eslint/only-throw-error
        default:
          throw new TypeError('plain');
      }
    },
  }),
  defineAction({
    id: 'test.give',
    version: 1,
    input: z.object({ what: z.string() }),
    output: z.unknown(),
    run({ what }): unknown {
      switch (what) {
        case 'big':
          return 'x'.repeat(1_100_000);
        case 'function':
          return { deep: [{ f: () => 1 }] };
        case 'nan':
          return { n: Number.NaN };
        case 'large':
          return { id: 2 ** 60 };
        case 'bytes':
          return { data: new Uint8Array([1, 2]) };
        case 'date':
          return { at: new Date(0), gone: undefined };
        default:
          return undefined;
      }
    },
  }),
  defineAction({
    id: 'test.liar',
    version: 1,
    input: z.json(),
    output: z.object({ n: z.int() }),
    run: () => ({ n: 'one' }) as unknown as { n: number },
  }),
  defineAction({
    id: 'test.write',
    version: 1,
    input: z.object({ statement: z.string() }),
    output: z.null(),
    run({ statement }, { writes }) {
      writes.add('first', 'UPSERT domain:first SET v = $v', { v: 1 });
      writes.add('second', statement);
      return null;
    },
  }),
];

let world: World;
beforeAll(async () => {
  world = await openWorld({ actions });
});
afterAll(() => world.close());

const failure = async (request: Parameters<World['call']>[0]) => {
  const { outcome, runId } = await world.call(request);
  if (outcome.kind !== 'failure') throw new Error(`No failure: ${JSON.stringify(outcome)}`);
  return { ...outcome, runId };
};

describe('an action', () => {
  it('an action returns its output and artifacts to the workflow, and the ledger keeps them with the events', async () => {
    const { outcome, runId, workflowId } = await world.call({ type: 'test.count', input: { by: 2 } });
    expect(outcome).toEqual({
      kind: 'result',
      result: {
        output: { runs },
        artifacts: [`made-${runs}`],
        signals: '',
        seal: expect.any(String) as string,
      },
    });
    expect(await world.ledger(runId)).toMatchObject({
      action: 'test.count',
      status: 'SUCCEEDED',
      input: { by: 2 },
      output: { runs },
      artifacts: [`made-${runs}`],
      attempts: 1,
    });
    expect(await world.projections.reads.getRun('default', runId)).toMatchObject({
      status: 'RUNNING',
      workflowId,
    });
  });

  it('an action sees its run, its step and its key', async () => {
    const { runId, workflowId } = await world.call({
      type: 'test.count',
      input: {},
      envelope: {
        step: { path: 'steps[2].body[0]', id: 'x', iteration: [4], attempt: 3 },
      },
    });
    expect(seen.at(-1)).toMatchObject({
      idempotencyKey: `${runId}/steps[0]`,
      attempt: 3,
      run: { runId, workflowId, tenant: 'default', actor: 'tester', definition: 'testing', version: 1 },
      step: { id: 'x', path: 'steps[2].body[0]', iteration: [4] },
      system: { environment: 'test', region: 'here', release: 'r1' },
    });
  });

  it('an action does not run again for a key that has succeeded, and returns the recorded output', async () => {
    const key = 'order-17/charge';
    const first = await world.call({ type: 'test.count', input: {}, envelope: { idempotencyKey: key } });
    const before = runs;
    const second = await world.call({ type: 'test.count', input: {}, envelope: { idempotencyKey: key } });
    expect(runs).toBe(before);
    const result = first.outcome.kind === 'result' ? first.outcome.result : undefined;
    expect(second.outcome).toEqual({ kind: 'result', result: { ...result, recorded: true } });
  });

  it('an action runs again for a key that has failed', async () => {
    const call = { type: 'core.fail', input: { code: 'AGAIN' }, envelope: { idempotencyKey: 'flaky/1' } };
    await failure(call);
    const { type, runId } = await failure(call);
    expect(type).toBe('AGAIN');
    expect(await world.ledger(runId)).toMatchObject({ attempts: 2 });
  });

  it('an action that returns nothing has the output null; dates become text, missing keys stay missing', async () => {
    const give = async (what: string) => (await world.call({ type: 'test.give', input: { what } })).outcome;
    expect(await give('nothing')).toMatchObject({ result: { output: null } });
    expect(await give('date')).toMatchObject({ result: { output: { at: '1970-01-01T00:00:00.000Z' } } });
  });
});

describe('a business error', () => {
  it.each([
    [
      'sluice',
      'CARD_DECLINED',
      'declined',
      { category: 'action', retryable: false, details: { reason: 'funds' } },
    ],
    ['temporal', 'NO_STOCK', 'none', { category: 'action', retryable: false, details: { n: 0 } }],
    [
      'temporal-type',
      'ACTION_FAILED',
      'none',
      { retryable: true, details: { type: 'OutOfStock', details: [1, 2] } },
    ],
    ['bad-code', 'ACTION_FAILED', 'odd', { details: { code: 'not a code', details: 7 } }],
    ['plain', 'ACTION_FAILED', 'plain', { category: 'action', retryable: true, details: null }],
    ['string', 'ACTION_FAILED', 'just text', { retryable: true }],
    ['infrastructure', 'DATABASE_UNAVAILABLE', 'not ours', { retryable: true }],
  ])(
    'a business error of the kind "%s" keeps code, message and details',
    async (what, type, message, details) => {
      const failed = await failure({ type: 'test.throw', input: { what } });
      expect(failed).toMatchObject({ type, message, nonRetryable: true });
      expect(failed.details[0]).toMatchObject({ ...details, committed: true });
      expect(await world.ledger(failed.runId)).toMatchObject({
        status: 'FAILED',
        attempts: 1,
        error: { code: type, message, stepPath: 'steps[0]', attempt: 1 },
      });
    },
  );

  it('a business error says where it was thrown, without the paths of the machine', async () => {
    const { stack } = await failure({ type: 'test.throw', input: { what: 'plain' } });
    expect(stack).toContain('test/activities/run-action.test.ts');
    expect(stack).not.toContain(process.cwd());
  });

  it('a business error is bounded: a long message and long details are cut', async () => {
    const { message, details } = await failure({ type: 'test.throw', input: { what: 'huge' } });
    expect(message.length).toBeLessThan(5_000);
    expect(JSON.stringify(details).length).toBeLessThan(2_000);
  });

  it.each([
    ['test.count', { by: 'x' }, 'ACTION_INPUT_INVALID', '$.by'],
    ['test.count', { by: 1, extra: 1 }, 'ACTION_INPUT_INVALID', '$'],
    ['test.liar', {}, 'ACTION_OUTPUT_INVALID', '$.n'],
  ])('a call of %s with %j fails with %s at %s', async (type, input, code, path) => {
    const failed = await failure({ type, input });
    expect(failed).toMatchObject({ type: code, nonRetryable: true });
    expect(failed.details[0]).toMatchObject({ retryable: false, details: { issues: [{ path }] } });
    expect(await world.ledger(failed.runId)).toMatchObject({ status: 'FAILED', error: { code } });
  });

  it.each([
    ['big', 'RESULT_TOO_LARGE', /1100002 bytes/],
    ['function', 'ACTION_OUTPUT_INVALID', /\$\.deep\[0\]\.f is function/],
    ['nan', 'ACTION_OUTPUT_INVALID', /\$\.n is NaN/],
    ['large', 'ACTION_OUTPUT_INVALID', /\$\.id is an integer beyond ±\(2\^53 − 1\)/],
    ['bytes', 'ACTION_OUTPUT_INVALID', /\$\.data is bytes/],
  ])('an output that cannot be kept is a business error: %s', async (what, type, message) => {
    const failed = await failure({ type: 'test.give', input: { what } });
    expect(failed.type).toBe(type);
    expect(failed.message).toMatch(message);
  });
});

describe("an action's own rows", () => {
  const rows = async () => (await world.dump()).match(/domain:first/g)?.length ?? 0;

  it('no write of an action is kept if one of them is refused, and the step fails with the reason', async () => {
    for (const [statement, reason] of [
      ['UPSERT domain:second SET v = fn::no_such_function()', /second/],
      ['RETURN 1', /second/],
      ['UPSERT domain:second SET v', /Parse error/],
    ] as const) {
      const failed = await failure({ type: 'test.write', input: { statement } });
      expect(failed).toMatchObject({ type: 'ACTION_WRITES_FAILED', nonRetryable: true });
      expect(failed.message).toMatch(reason);
      expect(await world.ledger(failed.runId)).toMatchObject({ status: 'FAILED' });
    }
    expect(await rows()).toBe(0);
  });

  it('the writes of an action commit with the step', async () => {
    const { outcome } = await world.call({
      type: 'test.write',
      input: { statement: 'UPSERT domain:second SET v = 2' },
    });
    expect(outcome.kind).toBe('result');
    expect(await world.dump()).toMatch(/domain/);
  });
});

describe('a call that no action answers', () => {
  it.each([
    ['test.cuont', {}, 'ACTION_NOT_FOUND', /did you mean "test.count"/],
    ['constructor', {}, 'ACTION_NOT_FOUND', /No action "constructor"/],
    ['sluice.unknown', {}, 'NAME_RESERVED', /sluice\.unknown/],
    ['test.count', { actionVersion: 9 }, 'ACTION_NOT_FOUND', /no version 9; there is 1/],
  ])(
    'a call of the action %s with the envelope %j fails at once with %s',
    async (type, envelope, code, message) => {
      const failed = await failure({ type, input: {}, envelope });
      expect(failed).toMatchObject({ type: code, nonRetryable: true });
      expect(failed.message).toMatch(message);
      expect(failed.details[0]).toMatchObject({ committed: false });
      expect(await world.ledger(failed.runId)).toBeUndefined();
    },
  );

  it('a call with an envelope that does not parse fails with INPUT_INVALID', async () => {
    const failed = await failure({ type: 'test.count', args: [{}, { run: 1 }] });
    expect(failed).toMatchObject({ type: 'INPUT_INVALID', nonRetryable: true });
  });
});

describe('a local action', () => {
  it('a local action has the same ledger row, but writes no event and no step', async () => {
    const { outcome, runId } = await world.call({ type: 'test.count', input: {}, envelope: { local: true } });
    expect(outcome).toMatchObject({ kind: 'result', result: { output: { runs } } });
    expect(await world.ledger(runId)).toMatchObject({ status: 'SUCCEEDED', attempts: 1 });
    expect(await world.projections.reads.getRun('default', runId)).toBeUndefined();
    expect((await world.projections.reads.listSteps('default', runId)).items).toEqual([]);
  });

  it('a local action is limited to a smaller result, which counts in a workflow task', async () => {
    const failed = await failure({
      type: 'core.echo',
      input: 'x'.repeat(300_000),
      envelope: { local: true },
    });
    expect(failed.type).toBe('RESULT_TOO_LARGE');
  });
});
