import { describe, expect, it } from 'vitest';
import type { ProgressLine } from '../../contracts/run/messages.js';
import type { SluiceClient } from '../../client/index.js';
import { useSluice } from '../support/sluice.js';

const sluice = useSluice();

const greeting = (id: string, version = 1) => `
id: ${id}
version: ${version}
payloadSchema: { type: object, required: [name], properties: { name: { type: string } } }
steps:
  - { id: greet, type: action.call, action: core.echo, input: { hello: { $expr: payload.name } }, saveAs: vars.answer }
  - { id: greeted, type: state.set, state: GREETED }
  - id: settle
    type: event.wait
    eventName: PAID
    correlationKey: { $expr: payload.name }
    assign: { vars.cents: { $expr: event.payload.cents } }
result: { cents: { $expr: vars.cents }, answer: { $expr: vars.answer } }
`;

async function collect(lines: AsyncIterable<ProgressLine>): Promise<ProgressLine[]> {
  const all: ProgressLine[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

const refused = async (call: Promise<unknown>) =>
  (await call.then(
    () => undefined,
    (error: unknown) => error,
  )) as Awaited<ReturnType<SluiceClient['result']>> & {
    code: string;
    message: string;
    details: unknown;
  };

describe('publishing', () => {
  it('publishing tells whether the version is new', async () => {
    const first = await sluice().publish(greeting('published'));
    expect(first).toMatchObject({ created: true, pin: { id: 'published', version: 1 } });
    expect(await sluice().publish(greeting('published'))).toEqual({ ...first, created: false });
  });

  it('publishing is refused with every problem of the document', async () => {
    const error = await refused(
      sluice().publish('id: broken\nversion: 1\nsteps:\n  - { id: a, type: actoin.call }\nmore: 1\n'),
    );
    expect(error.code).toBe('DEFINITION_INVALID');
    expect(error.details).toMatchObject({ problems: [{ line: 4 }, { line: 4 }, { line: 5 }] });
  });

  it('publishing another document under a published version is refused', async () => {
    await sluice().publish(greeting('conflict'));
    const error = await refused(sluice().publish(greeting('conflict').replace('GREETED', 'MET')));
    expect(error.code).toBe('DEFINITION_CONFLICT');
  });

  it('publishing a document over 512 KiB is refused before anything is sent', async () => {
    expect((await refused(sluice().publish('x'.repeat(600_000)))).code).toBe('DEFINITION_TOO_LARGE');
  });
});

describe('a run', () => {
  it('a run can be started, queried, signalled, followed and awaited', async () => {
    const { client } = sluice();
    const run = await sluice().startSource(greeting('whole'), { name: 'ada' });
    const followed = collect(client.follow(run.workflowId));
    await sluice().waiting(run);
    expect(await client.state(run.workflowId)).toMatchObject({
      runId: run.runId,
      status: 'WAITING',
      state: 'GREETED',
      waits: [{ kind: 'event', eventNames: ['PAID'], correlationKey: 'ada' }],
    });
    await client.signalEvent(run.workflowId, {
      eventName: 'PAID',
      correlationKey: 'ada',
      payload: { cents: 5 },
    });
    expect(await sluice().result(run)).toEqual({ cents: 5, answer: { hello: 'ada' } });

    const lines = await followed;
    expect(lines.map((line) => line.seq)).toEqual(lines.map((_, index) => index + 1));
    expect(lines.at(0)).toMatchObject({ type: 'RUN_STARTED' });
    expect(lines.at(-1)).toMatchObject({ type: 'RUN_SUCCEEDED' });
    const { lines: later } = await client.progress(run.workflowId, lines.length - 2);
    expect(later.map((line) => line.seq)).toEqual([lines.length - 1, lines.length]);
  });

  it('a failed run throws its own code, message and details', async () => {
    await sluice().publish(greeting('picky'));
    const error = await refused(sluice().result(await sluice().startUnchecked('picky', { name: 7 })));
    expect(error.code).toBe('PAYLOAD_INVALID');
    expect(error.message).toContain('name');
    const failing = `
id: failing
version: 1
steps:
  - { id: no, type: action.call, action: core.fail, input: { code: NO_FUNDS, message: Nothing left, details: { cents: 0 }, retryable: false } }
`;
    expect(await refused(sluice().run(failing))).toMatchObject({
      code: 'NO_FUNDS',
      message: 'Nothing left',
      details: { cents: 0 },
      category: 'action',
    });
  });

  it('a cancelled run throws RUN_CANCELED', async () => {
    const run = await sluice().startSource(greeting('cancelled'), { name: 'ada' });
    await sluice().waiting(run);
    await sluice().client.cancel(run.workflowId);
    expect((await refused(sluice().result(run))).code).toBe('RUN_CANCELED');
    expect((await collect(sluice().client.follow(run.workflowId))).at(-1)).toMatchObject({
      type: 'RUN_CANCELED',
    });
  });

  it('a run of an unpublished definition fails at once', async () => {
    const error = await refused(sluice().result(await sluice().start('unheard-of')));
    expect(error.code).toBe('DEFINITION_NOT_FOUND');
  });
});

describe('following', () => {
  it('following ends when the run is terminated', async () => {
    const run = await sluice().startSource(greeting('terminated'), { name: 'ada' });
    await sluice().waiting(run);
    const followed = collect(sluice().client.follow(run.workflowId));
    await sluice().client.terminate(run.workflowId, 'enough');
    expect((await followed).at(-1)).toMatchObject({ type: 'RUN_WAITING' });
  });

  it('following ends when its signal aborts, and leaves the run alone', async () => {
    const run = await sluice().startSource(greeting('left-alone'), { name: 'ada' });
    const stop = new AbortController();
    for await (const line of sluice().client.follow(run.workflowId, { signal: stop.signal })) {
      if (line.type === 'WAIT_OPENED') stop.abort();
    }
    expect((await sluice().client.state(run.workflowId)).status).toBe('WAITING');
  });
});
