import { expect, it } from 'vitest';
import { withSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';

const WAITS = `
id: patient
version: 1
steps:
  - { id: first, type: action.call, action: core.echo, input: 1 }
  - { id: pause, type: event.wait, eventName: GO }
  - { id: last, type: action.call, action: core.echo, input: 2 }
`;

it('a run is followed across the restart of its worker, with every line once and in order', () =>
  withSluice({}, async (sluice) => {
    const run = await sluice.startSource(WAITS);
    await sluice.waiting(run);
    const seen: number[] = [];
    const following = (async () => {
      for await (const line of sluice.client.follow(run.workflowId)) seen.push(line.seq);
    })();
    await waitFor(() => seen.length > 0);
    const before = seen.length;
    await sluice.stopWorker();
    // Temporal keeps the signal until a worker polls again.
    await sluice.signal(run, { eventName: 'GO' });
    await sluice.startWorker();
    await sluice.result(run);
    await following;
    expect(seen.length).toBeGreaterThan(before);
    expect(seen).toEqual(seen.map((_, index) => index + 1));
  }));

it('a run that is started while no worker polls begins when a worker comes', () =>
  withSluice({ startWorker: false, tuning: { missingActionMs: 1 } }, async (sluice) => {
    const run = await sluice.start('never-published');
    await sluice.startWorker();
    await expect(sluice.result(run)).rejects.toMatchObject({ code: 'DEFINITION_NOT_FOUND' });
  }));

it('a run that begins on an empty database waits for its definition, and fails as documented where the database has others [an-empty-database-waits-for-its-restore]', () =>
  withSluice({}, async (sluice) => {
    const early = await sluice.start('restored-later');
    const { workflow } = sluice.client.temporal;
    const reason = await waitFor(async () => {
      const { raw } = await workflow.getHandle(early.workflowId).describe();
      return raw.pendingActivities?.[0]?.lastFailure?.message ?? undefined;
    });
    expect(reason).toContain('has no definition at all, nor "restored-later"');
    await sluice.publish('{id: restored-later, version: 1, steps: [], result: there}');
    expect(await sluice.result(early)).toBe('there');
    const late = await sluice.start('never-published');
    await expect(sluice.result(late)).rejects.toMatchObject({ code: 'DEFINITION_NOT_FOUND' });
  }));

it('the wait for a definition on an empty database has an end', () =>
  withSluice({ tuning: { missingActionMs: 1 } }, async (sluice) => {
    await expect(sluice.result(await sluice.start('never-published'))).rejects.toMatchObject({
      code: 'DEFINITION_NOT_FOUND',
      message: expect.stringContaining('It stayed empty for 1 ms') as string,
    });
  }));
