/** Open tasks whose run or whose workflow was ended from outside. */
import { describe, expect, it } from 'vitest';
import type { StartedRun } from '../../../client/index.js';
import { taskId } from '../../../contracts/naming/workflow-id.js';
import type { SluiceTest } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { withWorld } from './world.js';

let serial = 0;
const begin = (sluice: SluiceTest): Promise<StartedRun> =>
  sluice.startSource(
    JSON.stringify({
      id: `asks-${++serial}`,
      version: 1,
      steps: [{ id: 'a', type: 'human.task', title: 'Look', saveAs: 'vars.a' }],
    }),
    {},
  );
const taskOf = async ({ projections, tenant }: SluiceTest, { runId }: StartedRun) => {
  const { items } = await projections.tasks.list(tenant, { runId, onlyOpen: false });
  return items[0];
};
const opened = (sluice: SluiceTest, run: StartedRun) => waitFor(() => taskOf(sluice, run));

describe('The reconciler and tasks', () => {
  it('a run that was terminated has its open task withdrawn, and other tasks stay', async () => {
    await withWorld({}, async ({ sluice, reconciler, temporal }) => {
      const run = await begin(sluice);
      const other = await begin(sluice);
      const { item } = await opened(sluice, run);
      await opened(sluice, other);
      await waitFor(async () => (await reconciler.pass()).failed === 0);
      expect((await taskOf(sluice, run))?.status).toBe('requested');
      await temporal('workflow', 'terminate', '--workflow-id', run.workflowId);
      await waitFor(async () => {
        await reconciler.pass();
        return (await taskOf(sluice, run))?.status === 'withdrawn';
      });
      const entries = (await sluice.projections.tasks.entries(sluice.tenant, item)).items;
      expect(entries.map(({ action }) => action)).toEqual(['requested', 'withdraw']);
      expect(entries.at(-1)?.given).toMatchObject({ reason: 'The run that asked has ended: TERMINATED' });
      expect((await taskOf(sluice, other))?.status).toBe('requested');
      const handle = sluice.client.temporal.workflow.getHandle(taskId(sluice.tenant, item));
      expect(await handle.result()).toMatchObject({ status: 'withdrawn' });
    });
  });

  it.each([
    ['terminated', 'terminate', /^Temporal has the workflow of the task as TERMINATED$/],
    ['deleted', 'delete', /^Temporal does not know the workflow of the task$/],
  ])(
    'a task whose workflow was %s is withdrawn in its rows, once, and its run goes on',
    async (_, command, reason) => {
      await withWorld({}, async ({ sluice, reconciler, temporal }) => {
        const run = await begin(sluice);
        const { item } = await opened(sluice, run);
        await sluice.waiting(run);
        await temporal('workflow', command, '--workflow-id', taskId(sluice.tenant, item));
        await waitFor(async () => {
          await reconciler.pass();
          return (await taskOf(sluice, run))?.status === 'withdrawn';
        });
        await expect(sluice.client.result(run.workflowId)).rejects.toMatchObject({ code: 'TASK_WITHDRAWN' });
        expect(await reconciler.pass()).toMatchObject({ tasksEnded: 0, tasksTold: 0, tasksFailed: 0 });
        const { tasks } = sluice.projections;
        const entries = (await tasks.entries(sluice.tenant, item)).items;
        expect(entries.map(({ action }) => action)).toEqual(['requested', 'withdraw']);
        expect((await tasks.get(sluice.tenant, item))?.decision?.reason).toMatch(reason);
        expect(await tasks.count(sluice.tenant)).toMatchObject({ total: 1, open: 0 });
      });
    },
  );
});
