/**
 * A change whose answer is lost is never told as "nothing was changed": Temporal is asked what has happened,
 * and what stays unknown is told as unknown. A proxy in front of a real server loses the answers.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSluiceClient,
  type BulkItem,
  type SluiceClient,
  type StartedRun,
} from '../../../client/index.js';
import { startOnce } from '../../../api/http/start-once.js';
import { runSystemWorkflow } from '../../../client/connection/system-workflow.js';
import type { SluiceError } from '../../../contracts/errors.js';
import type { RunStatus } from '../../../contracts/run/run.js';
import { useSluice } from '../../support/sluice.js';
import { TemporalProxy } from '../../support/servers/temporal-proxy.js';
import { waitFor } from '../../support/wait-for.js';
import { call, outside, sourceOf } from '../support/outside.js';

const { actions } = outside();
const sluice = useSluice({ actions });
let proxy: TemporalProxy;
/** A client whose answers get lost. */
let far: SluiceClient;

beforeAll(async () => {
  const { temporal, taskQueue, tenant, projections } = sluice();
  proxy = await TemporalProxy.start(temporal.address);
  far = await createSluiceClient({
    ...temporal,
    address: proxy.address,
    taskQueue,
    tenant,
    actor: 'far',
    reads: projections.reads,
  });
});
afterEach(() => proxy.heal());
afterAll(async () => {
  await far.close();
  await proxy.close();
});

const CANCEL = 'RequestCancelWorkflowExecution';
const TERMINATE = 'TerminateWorkflowExecution';
const RESET = 'ResetWorkflowExecution';
const SIGNAL = 'SignalWorkflowExecution';
const START = 'StartWorkflowExecution';
const DESCRIBE = 'DescribeWorkflowExecution';

const WAITS = [call('a'), { id: 'go', type: 'event.wait', eventName: 'GO' }];
const waiting = async (): Promise<StartedRun> => {
  const run = await sluice().startSource(sourceOf(WAITS));
  await rowSays(run, 'WAITING');
  return run;
};
const rowSays = (run: StartedRun, status: RunStatus) =>
  waitFor(async () => {
    const row = await sluice().client.runs.get(run.runId);
    return row.status === status && row;
  });
/** Loses an answer, and from then on every answer to a question about a workflow too. */
const loseAll = (method: string): void => {
  proxy.lose(method);
  proxy.before(method, () => {
    proxy.lose(DESCRIBE);
    proxy.lose('GetWorkflowExecutionHistoryReverse');
    return Promise.resolve();
  });
};
const unknown = (details: object) => ({
  code: 'OUTCOME_UNKNOWN',
  status: 504,
  retryable: true,
  details: expect.objectContaining(details) as object,
});

