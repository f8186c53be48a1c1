/** Runs that start one another by events: docs/limits.md. */
import { randomUUID } from 'node:crypto';
import Long from 'long';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../contracts/json.js';
import { Triggers } from '../../../ingress/routing/triggers.js';
import { needs } from '../../support/requirements.js';
import { RedisServer } from '../../support/servers/redis-server.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';

const sluice = useSluice({ tuning: { historyEvents: 30 } });
const LIMIT = 3;
/** In a history that begins with a workflow task. */
const FIRST_TASK_COMPLETED = 4;
const options = { sweep: { everyMs: 50 }, config: { chainLimit: LIMIT } };

const publish = async (id: string, steps: string): Promise<void> => {
  const eventName = id.toUpperCase();
  await sluice().publish(
    `{id: ${id}, version: 1, triggers: [{type: event, eventName: ${eventName}}], steps: [${steps}]}`,
  );
};
const publishStep = (id: string): string => `{id: p, type: event.publish, eventName: ${id.toUpperCase()}}`;

let ids = 0;
const eventOf = (id: string): JsonObject & { readonly eventId: string } => ({
  eventId: `c-${++ids}`,
  eventName: id.toUpperCase(),
  tenantId: sluice().tenant,
});
const runsOf = async (definition: string) =>
  (await sluice().projections.reads.listRuns(sluice().tenant, { definition })).items;
/** The open letters about the definition, once there are as many. */
const letters = (id: string, count: number) =>
  waitFor(async () => {
    const { items } = await sluice().client.deadLetters.list({ kind: 'trigger', status: 'OPEN', limit: 500 });
    const found = items.filter(({ subject }) => subject === `${id} by ${id.toUpperCase()}`);
    return found.length === count && found;
  });

describe('a chain of runs that events of one another start', () => {
  let bridge: TestBridge;
  beforeAll(async () => {
    bridge = await openBridge(sluice(), options);
  });
  afterAll(() => bridge.stop());

  it('a definition that triggers itself stops at the limit with a dead letter, whose retry begins a new chain [event-chains-end]', async () => {
    await publish('again', publishStep('again'));
    await bridge.post(eventOf('again'));
    const [letter] = await letters('again', 1);
    expect(letter).toMatchObject({ errorCode: 'EVENT_CHAIN_TOO_DEEP', canRetry: true });
    expect(await runsOf('again')).toHaveLength(LIMIT);

    await sluice().client.deadLetters.retry(letter?.id ?? '');
    await waitFor(
      async () => (await sluice().client.deadLetters.show(letter?.id ?? '')).status === 'RETRIED',
    );
    const [second] = await letters('again', 1);
    expect(second?.id).not.toBe(letter?.id);
    expect(await runsOf('again')).toHaveLength(2 * LIMIT);
  });

  it('a chain goes on through children, and a re-run of its last run is still at the limit', async () => {
    await sluice().publish(`{id: sends, version: 1, steps: [${publishStep('parents')}]}`);
    await publish('parents', '{id: c, type: control.callWorkflow, workflow: sends, input: {}}');
    await bridge.post(eventOf('parents'));
    await letters('parents', 1);
    const [last, ...others] = await waitFor(async () => {
      const runs = await runsOf('parents');
      return runs.every(({ status }) => status === 'SUCCEEDED') && runs;
    });
    expect(others).toHaveLength(LIMIT - 1);
    await sluice().client.runs.rerun(last?.runId ?? '');
    await letters('parents', 2);
    expect(await runsOf('parents')).toHaveLength(LIMIT + 1);
  });

  it('a chain goes on over continue-as-new and a rewind [event-chains-end]', async () => {
    const echo = '{id: e, type: action.call, action: core.echo, input: 1}';
    const loop = `{id: l, type: control.forEach, items: {$expr: '[1..15]'}, body: [${echo}]}`;
    await publish('carried', `${loop}, ${publishStep('carried')}`);
    const { client } = sluice();
    await bridge.post(eventOf('carried'));
    await letters('carried', 1);
    const runs = await waitFor(async () => {
      const found = await runsOf('carried');
      return found.length === LIMIT && found.every(({ status }) => status === 'SUCCEEDED') && found;
    });
    for (const { runId } of runs) {
      const { items } = await client.runs.events(runId, { limit: 500 });
      expect(items.some(({ type }) => type === 'RUN_CONTINUED')).toBe(true);
    }
    // After a rewind the run publishes another event, at the same place in the chain.
    await client.runs.rewind(runs[0]?.runId ?? '', { stepPath: 'steps[1]' });
    await letters('carried', 2);
    expect(await runsOf('carried')).toHaveLength(LIMIT);
  });

  it('a run that Temporal resets keeps its place in the chain [event-chains-end]', async () => {
    await publish('held', `{id: w, type: event.wait, eventName: GO}, ${publishStep('held')}`);
    const { client } = sluice();
    await bridge.post(eventOf('held'));
    const goOn = async (count: number) => {
      const [newest] = await waitFor(async () => {
        const runs = await runsOf('held');
        return runs.length === count && runs[0]?.status === 'WAITING' && runs;
      });
      return newest as NonNullable<typeof newest>;
    };
    for (let place = 1; place < LIMIT; place++) {
      await client.signalEvent((await goOn(place)).workflowId, { eventName: 'GO' });
    }
    const { workflowId, runId } = await goOn(LIMIT);
    const { namespace } = sluice().temporal;
    await client.temporal.workflowService.resetWorkflowExecution({
      ...{ namespace, workflowExecution: { workflowId, runId }, requestId: randomUUID() },
      ...{ reason: 'by hand', workflowTaskFinishEventId: Long.fromNumber(FIRST_TASK_COMPLETED) },
    });
    await client.signalEvent(workflowId, { eventName: 'GO' });
    await letters('held', 1);
    expect(await runsOf('held')).toHaveLength(LIMIT);
  });

  it('a run that a schedule starts begins a chain, which ends at the limit [event-chains-end]', async () => {
    const triggers = '[{type: schedule, everyMs: 86400000}, {type: event, eventName: TIMED}]';
    await sluice().publish(
      `{id: timed, version: 1, triggers: ${triggers}, steps: [${publishStep('timed')}]}`,
    );
    await sluice().client.temporal.schedule.getHandle(`sluice/${sluice().tenant}/timed/0`).trigger();
    await letters('timed', 1);
    // The scheduled run, and those that events started.
    expect(await runsOf('timed')).toHaveLength(1 + LIMIT);
    await sluice().client.unpublishDefinition('timed');
  });

  it('what a sender says about the chain is not read: it neither stops its event nor goes on', async () => {
    await publish('outside', publishStep('outside'));
    const event = { ...eventOf('outside'), sluice_chain: 1_000 };
    expect((await bridge.post(event)).body).toMatchObject({ outcome: 'ROUTED' });
    const query = { tenant: sluice().tenant, source: 'plain', id: event.eventId };
    expect((await bridge.get(query)).body['envelope']).not.toHaveProperty('sluice_chain');
    await letters('outside', 1);
    expect(await runsOf('outside')).toHaveLength(LIMIT);
  });
});

