/**
 * Events of 1 to 200 KiB, shuffled, each delivered one to three times, to runs that take them one by one and
 * act after each. Bridge and worker are killed with SIGKILL on the way. Prints what was lost and doubled.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { StartedRun } from '../../../client/index.js';
import { needs } from '../../support/requirements.js';
import { soakSize } from '../../support/soak.js';
import { waitFor } from '../../support/wait-for.js';
import { seeded, shuffled } from '../support/disorder.js';
import { describeLost, type LostEvent } from '../support/lost-events.js';
import { Stack } from '../support/stack.js';

const { events, runs, kills } = soakSize({
  small: { events: 120, runs: 3, kills: 1 },
  full: { events: 10_000, runs: 50, kills: 5 },
});
const LIMIT_MS = 240_000 + events * 400;
/** A run that takes nothing for so long, while the others take nothing either, waits in vain. */
const QUIET_MS = 240_000;
const POLL_MS = 1_000;

const DEFINITION = `
id: slow-consumer
version: 1
steps:
  - { id: init, type: transform.assign, assign: { vars.got: [] } }
  - id: loop
    type: control.while
    condition: { $expr: $count(vars.got) < payload.n }
    body:
      - { id: w, type: event.wait, eventName: DOC, correlationKey: { $expr: payload.key }, lookbackMs: 3600000, assign: { vars.got: { $expr: 'append(vars.got, event.payload.n)' } } }
      - { id: slow, type: action.call, action: core.sleep, input: { ms: 20 } }
result: { $expr: vars.got }
`;

/** Small ones are common, and all sizes up to 200 KiB occur. */
const random = seeded();
const sizes = Array.from({ length: events }, () => Math.floor(1_024 * 200 ** random()));
const keyOf = (run: number): string => `consumer-${run}`;

/** Waits until the runs have taken that many events, or take none any more. */
async function untilQuiet(stack: Stack, most: number): Promise<void> {
  let [taken, since] = [0, Date.now()];
  await waitFor(async () => {
    await sleep(POLL_MS);
    const now = await stack.count(
      `SELECT count() FROM run_event WHERE type = 'WAIT_SATISFIED' AND superseded != true GROUP ALL`,
    );
    if (now > taken) [taken, since] = [now, Date.now()];
    return taken >= most || Date.now() - since > QUIET_MS;
  }, LIMIT_MS);
}

/** The ids of the events that the run's waits took, as its log says. */
async function takenBy(stack: Stack, { runId }: StartedRun): Promise<string[]> {
  const [lines] = await stack.answers(
    `SELECT VALUE data FROM run_event:[$tenant, '${runId}']..[$tenant, '${runId}', ..]
      WHERE type = 'WAIT_SATISFIED' AND superseded != true`,
  );
  return z
    .array(z.string())
    .parse(lines)
    .map((data) => z.object({ eventId: z.string() }).parse(JSON.parse(data)).eventId);
}

describe(
  `${events} events to ${runs} slow consumers, bridge and worker killed`,
  needs('surreal', 'redis'),
  () => {
    it('no event of any size is lost or taken twice [signals-survive]', { timeout: LIMIT_MS }, () =>
      Stack.with(
        async (stack) => {
          const { sluice } = stack;
          let worker = await stack.worker();
          await sluice.publish(DEFINITION);
          const start = (run: number) =>
            sluice.start('slow-consumer', { key: keyOf(run), n: numbers(run).length });
          const numbers = (run: number): number[] =>
            Array.from({ length: events }, (_, n) => n).filter((n) => n % runs === run);
          const half = Math.floor(runs / 2);
          const started = await Promise.all(Array.from({ length: half }, (_, run) => start(run)));
          let bridge = await stack.bridge();
          const recorded = () => stack.count('SELECT count() FROM inbound_event GROUP ALL');

          const all = Array.from({ length: events }, (_, n) => n);
          const deliveries = shuffled(all.flatMap((n) => Array.from({ length: 1 + (n % 3) }, () => n)));
          for (let part = 0; part <= kills; part++) {
            const [from, to] = [part, part + 1].map((k) => Math.floor((k * deliveries.length) / (kills + 1)));
            for (const n of deliveries.slice(from, to)) {
              await stack.send({
                eventId: `e-${n}`,
                eventName: 'DOC',
                source: 'slow',
                workflow_correlation_key: keyOf(n % runs),
                payload: { n, body: 'x'.repeat(sizes[n] ?? 0) },
              });
            }
            if (part === kills) break;
            const before = await recorded();
            await waitFor(async () => (await recorded()) > before, LIMIT_MS);
            await bridge.kill();
            await worker.kill();
            worker = await stack.worker();
            bridge = await stack.bridge();
          }
          // The other runs come into being after their events.
          for (let run = half; run < runs; run++) started.push(await start(run));

          await untilQuiet(stack, events);
          const taken = await Promise.all(started.map((run) => takenBy(stack, run)));
          const doubled = taken.reduce((sum, ids) => sum + ids.length - new Set(ids).size, 0);
          const lost = started.flatMap((run, index) => {
            const once = new Set(taken[index]);
            return numbers(index)
              .map((n) => `e-${n}`)
              .filter((id) => !once.has(id))
              .map((id): LostEvent => ({ source: 'slow', id, run }));
          });
          process.stdout.write(
            `${events} events of 1 to 200 KiB to ${runs} slow consumers: ${lost.length} lost, ${doubled} doubled\n`,
          );
          if (lost.length > 0) process.stdout.write(`${await describeLost(stack, lost)}\n`);
          expect({ lost: lost.length, doubled }).toEqual({ lost: 0, doubled: 0 });
          for (const [run, one] of started.entries()) {
            const got = (await sluice.result(one)) as number[];
            expect(
              [...got].sort((a, b) => a - b),
              one.workflowId,
            ).toEqual(numbers(run));
          }
          await waitFor(async () => (await stack.unacknowledged()) === 0, LIMIT_MS);
          expect(await recorded()).toBe(events);
          expect(await bridge.terminate()).toBe(0);
        },
        undefined,
        false,
      ),
    );
  },
);
