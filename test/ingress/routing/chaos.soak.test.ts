/**
 * Events shuffled, each delivered one to three times, a third of them before the run that waits exists, and
 * the bridge killed with SIGKILL five times on the way.
 */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../contracts/json.js';
import type { StartedRun } from '../../../client/index.js';
import { waitFor } from '../../support/wait-for.js';
import { needs } from '../../support/requirements.js';
import { soakSize } from '../../support/soak.js';
import { shuffled } from '../support/disorder.js';
import { Stack } from '../support/stack.js';

const EVENTS = soakSize({ small: 300, full: 10_000 });
const PER_RUN = 50;
const KILLS = 5;
const LIMIT_MS = 240_000 + EVENTS * 60;

const DEFINITION = `
id: chaos
version: 1
steps:
  - id: each
    type: control.forEach
    items: { $expr: payload.keys }
    concurrency: 20
    body:
      - id: w
        type: event.wait
        eventName: CHAOS
        correlationKey: { $expr: item }
        lookbackMs: 3600000
        assign: { vars.got: { $expr: event.payload.n } }
    collect: { $expr: vars.got }
    saveAs: vars.all
result: { $expr: vars.all }
`;

/**
 * The events whose row does not say that they were routed, with their full audit.
 */
const LEFT = `
  SELECT record::id(id) AS id, outcome, routed_at, received_at, error FROM inbound_event
    WHERE outcome != 'ROUTED' LIMIT 5;
  SELECT * OMIT payload FROM event_delivery WHERE status != 'SIGNALED' LIMIT 5;
  SELECT * FROM event_unfinished LIMIT 5;
`;

const runs = Math.ceil(EVENTS / PER_RUN);
const numbers = (run: number): number[] => Array.from({ length: PER_RUN }, (_, i) => run * PER_RUN + i);
const keyOf = (n: number): string => `key-${n}`;

describe(
  `${runs * PER_RUN} events in disorder, over ${KILLS} SIGKILLs of the bridge`,
  needs('surreal', 'redis'),
  () => {
    it('events in disorder satisfy every wait exactly once, by the right event', { timeout: LIMIT_MS }, () =>
      Stack.with(async (stack) => {
        const { sluice } = stack;
        await sluice.publish(DEFINITION);
        const started: (StartedRun & { readonly index: number })[] = [];
        const start = async (index: number): Promise<void> => {
          const run = await sluice.start('chaos', { keys: numbers(index).map(keyOf) });
          started.push({ ...run, index });
        };
        const third = Math.floor(runs / 3);
        for (let run = third; run < runs; run++) await start(run);

        const all = Array.from({ length: runs * PER_RUN }, (_, n) => n);
        const deliveries = shuffled(all.flatMap((n) => Array.from({ length: 1 + (n % 3) }, () => n)));
        for (const n of deliveries) {
          await stack.send({
            eventId: `e-${n}`,
            eventName: 'CHAOS',
            source: 'chaos',
            workflow_correlation_key: keyOf(n),
            payload: { n },
          });
        }

        const recorded = (): Promise<number> => stack.count('SELECT count() FROM inbound_event GROUP ALL');
        for (let kill = 1; kill <= KILLS; kill++) {
          const bridge = await stack.bridge();
          const enough = Math.floor((kill * all.length) / (KILLS + 2));
          await waitFor(async () => (await recorded()) >= enough, LIMIT_MS);
          await bridge.kill();
          // Runs that come into being after their events: the third that was held back, a part at each kill.
          const [from, to] = [kill - 1, kill].map((k) => Math.floor((k * third) / KILLS)) as [number, number];
          for (let run = from; run < to; run++) await start(run);
        }
        const last = await stack.bridge();

        expect(started).toHaveLength(runs);
        for (const run of started) {
          const result: Json = await sluice.result(run);
          expect(result, run.workflowId).toEqual(numbers(run.index));
        }
        await waitFor(async () => (await stack.unacknowledged()) === 0, LIMIT_MS);
        expect(await recorded()).toBe(all.length);

        // Each wait by one event, each event received once by its run, and each explained by its audit row.
        const count = (type: string): Promise<number> =>
          stack.count(`SELECT count() FROM run_event WHERE type = '${type}' GROUP ALL`);
        expect(await count('WAIT_SATISFIED')).toBe(all.length);
        expect(await count('EVENT_RECEIVED')).toBe(all.length);
        await waitFor(async () => {
          const left = await stack.answers(LEFT);
          if (left.flat().length > 0) throw new Error(`Left: ${JSON.stringify(left)}`);
          return true;
        });
        expect(await last.terminate()).toBe(0);
      }),
    );
  },
);
