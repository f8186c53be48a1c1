/**
 * Each server is restarted while events flow: the bridge stops consuming, resumes by itself, and loses
 * nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startTemporalDevServer } from '../../../worker/temporal-server/dev-server.js';
import { waitFor } from '../../support/wait-for.js';
import type { BridgeProcess } from '../support/bridge-process.js';
import { needs } from '../../support/requirements.js';
import { Stack } from '../support/stack.js';

const EACH = 20;
const LIMIT_MS = 240_000;

const DEFINITION = `
id: steady
version: 1
steps:
  - id: each
    type: control.forEach
    items: { $expr: payload.keys }
    concurrency: 100
    body:
      - { id: w, type: event.wait, eventName: STEADY, correlationKey: { $expr: item }, assign: { vars.got: { $expr: event.payload } } }
    collect: { $expr: vars.got }
    saveAs: vars.all
result: { $expr: vars.all }
`;

/** Events before, during and after an outage; every wait gets its own. */
async function acrossOutage(
  stack: Stack,
  outage: (bridge: BridgeProcess, during: () => Promise<void>) => Promise<void>,
) {
  const { sluice } = stack;
  await sluice.publish(DEFINITION);
  const bridge = await stack.bridge();
  const keys = Array.from({ length: 3 * EACH }, (_, i) => `k-${i}`);
  const run = await sluice.start('steady', { keys });
  await waitFor(async () => (await stack.count('SELECT count() FROM open_wait GROUP ALL')) === keys.length);
  const send = async (part: number): Promise<void> => {
    for (const key of keys.slice(part * EACH, (part + 1) * EACH)) {
      await stack.send({ eventId: key, eventName: 'STEADY', workflow_correlation_key: key, payload: key });
    }
  };
  await send(0);
  await outage(bridge, () => send(1));
  await send(2);
  expect(await sluice.result(run)).toEqual(keys);
  await waitFor(async () => (await stack.unacknowledged()) === 0, LIMIT_MS);
  await waitFor(
    async () =>
      (await stack.count(`SELECT count() FROM inbound_event WHERE outcome = 'ROUTED' GROUP ALL`)) ===
      keys.length,
  );
  return bridge;
}

const stopped = (bridge: BridgeProcess, ...codes: string[]) =>
  waitFor(() => {
    const said = codes.some((code) => bridge.output.includes(code));
    if (bridge.output.includes('Not consuming') && said) return true;
    throw new Error(`The bridge said:\n${bridge.output}`);
  }, 60_000);
const goesOn = (bridge: BridgeProcess) =>
  waitFor(() => bridge.output.includes('reachable again; consuming'), 60_000);

describe('while events flow', needs('surreal', 'redis'), () => {
  it('a restart of Redis loses no event', { timeout: LIMIT_MS }, () =>
    Stack.with(async (stack) => {
      await acrossOutage(stack, async (_bridge, during) => {
        await stack.redis.kill();
        // The producer's client keeps its events until Redis is back.
        const sent = during();
        await stack.redis.run();
        await sent;
      });
    }),
  );

  it('a restart of SurrealDB loses no event', { timeout: LIMIT_MS }, () =>
    Stack.with(async (stack) => {
      await acrossOutage(stack, async (bridge, during) => {
        await stack.restartDatabase(async () => {
          await during();
          await stopped(bridge, 'DATABASE_UNAVAILABLE');
        });
        await goesOn(bridge);
      });
    }),
  );

  it('a restart of Temporal loses no event', { timeout: LIMIT_MS }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-temporal-'));
    const start = (port?: number) =>
      startTemporalDevServer({
        env: process.env,
        log: () => undefined,
        namespace: 'outage',
        headless: true,
        dbFilename: join(directory, 'temporal.db'),
        ...(port !== undefined && { port }),
      });
    let server = await start();
    try {
      await Stack.with(async (stack) => {
        await acrossOutage(stack, async (bridge, during) => {
          await server.kill();
          await during();
          // A signal may have been under way: whether it arrived is not known.
          await stopped(bridge, 'TEMPORAL_UNAVAILABLE', 'OUTCOME_UNKNOWN');
          server = await start(Number(server.address.split(':')[1]));
          await goesOn(bridge);
        });
      }, server);
    } finally {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
