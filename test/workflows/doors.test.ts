/**
 * What any Temporal client can send a run that is not JSON, or that was rounded on its way: it is refused
 * with a code, and each run that was refused has a row that says so.
 */
import type { Payload } from '@temporalio/common';
import { RawValue } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../actions/index.js';
import type { StartedRun } from '../../client/index.js';
import { LIMITS } from '../../contracts/limits.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const sluice = useSluice({
  actions: [
    defineAction({
      id: 'test.hang',
      version: 1,
      description: 'Ends only when it is told to stop.',
      input: z.json(),
      output: z.strictObject({ chargeId: z.string() }),
      run: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
    }),
  ],
});

const WAITING = `
id: waiting
version: 4
payloadSchema: { type: object, properties: { account: { type: integer } } }
steps:
  - { id: wait, type: event.wait, eventName: GO, correlationKey: k }
result: { $expr: event.payload }
`;

/** A payload as another SDK encodes it. */
const encoded = (encoding: string, data: string): RawValue =>
  new RawValue(undefined, {
    toPayload: (): Payload => ({
      metadata: { encoding: Buffer.from(encoding) },
      data: Buffer.from(data),
    }),
    fromPayload: () => {
      throw new Error('never decoded');
    },
  });

/** Of Temporal's PendingActivityState: a worker runs it. */
const STARTED = 2;

const LOSSY = encoded('json/plain', '{"account":9007199254740993}');

async function refusal(run: StartedRun): Promise<{ readonly code: string; readonly message: string }> {
  return sluice()
    .result(run)
    .then(
      () => ({ code: 'none', message: '' }),
      (error: { code: string; message: string }) => error,
    );
}

describe('a start by any Temporal client', () => {
  it.each<[string, readonly unknown[], string]>([
    ['bytes', [new Uint8Array([1, 2])], 'The payload: it is bytes, not JSON'],
    ['protobuf', [encoded('json/protobuf', '{}')], 'Unknown encoding: json/protobuf'],
    ['text that is not JSON', [encoded('json/plain', '{"a":')], 'cannot be decoded'],
    ['an integer over 2^53', [LOSSY], '/account is an integer beyond'],
    [
      'a number that is not finite',
      [encoded('json/plain', '{"a":[1e400]}')],
      '/a/0 is a number that no double',
    ],
    [
      'a key __proto__',
      [encoded('json/plain', '{"__proto__":{"a":1}}')],
      '/__proto__ is a key that is refused',
    ],
    ['a second argument', [{}, 'second'], 'takes one argument'],
    ['a payload that does not fit', [{ account: 'x' }], '$.account must be integer'],
  ])(
    '[nothing-is-rounded] a start with %s is PAYLOAD_INVALID, and its row says so',
    async (_what, args, text) => {
      await sluice().publish(WAITING);
      const run = await sluice().startUnchecked('waiting', ...args);
      const error = await refusal(run);
      expect(error.code).toBe('PAYLOAD_INVALID');
      expect(error.message).toContain(text);
      expect(await sluice().client.runs.get(run.runId)).toMatchObject({
        workflowId: run.workflowId,
        definition: 'waiting',
        status: 'FAILED',
        errorCode: 'PAYLOAD_INVALID',
        error: { code: 'PAYLOAD_INVALID', message: error.message },
      });
    },
  );

  it('a run without a definition is in the list as FAILED, also beside runs of other definitions', async () => {
    await sluice().publish(WAITING);
    const unknown = await sluice().startUnchecked('no-such-definition', {});
    const unfit = await sluice().startUnchecked('waiting', { account: 'x' });
    for (const run of [unknown, unfit]) await refusal(run);
    const { items } = await sluice().client.runs.list({ status: 'FAILED' });
    const shown = new Map(items.map((run) => [run.runId, [run.version, run.errorCode]]));
    expect(shown.get(unknown.runId)).toEqual([0, 'DEFINITION_NOT_FOUND']);
    expect(shown.get(unfit.runId)).toEqual([4, 'PAYLOAD_INVALID']);
    expect((await sluice().client.runs.events(unknown.runId)).items).toMatchObject([
      { seq: 1, type: 'RUN_FAILED' },
    ]);
  });

  it('a refused run can be run again with a payload that fits', async () => {
    await sluice().publish(WAITING);
    const run = await sluice().startUnchecked('waiting', { account: 'x' });
    await refusal(run);
    await expect(sluice().client.runs.rerun(run.runId)).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    const again = await sluice().client.runs.rerun(run.runId, { payload: { account: 7 } });
    await sluice().signal(again, { eventName: 'GO', correlationKey: 'k', payload: 'fine' });
    expect(await sluice().result(again)).toBe('fine');
  });
});

describe('a start by a client that can read the definition', () => {
  it('a payload that does not fit is refused before anything starts', async () => {
    await sluice().publish(WAITING);
    const workflowId = 'never-started';
    await expect(sluice().start('waiting', { account: 'x' }, { workflowId })).rejects.toMatchObject({
      code: 'PAYLOAD_INVALID',
      details: { problems: [{ path: '$.account', message: 'must be integer' }] },
    });
    await expect(sluice().client.state(workflowId)).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' });
  });
});

