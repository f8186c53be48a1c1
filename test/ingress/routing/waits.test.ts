/** Events that reach a run through the bridge: any of several, too many, too early. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAction } from '../../../actions/index.js';
import type { Json, JsonObject } from '../../../contracts/json.js';
import type { StartedRun } from '../../../client/index.js';
import { useSluice } from '../../support/sluice.js';
import { waitFor } from '../../support/wait-for.js';
import { openBridge, type TestBridge } from '../support/bridge.js';

let open = (): void => undefined;
/** Ends once the test says so. */
const hold = defineAction({
  id: 'test.hold',
  version: 1,
  description: 'Ends once the test says so.',
  input: z.object({}),
  output: z.object({}),
  run: async () => {
    await opened;
    return {};
  },
});
const opened = new Promise<void>((resolve) => (open = resolve));
const sluice = useSluice({ actions: [hold] });
let bridge: TestBridge;
beforeAll(async () => {
  await sluice().publish('{id: audit, version: 1, steps: []}');
  bridge = await openBridge(sluice());
});
afterAll(() => bridge.stop());

let ids = 0;
const event = (eventName: string, key: string, payload: Json = null): JsonObject => ({
  eventId: `e-${++ids}`,
  eventName,
  tenantId: sluice().tenant,
  workflow_correlation_key: key,
  payload,
});

/** Waits until the database, and so the bridge, knows that many open waits of the run. */
const registered = (run: StartedRun, count: number) =>
  waitFor(async () => {
    const waits = await sluice().projections.reads.listWaits(sluice().tenant, run.runId);
    return waits.filter(({ status }) => status === 'WAITING').length === count;
  });

const outcomes = async (run: StartedRun): Promise<readonly string[]> => {
  const waits = await sluice().projections.reads.listWaits(sluice().tenant, run.runId);
  return waits.map(({ path, status }) => `${path} ${status}`);
};

const explained = async (sent: JsonObject): Promise<JsonObject> => {
  const query = { tenant: sluice().tenant, source: 'plain', id: sent['eventId'] as string };
  return (await bridge.get(query)).body;
};

const ANY = `
id: any-of
version: 1
steps:
  - id: any
    type: control.race
    saveAs: vars.winner
    branches:
      paid: [{ id: paid, type: event.wait, eventName: PAID, correlationKey: { $expr: payload.key }, assign: { vars.got: { $expr: event.payload } } }]
      refused: [{ id: refused, type: event.wait, eventName: REFUSED, correlationKey: { $expr: payload.key }, assign: { vars.got: { $expr: event.payload } } }]
      late: [{ id: late, type: time.wait, durationMs: 600000 }]
  - { id: more, type: event.wait, eventName: [PAID, REFUSED], correlationKey: { $expr: payload.key }, timeoutMs: 60000, assign: { vars.next: { $expr: event.payload } } }
result: { $expr: '{"winner": vars.winner, "got": vars.got, "next": vars.next}' }
`;

describe('a wait for any of several events (control.race)', () => {
  it.each([
    ['paid', 'PAID', 'REFUSED'],
    ['refused', 'REFUSED', 'PAID'],
  ])(
    'a race of waits ends with its first event, %s; the other waits close, and their event stays for a later wait',
    async (winner, first, second) => {
      const run = await sluice().startSource(ANY, { key: `race-${winner}` });
      await registered(run, 3);
      const [sent, next] = [event(first, `race-${winner}`, 1), event(second, `race-${winner}`, 2)];
      expect((await bridge.post(sent)).body).toMatchObject({ outcome: 'ROUTED' });
      await bridge.post(next);
      await bridge.post(sent);
      expect(await sluice().result(run)).toEqual({ winner, got: 1, next: 2 });
      expect([...(await outcomes(run))].sort()).toEqual(
        [
          `steps[0].branches.late[0] CANCELED`,
          `steps[0].branches.${winner}[0] SATISFIED`,
          `steps[0].branches.${winner === 'paid' ? 'refused' : 'paid'}[0] CANCELED`,
          'steps[1] SATISFIED',
        ].sort(),
      );
      const answers = async (of: JsonObject): Promise<readonly string[]> =>
        (
          ((await explained(of))['runs'] as readonly JsonObject[])[0]?.['answers'] as readonly string[]
        ).filter(
          // The wait may send it again if it opens while the first signal is being noted.
          (answer) => answer !== 'EVENT_DROPPED (duplicate)',
        );
      expect(await answers(sent)).toEqual([
        'EVENT_RECEIVED',
        `WAIT_SATISFIED at steps[0].branches.${winner}[0]`,
      ]);
      expect(await answers(next)).toEqual(['EVENT_RECEIVED', 'WAIT_SATISFIED at steps[1]']);
    },
  );

  it('two events that arrive together go to one wait each, whichever is first', async () => {
    const run = await sluice().startSource(ANY, { key: 'race-both' });
    await registered(run, 3);
    await Promise.all([
      bridge.post(event('PAID', 'race-both', 'paid')),
      bridge.post(event('REFUSED', 'race-both', 'refused')),
    ]);
    const result = (await sluice().result(run)) as JsonObject;
    expect(result['got']).toBe(result['winner']);
    expect([result['got'], result['next']].sort()).toEqual(['paid', 'refused']);
  });
});

