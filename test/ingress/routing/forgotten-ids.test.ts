/**
 * A run remembers the ids of its last events, 5,000 by default. What was sent to it before that and may be
 * sent again, by the next bridge or by a look-back, is in its log.
 */
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../contracts/json.js';
import { withSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge } from '../support/bridge.js';

/** Ids that the run remembers here. */
const REMEMBERED = 3;
/** Events that the run takes in between: more than the lines of its log that are not looked through. */
const OTHERS = 40;
const wait = (id: string, name: string): string =>
  `{ id: ${id}, type: event.wait, eventName: ${name}, correlationKey: { $expr: payload.key }, assign: { vars.${id}: { $expr: event.payload } } }`;
const LONG = `
id: long
version: 1
steps:
  - ${wait('a', 'SOUGHT')}
  - ${wait('b', 'SWEPT')}
  - id: others
    type: control.forEach
    items: { $expr: '[1..${OTHERS}]' }
    body: [{ id: other, type: event.wait, eventName: OTHER }]
  - ${wait('c', 'SOUGHT')}
  - ${wait('d', 'SWEPT')}
result: { $expr: '[vars.a, vars.b, vars.c, vars.d]' }
`;

let failing = false;

describe('an event that a run received so long ago that it has forgotten its id', () => {
  it('is not taken twice, whether a look-back or the next bridge would send it again [signals-survive]', () =>
    withSluice(
      {
        database: { faults: (point) => point === 'before:event_delivery.settle' && failing },
        tuning: { rememberedEventIds: REMEMBERED },
      },
      async (sluice) => {
        const { projections, tenant } = sluice;
        const event = (eventName: string, n: number): JsonObject => ({
          ...{ eventId: `${eventName}-${n}`, eventName, tenantId: tenant },
          ...{ workflow_correlation_key: 'k', payload: `${eventName}-${n}` },
        });
        const run = await sluice.startSource(LONG, { key: 'k' });
        const registered = (path: string) =>
          waitFor(async () =>
            (await projections.reads.listWaits(tenant, run.runId)).some(
              (open) => open.path === path && open.status === 'WAITING',
            ),
          );
        // This bridge dies before it can note what it has sent.
        failing = true;
        const dying = await openBridge(sluice);
        try {
          await registered('steps[0]');
          await dying.post(event('SOUGHT', 1));
          await registered('steps[1]');
          await dying.post(event('SWEPT', 1));
        } finally {
          await dying.stop();
          failing = false;
        }
        for (let n = 0; n < OTHERS; n++) {
          await sluice.signal(run, { eventName: 'OTHER', correlationKey: null });
        }
        // The look-back of this wait finds the first event; the bridge finds both.
        await registered('steps[3]');
        const next = await openBridge(sluice, { sweep: { settledMs: 0 } });
        try {
          await waitFor(async () => (await projections.events.unfinished(new Date(), 9)).items.length === 0);
          for (const name of ['SOUGHT', 'SWEPT']) await next.post(event(name, 2));
          expect(await sluice.result(run)).toEqual(['SOUGHT-1', 'SWEPT-1', 'SOUGHT-2', 'SWEPT-2']);
          for (const id of ['SOUGHT-1', 'SWEPT-1']) {
            expect(await projections.events.explain({ tenant, source: 'plain', id })).toMatchObject({
              outcome: 'ROUTED',
              runs: [{ status: 'SIGNALED' }],
            });
          }
        } finally {
          await next.stop();
        }
      },
    ));
});
