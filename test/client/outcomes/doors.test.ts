/** Answers of Temporal that are lost, as callers of the API and of the command line are told. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import type { RunStatus } from '../../../contracts/run/run.js';
import { useApi } from '../../api/support/api.js';
import { runInProcess } from '../../cli/support/in-process.js';
import type { CommandResult } from '../../support/command.js';
import { suiteTemporal } from '../../support/services.js';
import { TemporalProxy } from '../../support/servers/temporal-proxy.js';
import { waitFor } from '../../support/wait-for.js';
import { call, outside, sourceOf } from '../support/outside.js';

const { actions } = outside();
let proxy: TemporalProxy;
beforeAll(async () => {
  proxy = await TemporalProxy.start((await suiteTemporal()).address);
});
afterEach(() => proxy.heal());
afterAll(() => proxy.close());
const api = useApi({ actions, clientAddress: () => proxy.address });

const CANCEL = 'RequestCancelWorkflowExecution';
const TERMINATE = 'TerminateWorkflowExecution';
const RESET = 'ResetWorkflowExecution';
const SIGNAL = 'SignalWorkflowExecution';
const START = 'StartWorkflowExecution';

const waiting = async (): Promise<StartedRun & { readonly definition: string }> => {
  const { sluice } = api();
  const { pin } = await sluice.publish(
    sourceOf([call('a'), { id: 'go', type: 'event.wait', eventName: 'GO' }]),
  );
  const run = await sluice.start(pin.id);
  await rowSays(run, 'WAITING');
  return { ...run, definition: pin.id };
};
const rowSays = ({ runId }: StartedRun, status: RunStatus) =>
  waitFor(async () => (await api().sluice.client.runs.get(runId)).status === status);
const executionsOf = async (query: string): Promise<number> =>
  (await api().sluice.client.temporal.workflow.count(query)).count;
/** Loses an answer, and from then on every answer to a question about a workflow too. */
const loseAll = (method: string): void => {
  proxy.lose(method);
  proxy.before(method, () => {
    proxy.lose('DescribeWorkflowExecution');
    proxy.lose('GetWorkflowExecutionHistoryReverse');
    return Promise.resolve();
  });
};

type Waiting = Awaited<ReturnType<typeof waiting>>;
interface RouteCase {
  readonly method: string;
  readonly path: (run: Waiting) => string;
  readonly json?: (run: Waiting) => object;
  /** Status of the answer. */
  readonly done: number;
  /** How the run ends by it. */
  readonly ends?: RunStatus;
  /** What the same request under the same key is answered later. */
  readonly again: number;
}
const act = (name: string) => (run: Waiting) => `/v1/runs/${run.runId}/${name}`;
const ROUTES: Readonly<Record<string, RouteCase>> = {
  cancel: { method: CANCEL, path: act('cancel'), done: 202, ends: 'CANCELED', again: 409 },
  terminate: { method: TERMINATE, path: act('terminate'), done: 202, ends: 'TERMINATED', again: 409 },
  rewind: {
    method: RESET,
    path: act('rewind'),
    json: () => ({ stepPath: 'steps[0]' }),
    done: 200,
    again: 200,
  },
  signal: {
    method: SIGNAL,
    path: act('signal'),
    json: () => ({ eventName: 'GO' }),
    done: 202,
    ends: 'SUCCEEDED',
    again: 202,
  },
  rerun: { method: START, path: act('rerun'), json: () => ({ whileOpen: true }), done: 201, again: 201 },
  start: {
    method: START,
    path: () => '/v1/runs',
    json: ({ definition }) => ({ definition }),
    done: 201,
    again: 201,
  },
};

describe('a request to the API whose answer of Temporal is lost', () => {
  const send = (run: Waiting, { path, json }: RouteCase, key: string): Promise<Response> =>
    api().ask(path(run), { json: json?.(run) ?? {}, headers: { 'idempotency-key': key } });
  const lastAct = async () => (await api().sluice.client.runs.listAudit({}, { limit: 1 })).items[0];

  it.each(Object.entries(ROUTES))(
    '%s is answered as done where Temporal shows it, and so under its key again',
    async (_, route) => {
      const run = await waiting();
      const key = randomUUID();
      proxy.lose(route.method, { times: 1 });
      const first = await send(run, route, key);
      expect(first.status).toBe(route.done);
      expect(proxy.lost).toEqual([route.method]);
      const second = await send(run, route, key);
      expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([route.done, 'true']);
      expect(await second.text()).toBe(await first.text());
    },
  );

  it.each(Object.entries(ROUTES))(
    '%s is 504 OUTCOME_UNKNOWN where Temporal does not show it, and the same request later tells the truth',
    async (name, route) => {
      const run = await waiting();
      const key = randomUUID();
      loseAll(route.method);
      const answer = await send(run, route, key);
      expect([answer.status, await answer.json()]).toEqual([
        504,
        expect.objectContaining({ code: 'OUTCOME_UNKNOWN', retryable: true }),
      ]);
      expect(await lastAct()).toMatchObject({ act: `${name}Run`, outcome: 'unknown' });
      proxy.heal();
      // Temporal had taken it: the run tells.
      if (route.ends !== undefined) await waitForEnd(run, route.ends);
      const again = await send(run, route, key);
      const body = (await again.json()) as Readonly<Record<string, unknown>>;
      expect(again.status, JSON.stringify(body)).toBe(route.again);
      if (again.status === 409) {
        expect(body).toMatchObject({ code: 'RUN_CLOSED', details: { status: route.ends } });
      }
      if (route.method === START) {
        const started = `WorkflowId = "${String(body['workflowId'])}"`;
        await waitFor(async () => (await executionsOf(started)) === 1);
        expect(await executionsOf(`WorkflowType = "${run.definition}"`)).toBe(2);
      }
      if (route.method === RESET) {
        const latest = await api().sluice.client.temporal.workflow.getHandle(run.workflowId).describe();
        expect(body).toMatchObject({ executionId: latest.runId, resetExecutionId: run.runId });
      }
    },
  );

  it('a signal to a run that has ended is refused under a key too, where the run did not get it', async () => {
    const run = await waiting();
    await api().sluice.client.terminate(run.workflowId);
    const refusal = await api().refusal(`/v1/runs/${run.runId}/signal`, {
      json: { eventName: 'GO' },
      headers: { 'idempotency-key': randomUUID() },
    });
    expect(refusal).toMatchObject({ status: 409, code: 'RUN_CLOSED' });
  });

  it('a bulk operation counts the run as unknown, and not as done or failed', async () => {
    const { definition, runId } = await waiting();
    loseAll(CANCEL);
    const answer = await api().ask('/v1/runs/bulk', { json: { action: 'cancel', filter: { definition } } });
    const lines = (await answer.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { runId, outcome: 'unknown', error: { code: 'OUTCOME_UNKNOWN' } },
      { summary: { unknown: 1 } },
    ]);
  });
});