describe('a stop whose answer is lost', () => {
  it('a cancel whose answer is lost succeeds where Temporal shows that it was accepted', async () => {
    const [one, two] = [await waiting(), await waiting()];
    proxy.lose(CANCEL);
    expect(await far.runs.cancel(one.runId, { reason: 'why' })).toEqual(one);
    await far.cancel(two.workflowId);
    expect(proxy.lost).toEqual([CANCEL, CANCEL]);
    expect(await rowSays(one, 'CANCELED')).toMatchObject({ cancelReason: 'why' });
    await rowSays(two, 'CANCELED');
  });

  it('a stop of which nothing can be learned is unknown, and the run may end by it', async () => {
    const [one, two] = [await waiting(), await waiting()];
    loseAll(CANCEL);
    await expect(far.runs.cancel(one.runId)).rejects.toMatchObject(unknown({ ...one }));
    proxy.heal();
    loseAll(TERMINATE);
    await expect(far.terminate(two.workflowId)).rejects.toMatchObject(
      unknown({ workflowId: two.workflowId }),
    );
    await rowSays(one, 'CANCELED');
    await expect(sluice().result(two)).rejects.toMatchObject({ code: 'RUN_TERMINATED' });
  });

  it('a terminate whose answer is lost, or that the SDK repeats, is done and no refusal', async () => {
    const [one, two] = [await waiting(), await waiting()];
    proxy.lose(TERMINATE, { times: 1 });
    expect(await far.runs.terminate(one.runId)).toEqual(one);
    proxy.lose(TERMINATE, { times: 1, loss: 'unavailable' });
    expect(await far.runs.terminate(two.runId)).toEqual(two);
    expect(proxy.lost).toEqual([TERMINATE, TERMINATE]);
  });

  it('a start that ends the open run first says so when it does not know whether it ended it', async () => {
    const [one, two] = [await waiting(), await waiting()];
    const { definition } = await sluice().client.runs.get(one.runId);
    const instead = ({ workflowId }: StartedRun) =>
      startOnce(
        far,
        definition,
        {},
        {
          workflowId,
          tenant: sluice().tenant,
          onConflict: 'terminate-existing',
          operationId: `op-${workflowId}`,
        },
      );
    proxy.lose(TERMINATE, { times: 1 });
    const next = await instead(one);
    expect(next.workflowId).toBe(one.workflowId);
    await expect(sluice().result(one)).rejects.toMatchObject({ code: 'RUN_TERMINATED' });
    loseAll(TERMINATE);
    await expect(instead(two)).rejects.toMatchObject(unknown({ ...two }));
    proxy.heal();
    // Asked again under the same key, it starts the run.
    expect((await instead(two)).runId).not.toBe(two.runId);
  });

  it('a read of runs answers without what is paused where Temporal does not tell it', async () => {
    const run = await waiting();
    proxy.lose(DESCRIBE);
    proxy.lose('ListWorkflowExecutions');
    expect(await far.runs.get(run.runId)).toMatchObject({ status: 'WAITING', paused: null });
    expect((await far.runs.list({}, { limit: 1 })).items).toMatchObject([{ paused: null }]);
  });

  it('a bulk operation counts an unknown outcome neither as done nor as failed', async () => {
    const run = await waiting();
    const { definition } = await sluice().client.runs.get(run.runId);
    loseAll(CANCEL);
    const items: BulkItem[] = [];
    for await (const item of far.runs.bulk('cancel', { definition })) items.push(item);
    expect(items).toMatchObject([
      { runId: run.runId, outcome: 'unknown', error: { code: 'OUTCOME_UNKNOWN' } },
    ]);
  });
});

describe('a rewind whose answer is lost', () => {
  it('a rewind whose answer is lost is found by its id', async () => {
    const run = await waiting();
    proxy.lose(RESET, { times: 1 });
    const rewound = await far.runs.rewind(run.runId, { stepPath: 'steps[0]', operationId: 'once' });
    expect(rewound).toMatchObject({ ...run, generation: 'once', stepPath: 'steps[0]' });
    expect(proxy.lost).toEqual([RESET]);
  });

  it('a rewind of which nothing can be learned is unknown, and asking again under its id does it once', async () => {
    const run = await waiting();
    loseAll(RESET);
    const failure = far.runs.rewind(run.runId, { stepPath: 'steps[0]', operationId: 'again' });
    await expect(failure).rejects.toMatchObject(unknown({ runId: run.runId, operationId: 'again' }));
    proxy.heal();
    const { executionId } = await far.runs.rewind(run.runId, { stepPath: 'steps[0]', operationId: 'again' });
    const { runId } = await far.temporal.workflow.getHandle(run.workflowId).describe();
    expect(runId).toBe(executionId);
  });
});

