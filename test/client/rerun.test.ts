/** Re-running: a new run with the input of another run. */
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSluiceClient, REDACTED, type RunReads, type StartedRun } from '../../client/index.js';
import type { RunStatus } from '../../contracts/run/run.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';
import { call, outside, sourceOf } from './support/outside.js';

const { actions, clear } = outside();
const sluice = useSluice({ actions });
beforeEach(clear);

const runs = () => sluice().client.runs;
const rowSays = (run: StartedRun, status: RunStatus) =>
  waitFor(async () => {
    const row = await runs().get(run.runId, { unredacted: true });
    return row.status === status && row;
  });
const SECRET = 'tok-4711-secret';
const payloadSchema = {
  type: 'object',
  required: ['token'],
  properties: {
    token: { type: 'string', writeOnly: true },
    cents: { type: 'integer', default: 5 },
  },
};
const giveBack = { payloadSchema, result: { $expr: 'payload' } };

describe('A re-run', () => {
  it('a re-run takes the original payload, never a redacted one, and the pinned version [reruns-use-the-original-input]', async () => {
    const source = sourceOf([call('a')], giveBack);
    const run = await sluice().startSource(
      source,
      { token: SECRET },
      { correlationKeys: ['o-1'], trigger: { by: 'test' } },
    );
    expect(await sluice().result(run)).toEqual({ token: SECRET, cents: 5 });
    await rowSays(run, 'SUCCEEDED');
    const shown = await runs().get(run.runId);
    expect(shown.payload, 'what is shown').toEqual({ token: REDACTED, cents: 5 });
    await sluice().publish(
      JSON.stringify({ ...(JSON.parse(source) as object), version: 2, result: 'newer' }),
    );

    const again = await runs().rerun(run.runId, { actor: 'olga' });
    expect(again.runId).not.toBe(run.runId);
    expect(await sluice().result(again)).toEqual({ token: SECRET, cents: 5 });
    expect(await rowSays(again, 'SUCCEEDED')).toMatchObject({
      version: 1,
      actor: 'olga',
      rerunOf: { runId: run.runId, workflowId: run.workflowId },
      correlationKeys: ['o-1'],
      trigger: { by: 'test' },
      parent: null,
    });
    const listed = await runs().list({ rerunOf: run.runId });
    expect(listed.items.map(({ runId }) => runId)).toEqual([again.runId]);
    expect((await runs().get(run.runId)).rerunOf, 'the source is not touched').toBeNull();
  });

  it('a re-run takes its input from the log if Temporal’s history is gone', async () => {
    const run = await sluice().startSource(sourceOf([call('a')], giveBack), { token: SECRET });
    const first = await sluice().result(run);
    await rowSays(run, 'SUCCEEDED');
    // Another namespace does not know the run, as after retention.
    const { taskQueue, tenant, projections } = sluice();
    const elsewhere = { address: sluice().temporal.address, namespace: 'default', taskQueue, tenant };
    const knowing = await createSluiceClient({ ...elsewhere, reads: projections.reads });
    const again = await knowing.runs.rerun(run.runId);
    const { events } = await knowing.temporal.workflow.getHandle(again.workflowId).fetchHistory();
    const data = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(data ?? []).toString()), 'as the run itself saw it').toEqual(first);
    await knowing.terminate(again.workflowId);
    await knowing.close();

    const redacting: RunReads = { ...projections.reads, redacted: true };
    const client = await createSluiceClient({ ...elsewhere, reads: redacting });
    await expect(client.runs.rerun(run.runId)).rejects.toMatchObject({
      code: 'RERUN_PAYLOAD_GONE',
      message: expect.stringContaining(`${elsewhere.address}, namespace default, has no history`) as string,
    });
    const nowhere = await createSluiceClient({
      ...elsewhere,
      namespace: 'nowhere',
      reads: projections.reads,
    });
    await expect(nowhere.runs.rerun(run.runId), 'a namespace that is not there').rejects.toMatchObject({
      code: 'TEMPORAL_NAMESPACE_NOT_FOUND',
    });
    await nowhere.close();
    await client.close();
  });

  it('a re-run takes another payload and a workflow id from the caller', async () => {
    const run = await sluice().startSource(sourceOf([call('a')], giveBack), { token: SECRET });
    await sluice().result(run);
    await rowSays(run, 'SUCCEEDED');
    const workflowId = `again-${randomUUID()}`;
    const again = await runs().rerun(run.runId, { payload: { token: 'other' }, workflowId });
    expect(again.workflowId).toBe(`~${sluice().tenant}/${workflowId}`);
    expect(await sluice().result(again)).toEqual({ token: 'other', cents: 5 });
  });

  it('a re-run of an open run is refused without `whileOpen`', async () => {
    const run = await sluice().startSource(sourceOf([{ id: 'go', type: 'event.wait', eventName: 'GO' }]));
    await rowSays(run, 'WAITING');
    await expect(runs().rerun(run.runId)).rejects.toMatchObject({ code: 'RUN_OPEN', status: 409 });
    const again = await runs().rerun(run.runId, { whileOpen: true });
    await rowSays(again, 'WAITING');
  });

  it('a re-run of an unknown run or of another tenant’s run starts nothing', async () => {
    const run = await sluice().startSource(sourceOf([call('a')]));
    await rowSays(run, 'SUCCEEDED');
    await expect(runs().rerun('unheard-of')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    await expect(runs().rerun(run.runId, { tenant: 'another' })).rejects.toMatchObject({
      code: 'RUN_NOT_FOUND',
    });
    expect((await runs().list({ rerunOf: run.runId })).items).toEqual([]);
  });
});
