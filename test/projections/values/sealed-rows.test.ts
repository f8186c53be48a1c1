/** What a database holds of values with and without a key ring, and how it goes on when a ring changes. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { correlate } from '../../../contracts/events/correlation.js';
import type { Execution } from '../../../contracts/run/projection.js';
import { KeyRing, newKey, RingSeal } from '../../../encryption/index.js';
import { connect, openProjections, type Projections } from '../../../projections/index.js';
import { isSealed } from '../../../projections/values/value-seal.js';
import { VALUE_COLUMNS } from '../../../projections/values/value-columns.js';
import { event, execution, invocation, lease, runError, runStarted, START_MS } from '../support/runs.js';
import { LIFE, READS, taskOf } from '../support/tenant-life.js';

const keys = { k1: newKey(), k2: newKey() };
const index = newKey();
const sealOf = (current: 'k1' | 'k2') => () =>
  Promise.resolve(new RingSeal(new KeyRing({ current, keys, index })));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-sealed-rows-'));
});
afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

const urlOf = (name: string): string => `surrealkv://${join(directory, name)}`;

/** Opens a store, uses it and closes it. */
async function using<T>(
  url: string,
  seal: (() => Promise<RingSeal>) | undefined,
  body: (projections: Projections) => Promise<T>,
): Promise<T> {
  const projections = await openProjections({ url, ...(seal !== undefined && { seal }) });
  try {
    return await body(projections);
  } finally {
    await projections.close();
  }
}

/** Everything that the files of a store hold. */
async function filesOf(name: string): Promise<string> {
  const files = await readdir(join(directory, name), { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), 'latin1'));
  return (await Promise.all(texts)).join('\n');
}

const place = { path: 'steps[1]', iteration: [], attempt: 1 };
const other = { path: 'steps[2]', iteration: [], attempt: 1 };

/** Every write that takes a value, with this one in it. */
async function fill(all: Projections, of: Execution, value: string): Promise<void> {
  const { tenant, runId } = of.run;
  const failed = { ...runError('NO'), message: `no ${value}`, details: { value } };
  const use = { ...invocation('k-1'), input: { value } };
  await all.beginAction(of, [runStarted({ value }, [value])], use, lease('w'));
  const retried = { ...invocation('k-2', 'steps[2]'), input: { value } };
  const evidence = { kind: 'authorization', actor: 'alice', decision: 'ALLOW', body: { value } } as const;
  await all.finishAction(of, use, {
    outcome: { status: 'SUCCEEDED', output: { value }, artifacts: [`s3://b/${value}`] },
    writes: [],
    holder: 'w',
    evidence,
  });
  await all.recordAction(of, [], retried, {
    lease: lease('w'),
    startedAt: START_MS,
    outcome: { status: 'FAILED', error: failed },
    writes: [],
  });
  // Over the bound of a row, so its text is a blob.
  const large = `${value} `.repeat(20_000);
  const publish = {
    position: 1,
    eventId: 'p-1',
    eventName: 'DONE',
    correlationKey: value,
    payload: { value },
  };
  const filters = [{ path: 'payload.a', op: 'eq', value }];
  await all.commitEvents(of, [
    event(2, 'STEP_SUCCEEDED', { id: 'a', kind: 'transform.assign', output: { large } }, place),
    event(3, 'STEP_FAILED', { id: 'b', kind: 'control.fail', error: failed }, { path: 'steps[3]' }),
    event(4, 'WAIT_OPENED', { kind: 'event', eventNames: ['PAID'], correlationKey: value, filters }, other),
    event(5, 'STEP_SUCCEEDED', { id: 'p', kind: 'event.publish', publish }, { path: 'steps[4]' }),
    event(6, 'RUN_CANCEL_REQUESTED', { reason: `because of ${value}` }),
  ]);
  const arrived = (id: string) => {
    const bus = {
      tenant,
      source: 'shop',
      id,
      name: 'PAID',
      time: null,
      correlationKey: value,
      payload: { value },
    };
    const receivedAt = new Date(START_MS + 1_000);
    return { event: bus, envelope: bus, correlation: correlate(bus, {}), via: 'http' as const, receivedAt };
  };
  const recorded = await all.events.record(arrived('e-1'));
  expect(recorded.deliveries.map(({ run_id }) => run_id)).toEqual([runId]);
  const key = { tenant, source: 'shop', id: 'e-1' };
  await all.events.finish(key, {
    outcome: 'FAILED',
    deliveries: [{ runId, status: 'FAILED', error: `no ${value}` }],
    triggers: [{ definition: 'same', error: { code: 'NO', message: value } }],
    routedTo: [],
    error: { code: 'NO', message: value },
    letters: [
      {
        ...{
          tenant,
          id: 'd-1',
          kind: 'trigger',
          subject: 'same by PAID',
          reason: `NO: ${value}`,
          at: START_MS,
        },
        body: JSON.stringify({ value }),
        retryWith: { value },
      },
    ],
    receivedAt: new Date(START_MS + 1_000),
  });
  await all.tasks.record(of.executionId, taskOf(of, value));
  const act = { at: '2026-01-02T03:04:06.000Z', actor: 'bob', act: 'retry' as const, note: `of ${value}` };
  await all.deadLetters.move(tenant, 'd-1', { from: ['OPEN'], to: 'RETRYING', act });
  const retry = { ...key, definition: 'same', letter: 'd-1', act };
  await all.deadLetters.requeueTrigger(retry, 'd-1', act);
  await all.events.finishRetry(retry, {
    ...{ triggers: [{ definition: 'same', value }], runId: null, outcome: 'FAILED' },
    ...{
      error: { message: value },
      failure: { code: 'NO', message: value },
      act: { ...act, act: 'retried' },
    },
  });
  await all.deadLetters.move(tenant, 'd-1', { from: ['OPEN'], to: 'RETRYING', act });
  await all.deadLetters.requeueTrigger(retry, 'd-1', act);
  const [due] = (await all.events.dueOutbox(undefined, 10)).items;
  if (due !== undefined) await all.events.settleOutbox(due, { status: 'DEAD', error: `no ${value}` });
  const request = { tenant, principal: 'p', key: 'k' };
  await all.apiRequests.begin(
    request,
    'a'.repeat(64),
    { holder: 'api', now: START_MS, forMs: 1_000 },
    START_MS + 2_000,
  );
  await all.apiRequests.end(request, 'api', { kind: 'answered', answer: JSON.stringify({ value }) });
  await all.commitEvents(of, [
    event(7, 'WAIT_CANCELED', { reason: `as ${value}` }, other),
    event(8, 'RUN_FAILED', { error: failed }),
  ]);
  const done = execution({ tenant });
  await all.commitEvents(done, [runStarted({ value }), event(2, 'RUN_SUCCEEDED', { result: { value } })]);
  const started = runStarted({ value });
  if (started.type !== 'RUN_STARTED') return;
  const trigger = { kind: 'event', source: 's', id: value } as never;
  await all.commitEvents(execution({ tenant }), [{ ...started, data: { ...started.data, trigger } }]);
}