describe('an event whose answer is lost', () => {
  it('an event whose answer is lost is found in the history', async () => {
    const run = await waiting();
    proxy.lose(SIGNAL);
    await far.signalEvent(run.workflowId, { eventName: 'GO' });
    expect(proxy.lost).toEqual([SIGNAL]);
    await rowSays(run, 'SUCCEEDED');
  });

  it('an event that is sent again under its id after it has ended its run has reached it, and is not "no such workflow"', async () => {
    const run = await waiting();
    const event = { eventName: 'GO', eventId: 'go-1' };
    // The SDK repeats it too, once the first one has ended the run.
    proxy.lose(SIGNAL, { times: 1, loss: 'unavailable' });
    proxy.before(SIGNAL, async () => void (await rowSays(run, 'SUCCEEDED')));
    await far.signalEvent(run.workflowId, event);
    expect(proxy.lost).toEqual([SIGNAL]);
    await far.signalEvent(run.workflowId, event);
    await expect(far.signalEvent(run.workflowId, { ...event, eventId: 'go-2' })).rejects.toMatchObject({
      code: 'WORKFLOW_NOT_FOUND',
    });
  });

  it('an event of which nothing can be learned is unknown, and the error has the id to send it under again', async () => {
    const run = await waiting();
    loseAll(SIGNAL);
    const error = await far.signalEvent(run.workflowId, { eventName: 'GO' }).catch((e: SluiceError) => e);
    expect(error).toMatchObject(unknown({ workflowId: run.workflowId, source: 'sluice-client' }));
    expect(error?.details).toMatchObject({ eventId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
  });
});

describe('a start whose answer is lost', () => {
  it('a start whose answer is lost returns its run, and never one that somebody else has started', async () => {
    const { pin } = await sluice().publish(sourceOf(WAITS));
    proxy.lose(START);
    const run = await far.start(pin.id, {}, { workflowId: `${pin.id}/mine` });
    expect(await rowSays(run, 'WAITING')).toMatchObject(run);
    await expect(far.start(pin.id, {}, { workflowId: `${pin.id}/mine` })).rejects.toMatchObject(
      unknown({ workflowId: run.workflowId }),
    );
    expect(await far.start(pin.id, {}, { workflowId: `${pin.id}/mine`, onConflict: 'use-existing' })).toEqual(
      run,
    );
  });

  it('a start of which nothing can be learned is unknown, and no missing worker', async () => {
    const { pin } = await sluice().publish(sourceOf(WAITS));
    loseAll(START);
    const workflowId = `~${sluice().tenant}/${randomUUID()}`;
    await expect(far.start(pin.id, {}, { workflowId })).rejects.toMatchObject(unknown({ workflowId }));
  });
});

describe('a system workflow whose answers are lost', () => {
  it('a publish whose start is not answered goes on, and a result that is not answered is unknown', async () => {
    proxy.lose(START);
    expect(await far.publishDefinition(sourceOf([]))).toMatchObject({ created: true });
    proxy.heal();
    proxy.lose('GetWorkflowExecutionHistory');
    await expect(far.publishDefinition(sourceOf([]))).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });

  it('an unpublish that ends as its caller gives up has its outcome, and is not "no worker took it"', async () => {
    const { pin } = await sluice().publish(sourceOf([]));
    await sluice().stopWorker();
    const { temporal, taskQueue, tenant } = sluice();
    const ended = `TaskQueue = "${taskQueue}" AND WorkflowType = "sluice.unpublish" AND ExecutionStatus = "Completed"`;
    // The worker comes between the look at the workflow and its cancellation, and finishes it.
    proxy.before(DESCRIBE, async () => {
      await sluice().startWorker();
      await waitFor(async () => (await sluice().client.temporal.workflow.count(ended)).count > 0);
    });
    const unpublishing = runSystemWorkflow(
      far.temporal,
      { ...temporal, taskQueue },
      { type: 'sluice.unpublish', tenant, request: { tenant, actor: 'far', definition: pin.id } },
      300,
    );
    await expect(unpublishing).resolves.toBeUndefined();
    expect((await sluice().client.definitions.get(pin.id)).latest).toBeNull();
  });
});