describe('a definition that calls itself', () => {
  it('a definition that calls itself ends at the limit, with an error that can be caught', async () => {
    await sluice().publish(`
id: calls-itself
version: 1
steps:
  - id: t
    type: control.tryCatch
    try: [{ id: c, type: control.callWorkflow, workflow: calls-itself, input: {}, saveAs: vars.deepest }]
    catch: [{ id: e, type: transform.assign, assign: { vars.deepest: { $expr: error.code } } }]
result: { $expr: vars.deepest }
`);
    const { client, tenant, taskQueue } = sluice();
    const above = LIMITS.childDepth - 2;
    const workflowId = 'calls-itself/98';
    const memo = { tenant, sluiceDepth: above };
    const start = { args: [{}], workflowId, taskQueue, memo };
    expect(await client.temporal.workflow.execute('calls-itself', start)).toBe('CHILD_TOO_DEEP');
    const runs = await waitFor(async () => {
      const { items } = await client.runs.list({ definition: 'calls-itself' });
      return items.length === 3 && items.every(({ status }) => status === 'SUCCEEDED') && items;
    });
    expect(runs).toHaveLength(3);
  });
});

describe('a message of any Temporal client', () => {
  it.each([
    'sluice.publish',
    'sluice.promote',
    'sluice.unpublish',
    'sluice.putCalendar',
    'sluice.deadLetters',
  ])('a second argument of %s is refused', async (type) => {
    const run = await sluice().startUnchecked(type, {}, 'more');
    expect(await refusal(run)).toMatchObject({
      code: 'INPUT_INVALID',
      message: `${type} takes one argument; this start has more`,
    });
  });

  it('a signal that is not JSON, or was rounded, is recorded and ignored', async () => {
    await sluice().publish(WAITING);
    const run = await sluice().startUnchecked('waiting', {});
    await sluice().waiting(run);
    const { temporal } = sluice().client;
    const handle = temporal.workflow.getHandle(run.workflowId);
    await handle.signal('event', new Uint8Array([1, 2]));
    await handle.signal('event', encoded('binary/protobuf', 'x'));
    await handle.signal(
      'event',
      encoded(
        'json/plain',
        '{"eventId":"1","eventName":"GO","correlationKey":"k","payload":9007199254740993}',
      ),
    );
    await handle.signal('event', { eventId: '2', eventName: 'GO', correlationKey: 'k' }, 'more');
    await sluice().signal(run, { eventName: 'GO', correlationKey: 'k', payload: 'fine' });
    expect(await sluice().result(run)).toBe('fine');
    await waitFor(async () => (await sluice().client.runs.get(run.runId)).status === 'SUCCEEDED');
    const { items } = await sluice().client.runs.events(run.runId);
    expect(items.flatMap((event) => (event.type === 'SIGNAL_REJECTED' ? [event.data.reason] : []))).toEqual([
      'payload: it is bytes, not JSON',
      'payload cannot be decoded: "Unknown encoding: binary/protobuf"',
      expect.stringMatching(/^payload: \/payload is an integer beyond/),
      'a signal takes one argument, and this one has more',
    ]);
  });

  it('events over 256 KiB that no wait takes become letters, and a retry brings them to a later wait [signals-survive]', async () => {
    const run = await sluice().startSource(`
id: large-signals
version: 1
steps:
  - { id: w, type: event.wait, eventName: X, correlationKey: k }
  - id: big
    type: action.call
    action: core.echo
    input: { $expr: event.payload }
  - { id: y, type: event.wait, eventName: Y, correlationKey: k }
result: { $expr: $length(event.payload) }
`);
    await sluice().waiting(run);
    const { client } = sluice();
    const handle = client.temporal.workflow.getHandle(run.workflowId);
    const payload = 'x'.repeat(700_000);
    const send = (eventId: string, eventName: string, content = payload) =>
      handle.signal('event', { eventId, eventName, correlationKey: 'k', payload: content });
    await Promise.all(['1', '2', '3'].map((id) => send(id, 'Y')));
    await send('4', 'X', 'x'.repeat(1_500_000));
    await send('5', 'X');
    // The action's input is near its limit: a letter beside it would be too much for Temporal.
    await waitFor(async () =>
      (await client.state(run.workflowId)).waits.some(({ stepId }) => stepId === 'y'),
    );
    const letters = await waitFor(async () => {
      const { items } = await client.deadLetters.list({ runId: run.runId });
      return items.length === 4 && items;
    });
    const shown = letters.map(({ subject, errorCode, canRetry }) => [subject, errorCode, canRetry]);
    expect(shown.sort()).toEqual([
      ['X', 'EVENT_TOO_LARGE', false],
      ['Y', null, true],
      ['Y', null, true],
      ['Y', null, true],
    ]);
    const { items } = await client.runs.events(run.runId);
    expect(items.filter(({ type }) => type === 'EVENT_DROPPED')).toHaveLength(4);
    await client.deadLetters.retry(letters.find(({ canRetry }) => canRetry)?.id ?? '');
    expect(await sluice().result(run)).toBe(700_000);
  });

  it('[nothing-is-rounded] an activity that is completed by hand with a rounded number is ACTION_OUTPUT_INVALID', async () => {
    const run = await sluice().startSource(`
id: by-hand
version: 1
steps:
  - { id: nap, type: action.call, action: core.sleep, input: { ms: 600000 }, saveAs: vars.slept }
`);
    const { temporal } = sluice().client;
    const { namespace } = temporal.options;
    const activityId = await waitFor(async () => {
      const { raw } = await temporal.workflow.getHandle(run.workflowId).describe();
      return raw.pendingActivities?.find(({ state }) => Number(state) === STARTED)?.activityId ?? undefined;
    });
    await temporal.workflowService.respondActivityTaskCompletedById({
      namespace,
      workflowId: run.workflowId,
      runId: run.runId,
      activityId,
      result: { payloads: [encoded('json/plain', '{"output":{"id":9007199254740993}}').payload] },
    });
    expect(await refusal(run)).toMatchObject({
      code: 'ACTION_OUTPUT_INVALID',
      message: expect.stringContaining('/output/id is an integer beyond') as string,
    });
  });

  describe('an action that a person completes', () => {
    const HANGING = `
id: hanging
version: 1
steps:
  - id: charge
    type: action.call
    action: test.hang
    saveAs: vars.charge
result: { $expr: vars.charge.chargeId }
`;
    /** Completes the action of a new run by hand, while it runs. */
    const completed = async (json: string): Promise<StartedRun> => {
      const run = await sluice().startSource(HANGING);
      const { temporal } = sluice().client;
      const activityId = await waitFor(async () => {
        const { raw } = await temporal.workflow.getHandle(run.workflowId).describe();
        return raw.pendingActivities?.find(({ state }) => Number(state) === STARTED)?.activityId ?? undefined;
      });
      await temporal.workflowService.respondActivityTaskCompletedById({
        namespace: temporal.options.namespace,
        workflowId: run.workflowId,
        runId: run.runId,
        activityId,
        result: { payloads: [encoded('json/plain', json).payload] },
      });
      return run;
    };
    const ledgerOf = async ({ runId }: StartedRun) =>
      (await sluice().projections.reads.listInvocations(sluice().tenant, runId))[0];

    it("the action's own output is the step's output, and closes the ledger", async () => {
      const run = await completed('{"chargeId":"ch_1"}');
      expect(await sluice().result(run)).toBe('ch_1');
      expect(await ledgerOf(run)).toMatchObject({
        status: 'SUCCEEDED',
        output: { chargeId: 'ch_1' },
        lease: null,
      });
    });

    it('another value is refused with what was expected, and closes the ledger', async () => {
      const run = await completed('{"output":{"chargeId":"ch_1"},"by":"alice"}');
      expect(await refusal(run)).toMatchObject({
        code: 'ACTION_OUTPUT_INVALID',
        message: expect.stringMatching(/completed by hand.*\$\.chargeId.*expected string/) as string,
      });
      expect(await ledgerOf(run)).toMatchObject({
        status: 'FAILED',
        error: { code: 'ACTION_OUTPUT_INVALID' },
        lease: null,
      });
    });

    it.each([
      '{"output":{"chargeId":5}}',
      '{"output":{"chargeId":5},"signals":"","seal":"00000000"}',
      '{"output":{"chargeId":5},"recorded":true}',
    ])(
      'a result in the form of a worker is checked as any other: %s [what-a-person-gives-is-checked]',
      async (json) => {
        const run = await completed(json);
        expect(await refusal(run)).toMatchObject({ code: 'ACTION_OUTPUT_INVALID' });
        expect(await ledgerOf(run)).toMatchObject({ status: 'FAILED', lease: null });
      },
    );

    it('an output that fits is taken out of the form of a worker, and closes the ledger [what-a-person-gives-is-checked]', async () => {
      const run = await completed('{"output":{"chargeId":"ch_2"}}');
      expect(await sluice().result(run)).toBe('ch_2');
      expect(await ledgerOf(run)).toMatchObject({
        status: 'SUCCEEDED',
        output: { chargeId: 'ch_2' },
        lease: null,
      });
    });
  });

  it('a query with bytes is refused, and so is an update', async () => {
    await sluice().publish(WAITING);
    const run = await sluice().startUnchecked('waiting', {});
    await sluice().waiting(run);
    const handle = sluice().client.temporal.workflow.getHandle(run.workflowId);
    await expect(handle.query('progress', new Uint8Array([1]))).rejects.toThrow(/not JSON/);
    await expect(handle.executeUpdate('change', { args: [new Uint8Array([1])] })).rejects.toThrow();
    await sluice().client.terminate(run.workflowId);
  });
});
