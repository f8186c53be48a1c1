/**
 * Rebuilding from Temporal: the log of a run is deleted with every derived row, and rebuilt from the inputs
 * of the run's activities, even where the run continued as new or was reset.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { StartedRun } from '../../client/index.js';
import { listWorkflows, readRunEvents } from '../../worker/temporal/run-history.js';
import { tables } from '../projections/support/runs.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const BUSY = `
id: history-busy
version: 1
steps:
  - id: each
    type: control.forEach
    items: { $expr: "[1..30]" }
    body:
      - { id: say, type: action.call, action: core.echo, input: { n: { $expr: item } }, saveAs: vars.last }
  - { id: named, type: state.set, state: done }
result: { $expr: vars.last }
`;
const WAITS = `
id: history-waits
version: 1
steps:
  - { id: say, type: action.call, action: core.echo, input: { $expr: payload }, saveAs: vars.said }
  - { id: paid, type: event.wait, eventName: PAID, correlationKey: k-1 }
  - { id: again, type: action.call, action: core.echo, input: 2 }
result: { $expr: vars.said }
`;

describe('The events of a run in Temporal’s history', () => {
  const sluice = useSluice({ tuning: { historyEvents: 60 } });
  let before: Awaited<ReturnType<typeof tables>>;

  /** Deletes the log of all runs and the derived rows, restores them, and expects the same rows. */
  async function expectRestored(run: StartedRun): Promise<void> {
    const { projections, client } = sluice();
    before = await tables(projections);
    const gone = ['run', 'run_head', 'run_list', 'run_event', 'run_execution', 'step', 'wait', 'open_wait'];
    await projections.database.request(gone.map((table) => `DELETE ${table}`).join(';'));
    expect(await projections.reads.getRun(sluice().tenant, run.runId)).toBeUndefined();
    const { taskQueue, tenant } = sluice();
    const { ids, left } = await listWorkflows(client.temporal, tenant, taskQueue);
    expect(left).toEqual({});
    for (const workflowId of ids) {
      for (const carried of (await readRunEvents(client.temporal, workflowId, taskQueue)).values()) {
        await projections.maintenance.restoreRun(carried);
      }
    }
    expect(await tables(projections)).toEqual(before);
    expect(await projections.reads.checkContiguity(sluice().tenant, run.runId)).toMatchObject({
      gaps: [],
      doubled: [],
    });
  }

  it('the history of a run restores its log and its rows across continue-as-new', async () => {
    const run = await sluice().startSource(BUSY);
    expect(await sluice().result(run)).toEqual({ n: 30 });
    const { items } = await sluice().projections.reads.listEvents(sluice().tenant, run.runId, { limit: 500 });
    expect(new Set(items.map(({ executionId }) => executionId)).size).toBeGreaterThan(1);
    await listed(run.workflowId);
    await expectRestored(run);
  });

  it('the history of a reset run restores them, each event under the execution that committed it', async () => {
    const { client, projections, tenant, temporal } = sluice();
    const run = await sluice().startSource(WAITS, { a: 1 });
    await sluice().waiting(run);
    const signal = { eventName: 'PAID', correlationKey: 'k-1', payload: null };
    await sluice().signal(run, { ...signal, eventId: 'e-1' });
    await sluice().result(run);
    const history = await sluice().history(run);
    const tasks = history.filter((event) => event.workflowTaskCompletedEventAttributes);
    // To the end of the first action: later events did not happen.
    const at = tasks.find(
      (task) =>
        Number(task.eventId) >
        Number(history.find((event) => event.activityTaskCompletedEventAttributes)?.eventId),
    );
    await client.temporal.workflowService.resetWorkflowExecution({
      namespace: temporal.namespace,
      workflowExecution: { workflowId: run.workflowId, runId: run.runId },
      reason: 'test',
      requestId: randomUUID(),
      workflowTaskFinishEventId: at?.eventId ?? null,
    });
    await sluice()
      .result({ ...run, runId: '' })
      .catch(() => undefined);
    await waitFor(async () => {
      const { items } = await projections.reads.listEvents(tenant, run.runId, {
        superseded: true,
        limit: 500,
      });
      return items.some(({ superseded }) => superseded);
    });
    await waitFor(async () => (await projections.reads.getRun(tenant, run.runId))?.status === 'SUCCEEDED');
    await listed(run.workflowId, 2);
    await expectRestored(run);
  });

  /** Visibility learns of a run with a delay. */
  async function listed(workflowId: string, executions = 1): Promise<void> {
    await waitFor(async () => {
      const closed: string[] = [];
      const query = `WorkflowId = '${workflowId}' AND ExecutionStatus != 'Running'`;
      for await (const { runId } of sluice().client.temporal.workflow.list({ query })) closed.push(runId);
      return closed.length >= executions;
    });
  }
});