/** As Temporal tells it: rows of a terminated run wait for the reconciler. */
const waitForEnd = async ({ workflowId }: StartedRun, status: RunStatus): Promise<void> => {
  const names: Partial<Record<RunStatus, string>> = { SUCCEEDED: 'COMPLETED', CANCELED: 'CANCELLED' };
  const handle = api().sluice.client.temporal.workflow.getHandle(workflowId);
  await waitFor(async () => (await handle.describe()).status.name === (names[status] ?? status));
};

describe('a command whose answer of Temporal is lost', () => {
  const sluice = (...args: string[]): Promise<CommandResult> => {
    const { temporal, taskQueue, tenant } = api().sluice;
    return runInProcess([...args, '--tenant', tenant], {
      TEMPORAL_ADDRESS: proxy.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      SLUICE_TASK_QUEUE: taskQueue,
      SLUICE_API_URL: api().url,
      SLUICE_API_TOKEN: api().token.admin,
    });
  };
  const COMMANDS: Readonly<
    Record<string, { method: string; args: (run: Waiting) => string[]; names: string }>
  > = {
    'runs cancel': { method: CANCEL, args: ({ runId }) => ['runs', 'cancel', runId], names: 'runId' },
    'runs terminate': {
      method: TERMINATE,
      args: ({ runId }) => ['runs', 'terminate', runId],
      names: 'runId',
    },
    'runs rewind': {
      method: RESET,
      args: ({ runId }) => ['runs', 'rewind', runId, 'steps[0]'],
      names: 'operationId',
    },
    'runs signal': { method: SIGNAL, args: ({ runId }) => ['runs', 'signal', runId, 'GO'], names: 'eventId' },
    'runs rerun': {
      method: START,
      args: ({ runId }) => ['runs', 'rerun', runId, '--while-open'],
      names: 'workflowId',
    },
    run: { method: START, args: ({ definition }) => ['run', definition, '--detach'], names: 'workflowId' },
  };

  it.each(Object.entries(COMMANDS))(
    '%s succeeds where Temporal shows that it was done',
    async (_, { method, args }) => {
      const run = await waiting();
      proxy.lose(method, { times: 1 });
      expect(await sluice(...args(run))).toMatchObject({ code: 0 });
      expect(proxy.lost).toEqual([method]);
    },
  );

  it.each(Object.entries(COMMANDS))(
    '%s ends with 3 and says what is not known and by which id to look for it',
    async (_, { method, args, names }) => {
      const run = await waiting();
      loseAll(method);
      const { code, stdout, stderr } = await sluice(...args(run));
      expect([code, stdout]).toEqual([3, '']);
      expect(stderr).toMatch(/^OUTCOME_UNKNOWN: It is not known whether /m);
      expect(stderr).toMatch(new RegExp(`details: .*"${names}":"[^"]+"`));
      expect(stderr).toContain('Look first');
    },
  );

  it('a rewind that is asked for again by the id in the details happens once', async () => {
    const run = await waiting();
    loseAll(RESET);
    const { stderr } = await sluice('runs', 'rewind', run.runId, 'steps[0]');
    const id = /"operationId":"([^"]+)"/.exec(stderr)?.[1] ?? '';
    proxy.heal();
    const again = await sluice('runs', 'rewind', run.runId, 'steps[0]', '--operation-id', id, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ generation: id, resetExecutionId: run.runId });
  });

  it('runs bulk shows the run as unknown and ends with 1', async () => {
    const { definition, runId } = await waiting();
    loseAll(CANCEL);
    const { code, stdout, stderr } = await sluice('runs', 'bulk', 'cancel', '--definition', definition);
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`^unknown ${runId} .*OUTCOME_UNKNOWN`));
    expect(stderr).toContain('1 unknown');
  });
});
