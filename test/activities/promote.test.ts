/** Promoting a version: what it changes, what it keeps, and what does not undo it. */
import { randomUUID } from 'node:crypto';
import { ScheduleNotFoundError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { useSluice } from '../support/sluice.js';

const sluice = useSluice();

/** Version 1 starts runs by OLD, version 2 by NEW, with a schedule each; version 3 has neither. */
const document = (id: string, version: number): string => {
  const nightly = '{ type: schedule, cron: "0 3 * * *" }';
  const triggers = {
    1: `[{ type: event, eventName: OLD }, ${nightly}]`,
    2: `[{ type: event, eventName: NEW }, ${nightly}]`,
  }[version];
  return `{ id: ${id}, version: ${version}, ${triggers === undefined ? '' : `triggers: ${triggers}, `}steps: [], result: ${version} }`;
};
const idOf = (): string => `promoted-${randomUUID()}`;
const shown = (id: string) => sluice().client.definitions.get(id);
const schedule = (id: string) =>
  sluice().client.temporal.schedule.getHandle(`sluice/${sluice().tenant}/${id}/1`);
const resultOf = async (id: string): Promise<unknown> => sluice().result(await sluice().start(id));
const triggersOf = async (name: string): Promise<unknown> =>
  (await sluice().projections.events.triggers(sluice().tenant, name)).map(({ definition }) => definition);

describe('promoting a version', () => {
  it('makes starts, events and schedules those of the version, says what changed and who did it [the-chosen-version]', async () => {
    const id = idOf();
    for (const version of [1, 2]) await sluice().publish(document(id, version));
    expect(await resultOf(id)).toBe(2);
    const client = sluice().client;
    const promoted = await client.promoteDefinition(id, 1, { actor: 'ada' });
    const schedules = [`sluice/${sluice().tenant}/${id}/1`];
    expect(promoted).toMatchObject({
      pin: { id, version: 1 },
      was: 2,
      starts: { events: ['OLD'], schedules },
      started: { events: ['NEW'], schedules },
    });
    expect(await resultOf(id)).toBe(1);
    const view = await shown(id);
    expect(view).toMatchObject({ latest: 1, promoted: true, published: true });
    expect(view.acts).toMatchObject([
      { act: 'promote', version: 1, was: 2, by: 'ada' },
      { act: 'publish', version: 2, was: 1 },
      { act: 'publish', version: 1, was: null },
    ]);
    // The same again changes nothing, and no row says that it did.
    expect(await client.promoteDefinition(id, 1)).toMatchObject({ was: 1 });
    expect((await shown(id)).acts).toHaveLength(3);
  });

  it('is not undone by publishing old documents again, but by a new version', async () => {
    const id = idOf();
    for (const version of [1, 2]) await sluice().publish(document(id, version));
    await sluice().client.promoteDefinition(id, 1);
    const again = await sluice().client.publishDefinition(document(id, 2));
    expect(again).toMatchObject({ created: false, latest: 1 });
    expect(await resultOf(id)).toBe(1);
    const next = await sluice().client.publishDefinition(document(id, 3));
    expect(next).toEqual({ pin: next.pin, created: true });
    expect(await resultOf(id)).toBe(3);
    expect(await shown(id)).toMatchObject({ latest: 3, promoted: false });
    // The highest version is not held: documents go on as ever.
    await sluice().client.promoteDefinition(id, 3);
    expect(await shown(id)).toMatchObject({ promoted: false });
  });

  it('publishes an unpublished definition again, and its unpublishing has a name', async () => {
    const id = idOf();
    for (const version of [1, 2]) await sluice().publish(document(id, version));
    await sluice().client.unpublishDefinition(id, { actor: 'eve' });
    expect(await sluice().client.promoteDefinition(id, 1)).toMatchObject({
      was: null,
      started: { events: [], schedules: [] },
    });
    const view = await shown(id);
    expect(view).toMatchObject({ latest: 1, promoted: true });
    expect(view.acts.slice(0, 2)).toMatchObject([
      { act: 'promote', version: 1, was: null },
      { act: 'unpublish', version: null, was: 2, by: 'eve' },
    ]);
  });

  it("keeps an operator's pause and note over versions without the schedule, and over an unpublishing", async () => {
    const id = idOf();
    for (const version of [1, 2]) await sluice().publish(document(id, version));
    await schedule(id).pause('the supplier is away');
    const client = sluice().client;
    await client.promoteDefinition(id, 1);
    expect((await schedule(id).describe()).state).toMatchObject({
      paused: true,
      note: 'the supplier is away',
    });
    await sluice().publish(document(id, 3));
    await expect(schedule(id).describe()).rejects.toThrow(ScheduleNotFoundError);
    await client.promoteDefinition(id, 2);
    expect((await schedule(id).describe()).state).toMatchObject({
      paused: true,
      note: 'the supplier is away',
    });
    await client.unpublishDefinition(id);
    await client.promoteDefinition(id, 1);
    expect((await schedule(id).describe()).state.paused).toBe(true);
    await schedule(id).unpause();
    await client.promoteDefinition(id, 3);
    await client.promoteDefinition(id, 1);
    expect((await schedule(id).describe()).state.paused).toBe(false);
    await client.unpublishDefinition(id);
  });

  it('refuses a version that does not exist, an unknown definition, and one of another tenant', async () => {
    const id = idOf();
    await sluice().publish(document(id, 1));
    const before = await shown(id);
    const client = sluice().client;
    for (const [of, version, options, code] of [
      [id, 2, {}, 'DEFINITION_VERSION_NOT_FOUND'],
      ['no-such-definition', 1, {}, 'DEFINITION_NOT_FOUND'],
      [id, 1, { tenant: 'somebody-else' }, 'DEFINITION_NOT_FOUND'],
    ] as const) {
      await expect(client.promoteDefinition(of, version, options)).rejects.toMatchObject({ code });
    }
    for (const version of [0, 1.5, NaN]) {
      await expect(client.promoteDefinition(id, version)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }
    expect(await shown(id)).toEqual(before);
  });

  it('of two versions that are promoted at once one is the latest, with its triggers alone', async () => {
    const id = idOf();
    for (const version of [1, 2, 3]) await sluice().publish(document(id, version));
    const client = sluice().client;
    await Promise.all([1, 2, 1, 2].map((version) => client.promoteDefinition(id, version)));
    const { latest, acts } = await shown(id);
    expect([1, 2]).toContain(latest);
    expect(await triggersOf('OLD')).toEqual(
      latest === 1 ? expect.arrayContaining([id]) : expect.not.arrayContaining([id]),
    );
    expect(await triggersOf('NEW')).toEqual(
      latest === 2 ? expect.arrayContaining([id]) : expect.not.arrayContaining([id]),
    );
    expect(acts[0]?.version).toBe(latest);
    expect((await schedule(id).describe()).state.paused).toBe(false);
    await client.unpublishDefinition(id);
  });

  it('a repeated attempt that comes after another change leaves that one, and answers as the first did', async () => {
    const id = idOf();
    for (const version of [1, 2, 3]) await sluice().publish(document(id, version));
    const { projections, tenant } = sluice();
    const change = { by: 'ada', at: new Date(), operation: randomUUID() };
    const triggers = { events: [], schedules: [] };
    const promote = () => projections.promoteDefinition([tenant, id], { version: 1, triggers }, change);
    expect(await promote()).toEqual({ was: 3 });
    await projections.promoteDefinition(
      [tenant, id],
      { version: 2, triggers },
      { ...change, operation: randomUUID() },
    );
    expect(await promote()).toEqual({ was: 3 });
    expect(await shown(id)).toMatchObject({ latest: 2 });
  });
});
