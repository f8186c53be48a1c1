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
  withSluice({ startWorker: false }, async (sluice) => {
    const run = await sluice.start('never-published');
    await sluice.startWorker();
    await expect(sluice.result(run)).rejects.toMatchObject({ code: 'DEFINITION_NOT_FOUND' });
  }));