describe('a chain over Redis Streams', needs('redis'), () => {
  it('a definition that triggers itself over the stream stops at the limit', async () => {
    const redis = await RedisServer.start();
    const bridge = await openBridge(sluice(), { ...options, redisUrl: redis.url });
    try {
      await publish('streams', publishStep('streams'));
      await bridge.post(eventOf('streams'));
      expect(await letters('streams', 1)).toMatchObject([{ errorCode: 'EVENT_CHAIN_TOO_DEEP' }]);
      expect(await runsOf('streams')).toHaveLength(LIMIT);
    } finally {
      await bridge.stop();
      await redis.remove();
    }
  });
});

describe('the expressions of one event’s triggers', () => {
  it('they have a bound together, and the process takes turns between them [no-check-freezes]', async () => {
    const heavy = { $expr: '$count([1..60000].($ * 2)) < 0' };
    const spec = { filter: heavy };
    const rows = Array.from({ length: 30 }, (_, i) => {
      return { definition: `heavy-${i}`, position: 0, version: 1, spec };
    });
    const triggers = new Triggers(sluice().projections, sluice().client, LIMIT);
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const outcomes = await triggers.fire(rows, {
      ...{ tenant: sluice().tenant, source: 's', id: 'heavy', name: 'HEAVY', time: null, payload: null },
      ...{ correlationKey: null, receivedAt: new Date(0).toISOString() },
    });
    clearInterval(count);
    const evaluated = outcomes.filter(({ status }) => status === 'FILTERED').length;
    expect(evaluated).toBeGreaterThan(1);
    expect(evaluated).toBeLessThan(10);
    expect(turns).toBeGreaterThan(1);
    expect(outcomes.at(-1)).toMatchObject({ status: 'FAILED', error: { code: 'EXPRESSION_BUDGET' } });
  });
});