describe('more events than a run keeps [signals-survive]', () => {
  const received = async (run: StartedRun, type: string): Promise<readonly JsonObject[]> => {
    const { items } = await sluice().projections.reads.listEvents(sluice().tenant, run.runId, {
      limit: 1_000,
    });
    return items.flatMap((entry) => (entry.type === type ? [entry.data as JsonObject] : []));
  };

  it('a slow consumer gets every event, once and in order, of any size', async () => {
    const count = 30;
    const run = await sluice().startSource(
      `
id: slow-consumer
version: 1
steps:
  - { id: init, type: transform.assign, assign: { vars.got: [] } }
  - { id: go, type: event.wait, eventName: GO, correlationKey: slow }
  - id: loop
    type: control.while
    condition: { $expr: $count(vars.got) < payload.n }
    body:
      - { id: w, type: event.wait, eventName: DOC, correlationKey: slow, timeoutMs: 20000, assign: { vars.got: { $expr: 'append(vars.got, event.payload.i)' } } }
      - { id: slow, type: action.call, action: test.hold, input: {} }
result: { $expr: vars.got }
`,
      { n: count },
    );
    await registered(run, 1);
    // 2 MB in all, from 1 KiB to 200 KiB, and all of it is there when the first wait looks back.
    const kib = [1, 20, 150, 60, 200, 5];
    const sent = Array.from({ length: count }, (_, i) =>
      event('DOC', 'slow', { i, body: 'x'.repeat(1_024 * (kib[i % kib.length] ?? 0)) }),
    );
    for (const envelope of sent) expect((await bridge.post(envelope)).status).toBe(202);
    await bridge.post(event('GO', 'slow'));
    // The first look-back has ended, and the run is not yet at its second wait.
    await waitFor(async () => ((await explained(sent[0] ?? {}))['outcome'] as string) === 'ROUTED');
    open();
    expect(await sluice().result(run)).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it('what a full buffer returns is in the log and in `explain`, and later waits take it in order', async () => {
    const run = await sluice().startSource(
      `
id: flooded
version: 1
steps:
  - id: both
    type: control.parallel
    branches:
      filtered:
        - { id: n, type: event.wait, eventName: N, correlationKey: flood, filters: [{ path: last, op: exists }] }
      go:
        - { id: go, type: event.wait, eventName: GO, correlationKey: flood }
  - { id: init, type: transform.assign, assign: { vars.got: [] } }
  - id: loop
    type: control.while
    condition: { $expr: $count(vars.got) < payload.n }
    body:
      - { id: w, type: event.wait, eventName: N, correlationKey: flood, timeoutMs: 20000, assign: { vars.got: { $expr: 'append(vars.got, event.payload.n)' } } }
result: { $expr: vars.got }
`,
      { n: 14 },
    );
    await registered(run, 2);
    const body = 'x'.repeat(30_000);
    const sent = Array.from({ length: 14 }, (_, n) => event('N', 'flood', { n, body }));
    // The filtered wait is open, so each of them is sent to the run, and its buffer holds eight.
    for (const envelope of sent) {
      expect((await bridge.post(envelope)).body).toMatchObject({ outcome: 'ROUTED' });
    }
    await waitFor(async () => (await received(run, 'EVENT_DROPPED')).length === 6);
    const audit = await explained(sent[13] as JsonObject);
    expect(audit['runs']).toMatchObject([
      { status: 'PENDING', answers: ['EVENT_RECEIVED', 'EVENT_DROPPED (buffer_full, a later wait gets it)'] },
    ]);
    await bridge.post(event('N', 'flood', { last: true }));
    await bridge.post(event('GO', 'flood'));
    expect(await sluice().result(run)).toEqual(sent.map((_, n) => n));
    expect((await explained(sent[13] as JsonObject))['runs']).toMatchObject([{ status: 'SIGNALED' }]);
  });

  it('an event that no bridge recorded and that a run cannot keep becomes a dead letter, whose retry sends it again', async () => {
    const run = await sluice().startSource(
      `
id: not-recorded
version: 1
steps:
  - { id: go, type: event.wait, eventName: GO, correlationKey: direct }
  - { id: all, type: event.wait, eventName: N, correlationKey: direct, filters: [{ path: n, op: '=', value: 0 }], assign: { vars.got: { $expr: event.payload.n } } }
result: { $expr: vars.got }
`,
    );
    await registered(run, 1);
    const body = 'x'.repeat(60_000);
    for (let n = 0; n < 5; n++) {
      await sluice().signal(run, {
        eventId: `n-${n}`,
        eventName: 'N',
        correlationKey: 'direct',
        payload: { n, body },
      });
    }
    const { deadLetters } = sluice().client;
    const letters = async () => (await deadLetters.list({ runId: run.runId })).items;
    await waitFor(async () => (await letters()).length === 1);
    const [letter] = await letters();
    expect(letter).toMatchObject({ kind: 'delivery', status: 'OPEN', subject: 'N', canRetry: true });
    await bridge.post(event('GO', 'direct'));
    await waitFor(async () => (await outcomes(run)).includes('steps[1] WAITING'));
    await deadLetters.retry(letter?.id ?? '');
    expect(await sluice().result(run)).toBe(0);
    expect(await letters()).toMatchObject([{ status: 'RETRIED' }]);
  });
});

describe('an event from before the run', () => {
  it('an event from before the run does not satisfy a wait without a look-back, even after a resync', async () => {
    const before = event('BEFORE', 'old', 'old');
    expect((await bridge.post(before)).body).toMatchObject({ outcome: 'NO_MATCH' });
    const run = await sluice().startSource(
      `
id: looks-at-its-own
version: 1
steps:
  - { id: w, type: event.wait, eventName: BEFORE, correlationKey: old, timeoutMs: 60000, assign: { vars.got: { $expr: event.payload } } }
result: { $expr: vars.got }
`,
    );
    await registered(run, 1);
    await sluice().client.temporal.workflow.getHandle(run.workflowId).signal('resync', { reason: 'test' });
    await waitFor(async () => {
      const { items } = await sluice().projections.reads.listEvents(sluice().tenant, run.runId);
      return items.some(({ type }) => type === 'SNAPSHOT');
    });
    await bridge.post(event('BEFORE', 'old', 'new'));
    expect(await sluice().result(run)).toBe('new');
  });

  it('an event that one wait looks back for does not satisfy another wait that does not look back', async () => {
    const run = await sluice().startSource(
      `
id: two-looks
version: 1
steps:
  - id: long
    type: event.wait
    eventName: OLDER
    correlationKey: two-looks
    lookbackMs: 600000
    filters: [{ path: wanted, op: exists }]
    timeoutMs: 1500
    onError: { policy: continue }
  - { id: w, type: event.wait, eventName: OLDER, correlationKey: two-looks, timeoutMs: 60000, assign: { vars.got: { $expr: event.payload } } }
result: { $expr: vars.got }
`,
    );
    // Older than the tolerated clock skew.
    const long = new Date(Date.now() - 60_000).toISOString();
    await sluice().signal(run, {
      eventName: 'OLDER',
      correlationKey: 'two-looks',
      payload: 'older',
      receivedAt: long,
    });
    await waitFor(async () => {
      const waits = await sluice().projections.reads.listWaits(sluice().tenant, run.runId);
      return waits.some(({ path, status }) => path === 'steps[1]' && status === 'WAITING');
    });
    await bridge.post(event('OLDER', 'two-looks', 'new'));
    expect(await sluice().result(run)).toBe('new');
  });
});