describe('a store of a process with a key ring', () => {
  it('holds none of the values in its files, while the store of one without a ring does [values-are-encrypted]', async () => {
    const value = 'marked-7f31c9d2';
    await using(urlOf('clear'), undefined, (all) => fill(all, execution(), value));
    await using(urlOf('sealed'), sealOf('k1'), (all) => fill(all, execution(), value));
    expect(await filesOf('clear')).toContain(value);
    expect(await filesOf('sealed')).not.toContain(value);
  });

  it('has each text of each value column encrypted, and every value column is filled', async () => {
    const raw = await connect({ url: urlOf('sealed') });
    const seen = new Set<string>();
    const clear: string[] = [];
    try {
      for (const [table, columns] of Object.entries(VALUE_COLUMNS)) {
        const [answer] = await raw.request(`SELECT * FROM ${table}`);
        const rows = answer?.ok === true ? (answer.value as Record<string, unknown>[]) : [];
        for (const row of rows) {
          for (const column of columns) {
            for (const text of [row[column]].flat()) {
              if (typeof text !== 'string') continue;
              seen.add(`${table}.${column}`);
              if (!isSealed(text) && !text.startsWith('@')) clear.push(`${table}.${column}: ${text}`);
            }
          }
        }
      }
    } finally {
      await raw.close();
    }
    expect(clear).toEqual([]);
    const all = Object.entries(VALUE_COLUMNS).flatMap(([table, columns]) =>
      columns.map((c) => `${table}.${c}`),
    );
    expect(all.filter((column) => !seen.has(column))).toEqual([]);
  });

  it('is refused to a process without its ring, and shows no row to one without its key', async () => {
    const url = urlOf('sealed');
    await expect(openProjections({ url })).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    const stranger = () =>
      Promise.resolve(new RingSeal(new KeyRing({ current: 'k1', keys, index: newKey() })));
    await expect(openProjections({ url, seal: stranger })).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    const poor = () =>
      Promise.resolve(new RingSeal(new KeyRing({ current: 'k3', keys: { k3: newKey() }, index })));
    await using(url, poor, async (all) => {
      const { items, unreadable = [] } = await all.reads.listRuns('acme');
      expect(items).toEqual([]);
      expect(unreadable[0]?.reason).toContain('KEY_UNKNOWN: The key ring has no key "k1"');
      const runId = unreadable[0]?.id.match(/[\da-f-]{36}/)?.[0] ?? '';
      await expect(all.reads.getRun('acme', runId)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    });
  });

  it('answers every read as one without a ring does', async () => {
    const of = execution();
    const reads = async (all: Projections) => {
      for (const live of Object.values(LIFE)) await live(all, of);
      const answers: Record<string, unknown> = {};
      for (const [name, [ask]] of Object.entries(READS)) answers[name] = await ask(all, of);
      // Times of the database's and the writer's clock.
      const text = JSON.stringify(answers).replaceAll(
        /20(?!26-01-02T03:04:0)\d\d-\d\d-\d\dT[\d:.]+Z/g,
        'TIME',
      );
      return JSON.parse(text) as unknown;
    };
    const clear = await using('mem://', undefined, reads);
    expect(await using('mem://', sealOf('k1'), reads)).toEqual(clear);
  });
});

describe('a ring that is turned on, and rotated', () => {
  it('leaves a run as it was: committed again, rebuilt, listed, waited for and delivered [values-are-encrypted]', async () => {
    const url = urlOf('changing');
    const of = execution();
    const { tenant, runId } = of.run;
    const log = [
      runStarted({ orderId: 'o-1' }, ['o-1']),
      event(
        2,
        'STEP_SUCCEEDED',
        { id: 's', kind: 'x', output: { text: 'y'.repeat(300_000) } },
        { path: 'steps[0]' },
      ),
      event(3, 'WAIT_OPENED', { kind: 'event', eventNames: ['PAID'], correlationKey: 'o-1' }, place),
    ];
    const bus = { tenant, source: 'shop', name: 'PAID', time: null, correlationKey: 'o-1', payload: {} };
    const arrive = async (all: Projections, id: string) => {
      const arrived = { ...bus, id };
      const { deliveries } = await all.events.record({
        ...{ event: arrived, envelope: arrived, correlation: correlate(arrived, {}), via: 'http' },
        receivedAt: new Date(),
      });
      return deliveries.map(({ run_id }) => run_id);
    };
    const use = { ...invocation('k-1'), input: { a: 1 } };
    const asBefore = async (all: Projections, id: string) => {
      // A worker sends what it committed before the change once more.
      await all.commitEvents(of, log);
      expect(await all.beginAction(of, [], use, lease('w'))).toMatchObject({
        kind: 'recorded',
        output: { b: 2 },
      });
      // The same work from another place: compared by its digest.
      const elsewhere = { ...use, step: { ...use.step, path: 'steps[9]' } };
      expect(await all.beginAction(of, [], elsewhere, lease('w'))).toMatchObject({ kind: 'recorded' });
      await expect(
        all.beginAction(of, [], { ...elsewhere, input: { a: 2 } }, lease('w')),
      ).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
      expect(await arrive(all, id)).toEqual([runId]);
      const found = await all.reads.listRuns(tenant, { correlationKey: 'o-1' });
      expect(found.items.map((run) => run.runId)).toEqual([runId]);
      const waits = [
        { place: 'p', eventNames: ['PAID'], correlationKey: 'o-1', since: 0, filters: [], full: false },
      ];
      const missed = await all.missedEvents({ tenant, runId: 'another' }, waits);
      expect(missed.events.map((one) => one.id)).toContain('e-clear');
      const { items } = await all.reads.listSteps(tenant, runId);
      expect(JSON.stringify(items)).toContain('y'.repeat(100));
      await expect(
        all.commitEvents(of, [{ ...runStarted({ orderId: 'o-2' }, ['o-1']) }]),
      ).rejects.toMatchObject({ code: 'PROJECTION_CONFLICT' });
    };
    await using(url, undefined, async (all) => {
      await all.commitEvents(of, log);
      await all.beginAction(of, [], use, lease('w'));
      await all.finishAction(of, use, {
        ...{ outcome: { status: 'SUCCEEDED', output: { b: 2 }, artifacts: [] }, writes: [], holder: 'w' },
      });
      expect(await arrive(all, 'e-clear')).toEqual([runId]);
    });
    await using(url, sealOf('k1'), (all) => asBefore(all, 'e-1'));
    await using(url, sealOf('k2'), async (all) => {
      await asBefore(all, 'e-2');
      await all.maintenance.rebuildRun(tenant, runId);
      expect(await all.maintenance.rebuildRun(tenant, runId)).toEqual([]);
      await asBefore(all, 'e-3');
    });
    await using(url, sealOf('k1'), async (all) => {
      // The rows differ in their keys only.
      expect(await all.maintenance.rebuildRun(tenant, runId)).toEqual([]);
    });
  });
});
