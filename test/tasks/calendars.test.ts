/** Business calendars on real servers: put through a workflow, kept by tasks, named by steps. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { useApi } from '../api/support/api.js';
import { waitFor } from '../support/wait-for.js';

const api = useApi();
const HOUR = 3_600_000;
const nine = [{ from: '09:00', to: '17:00' }];
const OFFICE = {
  timeZone: 'America/New_York',
  week: { mon: nine, tue: nine, wed: nine, thu: nine, fri: nine },
} satisfies Json;
const always = [{ from: '00:00', to: '24:00' }];
const ALWAYS = {
  timeZone: 'UTC',
  week: { mon: always, tue: always, wed: always, thu: always, fri: always, sat: always, sun: always },
} satisfies Json;

const calendars = () => api().client.calendars;
const stateOf = (item: string) =>
  waitFor(async () => await api().sluice.projections.tasks.get(api().sluice.tenant, item));
const create = (asked: object) =>
  api().client.tasks.create({ title: 'Look', ...asked }, { actor: 'rita', tenant: api().sluice.tenant });

describe('a business calendar', () => {
  it('has versions; the same again makes none, and two at once make two', async () => {
    const name = `c-${randomUUID()}`;
    const { tenant } = api().sluice;
    const put = (calendar: Json) => calendars().put(name, calendar, { tenant, actor: 'ada' });
    expect(await put(OFFICE)).toEqual({ name, version: 1, created: true });
    expect(await put(OFFICE)).toEqual({ name, version: 1, created: false });
    const both = await Promise.all([put(ALWAYS), put({ ...OFFICE, timeZone: 'Asia/Tokyo' })]);
    expect(both.map(({ version }) => version).sort()).toEqual([2, 3]);
    const newest = await calendars().get(name, { tenant });
    expect(newest).toMatchObject({ name, version: 3, by: 'ada' });
    expect((await calendars().list({ limit: 500 }, { tenant })).items).toContainEqual({
      ...{ name, version: 3, at: newest.at, by: 'ada' },
    });
  });

  it('is refused with every reason, and belongs to its tenant', async () => {
    const name = `c-${randomUUID()}`;
    const { tenant } = api().sluice;
    await calendars().put(name, OFFICE, { tenant });
    for (const wrong of [
      { ...OFFICE, timeZone: 'Mars/Olympus' },
      { ...OFFICE, week: {} },
      { ...OFFICE, week: { mon: [{ from: '17:00', to: '09:00' }] } },
      { ...OFFICE, days: [{ date: '2027-02-30' }] },
      { ...OFFICE, more: 1 },
      'office',
      { ...OFFICE, days: [{ date: '2027-02-03', name: 'x'.repeat(LIMITS.calendarBytes * 2) }] },
    ] as readonly Json[]) {
      await expect(calendars().put(name, wrong, { tenant })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }
    await expect(calendars().put('a b', OFFICE, { tenant })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(calendars().get(name, { tenant: 'somebody-else' })).rejects.toMatchObject({
      code: 'CALENDAR_NOT_FOUND',
    });
    expect((await calendars().get(name, { tenant })).version).toBe(1);
  });

  it('goes through the API with a role, and leaves an audit row', async () => {
    const path = `/v1/calendars/c-${randomUUID()}`;
    expect((await api().refusal(path, { json: OFFICE, as: 'operator' })).code).toBe('FORBIDDEN');
    expect((await api().refusal(path, { json: { ...OFFICE, week: 1 } })).code).toBe('INPUT_INVALID');
    expect((await api().refusal(path)).code).toBe('CALENDAR_NOT_FOUND');
    const stored = await api().ask(path, { json: OFFICE });
    expect([stored.status, await stored.json()]).toMatchObject([200, { version: 1, created: true }]);
    const shown = (await (await api().ask(path, { as: 'reader' })).json()) as object;
    expect(shown).toMatchObject({ version: 1, calendar: { ...OFFICE, days: [] } });
    const { items } = await api().sluice.projections.reads.listAudit(api().sluice.tenant, {
      on: `calendar:${path.split('/').at(-1)}`,
    });
    expect(items).toMatchObject([{ act: 'putCalendar', outcome: 'done' }]);
  });
});

describe('a task with a calendar', () => {
  it('is due within the working hours of the zone, and keeps the version of its beginning', async () => {
    const name = `c-${randomUUID()}`;
    const { tenant } = api().sluice;
    await calendars().put(name, OFFICE, { tenant });
    const item = await create({ calendar: name, dueMs: 4 * HOUR, warnBeforeMs: HOUR });
    const { dueAt: due } = await stateOf(item);
    const clock = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone: OFFICE.timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit' },
      hourCycle: 'h23',
    }).format(Date.parse(due ?? ''));
    expect(clock).toMatch(/^(Mon|Tue|Wed|Thu|Fri),? ((09|1[0-6]):\d\d|17:00)$/);
    // In the new version everything is earlier; the task goes on with the old one.
    await calendars().put(name, ALWAYS, { tenant });
    await api().client.tasks.act(item, 'request_change', { reason: 'why' }, { actor: 'anna', tenant });
    const handle = api().client.temporal.workflow.getHandle(`sluice.task/${tenant}/${item}`);
    const state = await handle.query<{ calendar: { version: number } }>('state');
    expect(state.calendar.version).toBe(1);
    await api().client.tasks.act(item, 'reject', { reason: 'why' }, { actor: 'anna', tenant });
  });

  it('ends by its time, once', async () => {
    const name = `c-${randomUUID()}`;
    const { tenant, projections } = api().sluice;
    await calendars().put(name, ALWAYS, { tenant });
    const onDue = { levels: [], end: { kind: 'outcome', outcome: 'reject' } };
    const item = await create({ calendar: name, dueMs: 1_500, warnBeforeMs: 500, onDue });
    await waitFor(async () => (await stateOf(item)).status === 'rejected');
    const { items } = await projections.tasks.entries(tenant, item);
    expect(items.map(({ action }) => action)).toEqual(['requested', 'warned', 'expired']);
  });

  it('fails with a code where the tenant has no such calendar', async () => {
    const asked = { calendar: 'none-here', dueMs: HOUR };
    const item = await create(asked);
    const handle = api().client.temporal.workflow.getHandle(`sluice.task/${api().sluice.tenant}/${item}`);
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'CALENDAR_NOT_FOUND' } });
  });

  it('a step names it, counts working days by it, and catches an unknown one', async () => {
    const name = `c-${randomUUID()}`;
    const { sluice } = api();
    await calendars().put(name, OFFICE, { tenant: sluice.tenant });
    const source = (calendar: string) => `
id: by-calendar
version: 1
steps:
  - id: decide
    type: control.tryCatch
    try:
      - { id: ask, type: human.task, title: Look, calendar: { $expr: payload.calendar }, due: P2DT1H, warnBefore: PT1H }
    catch:
      - { id: told, type: control.return, result: { $expr: error.code } }
result: ${calendar}
`;
    await sluice.publish(source('decided'));
    const unknown = await sluice.start('by-calendar', { calendar: 'none-here' });
    expect(await sluice.result(unknown)).toBe('CALENDAR_NOT_FOUND');
    const run = await sluice.start('by-calendar', { calendar: name });
    const { item } = await waitFor(async () => {
      const { items } = await sluice.projections.tasks.list(sluice.tenant, {}, { limit: 500 });
      return items.find((one) => one.item.includes(run.runId)) ?? false;
    });
    const { dueAt: due, requestedAt } = await stateOf(item);
    const days = (Date.parse(due ?? '') - Date.parse(requestedAt)) / (24 * HOUR);
    expect(days).toBeGreaterThan(1);
    expect(days).toBeLessThan(6);
    await api().client.tasks.act(item, 'approve', { reason: 'r' }, { actor: 'anna', tenant: sluice.tenant });
    expect(await sluice.result(run)).toBe('decided');
  });
});
