/** Triggers of type schedule: Temporal Schedules that follow the latest version. */
import { ScheduleNotFoundError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { runSystemWorkflow } from '../../../client/connection/system-workflow.js';
import { dateAdd } from '../../../expressions/dates/dates.js';
import type { SluiceError } from '../../../contracts/errors.js';
import { TemporalProxy } from '../../support/servers/temporal-proxy.js';
import { useSluice, withSluice, type SluiceTest } from '../../support/sluice.js';
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
  it('schedules are created at publish, follow an update, and end when the definition is unpublished [fair-between-tenants]', async () => {
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
      priority: { fairnessKey: sluice().tenant },
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

/** A zone that validation can't tell from a right one, and that Temporal does not know. */
const refusedZone = 'US/EAstern';

describe('publishing a version with its schedules', () => {
  const versioned = (id: string, version: number, triggers: string) =>
    `{id: ${id}, version: ${version}, triggers: [${triggers}], steps: []}`;
  const latest = async (id: string) =>
    (await sluice().projections.reads.getDefinition(sluice().tenant, id))?.version;

  it('a schedule that Temporal refuses leaves the version, its triggers and every schedule as they were', async () => {
    await sluice().publish(versioned('refusing', 1, '{type: schedule, cron: "0 9 * * *"}'));
    const second = versioned(
      'refusing',
      2,
      `{type: schedule, cron: "30 8 * * *"}, {type: event, eventName: GO}, {type: schedule, cron: "0 9 * * *", timezone: ${refusedZone}}`,
    );
    await expect(sluice().publish(second)).rejects.toMatchObject({
      code: 'SCHEDULE_REFUSED',
      message: expect.stringContaining('unknown time zone') as string,
    });
    expect(await latest('refusing')).toBe(1);
    expect((await handle('refusing', 0).describe()).spec.calendars).toMatchObject([{ hour: [{ start: 9 }] }]);
    expect(await isGone('refusing', 2)).toBe(true);
    for await (const { scheduleId } of sluice().client.temporal.schedule.list()) {
      expect(scheduleId).not.toContain('sluice-trial');
    }
    // The version is free: the repaired document can have it.
    await sluice().publish(versioned('refusing', 2, '{type: schedule, cron: "30 8 * * *"}'));
    expect(await latest('refusing')).toBe(2);
    await sluice().client.unpublishDefinition('refusing');
  });

  it('versions that are published at once end with the schedules of the latest, in any order', async () => {
    const versions = [1, 2, 3, 4].map((version) =>
      versioned(
        'crowded',
        version,
        Array.from({ length: version }, () => `{type: schedule, cron: "0 ${version} * * *"}`).join(', '),
      ),
    );
    await Promise.all(versions.map((source) => sluice().publish(source)));
    expect(await latest('crowded')).toBe(4);
    for (const position of [0, 1, 2, 3]) {
      expect((await handle('crowded', position).describe()).spec.calendars).toMatchObject([
        { hour: [{ start: 4 }] },
      ]);
    }
    await Promise.all([
      sluice().publish(versioned('crowded', 5, '{type: schedule, cron: "0 5 * * *"}')),
      sluice().client.unpublishDefinition('crowded'),
    ]);
    const left = (await sluice().projections.reads.getDefinition(sluice().tenant, 'crowded'))?.latest ?? null;
    expect(await isGone('crowded', 0)).toBe(left === null);
    for (const position of [1, 2, 3]) expect(await isGone('crowded', position)).toBe(true);
    if (left !== null) await sluice().client.unpublishDefinition('crowded');
  });

  it('a publish that its caller gave up before a worker took it changes nothing', async () => {
    await sluice().stopWorker();
    const { temporal, publishDefinition } = bound();
    const publishing = runSystemWorkflow(
      temporal,
      { address: '', namespace: 'default', taskQueue: sluice().taskQueue },
      {
        type: 'sluice.publish',
        tenant: sluice().tenant,
        request: publishDefinition(versioned('late', 1, '')),
      },
      300,
    );
    const { code, message } = await publishing.then(
      () => ({ code: 'none', message: '' }),
      (error: SluiceError) => error,
    );
    expect(code).toBe('WORKER_NOT_FOUND');
    await sluice().startWorker();
    const given = temporal.workflow.getHandle(/took (\S+) within/.exec(message)?.[1] ?? '');
    await expect(given.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(await latest('late')).toBeUndefined();
  });
});

describe('publishing while answers of Temporal are lost', () => {
  const CREATE = 'CreateSchedule';
  const source = (id: string) =>
    `{id: ${id}, version: 1, triggers: [{type: schedule, cron: "0 9 * * *"}], steps: []}`;
  /** Publishes through a proxy, and gives the hours at which the schedule of the definition starts it. */
  const hoursOf = async (id: string, lose: (proxy: TemporalProxy, far: SluiceTest) => void) => {
    const { temporal } = sluice();
    const proxy = await TemporalProxy.start(temporal.address);
    try {
      return await withSluiceAt(proxy.address, async (far) => {
        lose(proxy, far);
        const { pin } = await far.publish(source(id));
        expect(proxy.lost).toContain(CREATE);
        expect((await far.projections.reads.getDefinition(far.tenant, pin.id))?.version).toBe(1);
        const schedules = far.client.temporal.schedule;
        const { spec } = await schedules.getHandle(`sluice/${far.tenant}/${id}/0`).describe();
        await far.client.unpublishDefinition(id);
        return spec.calendars?.map(({ hour }) => hour?.map(({ start }) => start));
      });
    } finally {
      await proxy.close();
    }
  };
  const withSluiceAt = async <T>(address: string, test: (far: SluiceTest) => Promise<T>): Promise<T> => {
    const found: T[] = [];
    const temporal = { ...sluice().temporal, address };
    await withSluice({ temporal }, async (far) => void found.push(await test(far)));
    return found[0] as T;
  };

  it('a trial whose answer is lost leaves no schedule, and the version comes with its schedules when Temporal answers', async () => {
    const hours = await hoursOf('trial-lost', (proxy, far) => {
      proxy.lose(CREATE, { times: 2 });
      proxy.before(CREATE, async () => {
        expect(await far.projections.reads.getDefinition(far.tenant, 'trial-lost')).toBeUndefined();
      });
    });
    expect(hours).toEqual([[9]]);
    await waitFor(async () => {
      const left: string[] = [];
      for await (const { scheduleId } of sluice().client.temporal.schedule.list()) left.push(scheduleId);
      return left.every((id) => !id.startsWith('sluice-trial'));
    });
  });

  it('a schedule whose answer is lost after the version is there is set by a repetition', async () => {
    const hours = await hoursOf('set-lost', (proxy) => {
      // The trial is deleted just before the version is written.
      proxy.before('DeleteSchedule', () => Promise.resolve(proxy.lose(CREATE, { times: 1 })));
    });
    expect(hours).toEqual([[9]]);
  });
});

describe('summer time', () => {
  const ZONE = 'Europe/Paris';
  const HOUR = 3_600_000;
  /** Days around the last Sunday of March, on which the clock changes. */
  const timesOf = async (id: string, minuteAndHour: string): Promise<string[]> => {
    await sluice().publish(
      `{id: ${id}, version: 1, triggers: [{type: schedule, cron: "${minuteAndHour} 24-31 3 *", timezone: ${ZONE}}], steps: []}`,
    );
    const { info } = await handle(id, 0).describe();
    await sluice().client.unpublishDefinition(id);
    return info.nextActionTimes.map((time) => time.toISOString());
  };
  const daysOf = (times: readonly string[]): (readonly [string, string, number])[] =>
    times
      .flatMap((time, i): [string, string | undefined][] => [[time, times[i + 1]]])
      .flatMap(([from, to]) => {
        const hours = to === undefined ? Infinity : (Date.parse(to) - Date.parse(from)) / HOUR;
        return to !== undefined && hours < 72 ? [[from, to, hours] as const] : [];
      });

  it('a schedule and dateAdd keep the wall time over a change of the clock', async () => {
    const days = daysOf(await timesOf('at-nine', '0 9'));
    expect(new Set(days.map(([, , hours]) => hours))).toEqual(new Set([24, 23]));
    for (const [from, to] of days) expect(dateAdd(from, 'P1D', ZONE)).toBe(to);
  });

  it('a schedule leaves out a wall time that does not exist, where dateAdd moves it by the gap', async () => {
    const days = daysOf(await timesOf('at-half-past-two', '30 2'));
    const [skipped] = days.filter(([, , hours]) => hours > 24);
    expect(skipped?.[2]).toBe(47);
    for (const [from, to, hours] of days) {
      const next = dateAdd(from, 'P1D', ZONE) as string;
      // 2:30 that does not exist is 3:30 in summer time, 24 hours after 2:30 in winter time.
      if (hours > 24) expect(Date.parse(next) - Date.parse(from)).toBe(24 * HOUR);
      else expect(next).toBe(to);
    }
  });
});

function bound() {
  const { temporal } = sluice().client;
  const publishDefinition = (source: string) => ({
    tenant: sluice().tenant,
    actor: 'test',
    source,
    format: 'yaml' as const,
  });
  return { temporal, publishDefinition };
}
