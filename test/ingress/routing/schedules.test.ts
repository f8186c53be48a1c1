/** Triggers of type schedule: Temporal Schedules that follow the latest version. */
import { ScheduleNotFoundError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';

const sluice = useSluice();
const handle = (definition: string, position: number) =>
  sluice().client.temporal.schedule.getHandle(`sluice/${sluice().tenant}/${definition}/${position}`);
const isGone = async (definition: string, position: number): Promise<boolean> => {
  try {
    await handle(definition, position).describe();
    return false;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return true;
    throw error;
  }
};

describe('schedules', () => {
  it('schedules are created at publish, follow an update, and end when the definition is unpublished', async () => {
    await sluice().publish(`
id: nightly
version: 1
triggers:
  - { type: schedule, cron: "0 9 * * MON-FRI", timezone: Europe/Paris, overlap: bufferOne, catchupMs: 60000, payload: { a: 1 } }
  - { type: schedule, everyMs: 3600000 }
steps: []
`);
    const cron = await handle('nightly', 0).describe();
    expect(cron.action).toMatchObject({
      type: 'startWorkflow',
      workflowType: 'nightly',
      args: [{ a: 1 }],
      taskQueue: sluice().taskQueue,
    });
    expect(cron.policies).toMatchObject({ overlap: 'BUFFER_ONE', catchupWindow: 60_000 });
    expect(cron.spec.timezone).toBe('Europe/Paris');
    expect((await handle('nightly', 1).describe()).spec.intervals).toMatchObject([{ every: 3_600_000 }]);
    await handle('nightly', 0).pause('an operator');

    const second = '{id: nightly, version: 2, triggers: [{type: schedule, cron: "30 8 * * *"}], steps: []}';
    for (const source of [second, second]) await sluice().publish(source);
    const updated = await handle('nightly', 0).describe();
    expect(updated.spec.timezone).toBe('UTC');
    expect(updated.spec.calendars).toMatchObject([{ hour: [{ start: 8 }], minute: [{ start: 30 }] }]);
    expect(updated.state.paused).toBe(true);
    expect(await isGone('nightly', 1)).toBe(true);

    await sluice().client.unpublishDefinition('nightly');
    expect(await isGone('nightly', 0)).toBe(true);
    await sluice().publish(second);
    expect(await isGone('nightly', 0)).toBe(false);
    await sluice().client.unpublishDefinition('nightly');
  });

  it('schedules start runs of the definition, in its tenant', async () => {
    await sluice().publish(`
id: ticking
version: 1
triggers:
  - { type: schedule, everyMs: 1000, payload: { by: clock } }
  - { type: schedule, at: "2099-03-01T09:00:00+01:00" }
steps: []
result: { by: { $expr: payload.by }, trigger: { $expr: meta.trigger } }
`);
    const once = await handle('ticking', 1).describe();
    expect(once.info.nextActionTimes).toEqual([new Date('2099-03-01T08:00:00Z')]);
    const run = await waitFor(async () => {
      const { items } = await sluice().projections.reads.listRuns(sluice().tenant, {
        definition: 'ticking',
        status: 'SUCCEEDED',
      });
      return items[0];
    });
    await sluice().client.unpublishDefinition('ticking');
    expect(await sluice().client.result(run.workflowId)).toMatchObject({
      by: 'clock',
      trigger: { type: 'schedule', position: 0 },
    });
  });
});
