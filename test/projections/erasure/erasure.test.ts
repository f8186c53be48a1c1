/**
 * Erasure in the database: values go from the rows and from the files of the store, and nothing brings
 * them back.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { correlate } from '../../../contracts/events/correlation.js';
import type { Execution } from '../../../contracts/run/projection.js';
import { openProjections, type Projections } from '../../../projections/index.js';
import { TREATED } from '../../../projections/erasure/blank.js';
import { VALUE_COLUMNS } from '../../../projections/values/value-columns.js';
import { onEveryDatabase } from '../support/databases.js';
import {
  event,
  execution,
  invocation,
  lease,
  runError,
  runStarted,
  START_MS,
  stepStarted,
} from '../support/runs.js';

const SECRET = 'Ottilie-Ohnesorg-1987';

/** A run whose every kind of row has the value, and which has ended. */
async function makeRun(store: Projections, tenant = 'acme'): Promise<Execution> {
  const of = execution({ tenant });
  const key = `key ${SECRET} ${of.run.runId}`;
  const use = { ...invocation(key), input: { name: SECRET } };
  await store.beginAction(
    of,
    [runStarted({ name: SECRET, large: SECRET.repeat(20_000) }, [SECRET]), stepStarted(2, 'steps[0]', key)],
    use,
    lease('w'),
  );
  await store.finishAction(of, use, {
    outcome: { status: 'SUCCEEDED', output: SECRET, artifacts: [SECRET] },
    writes: [],
    holder: 'w',
    evidence: { kind: 'authorization', actor: 'alice', decision: 'ALLOW', body: { name: SECRET } },
  });
  const publish = {
    position: 1,
    eventId: `p-${of.run.runId}`,
    eventName: 'DONE',
    correlationKey: SECRET,
    payload: { name: SECRET },
  };
  await store.commitEvents(of, [
    event(
      3,
      'STEP_SUCCEEDED',
      { id: 'steps[0]', kind: 'action.call', output: { name: SECRET } },
      { path: 'steps[0]' },
    ),
    event(
      4,
      'WAIT_OPENED',
      { kind: 'event', eventNames: ['PAID'], correlationKey: SECRET },
      { path: 'steps[1]' },
    ),
    event(5, 'STEP_SUCCEEDED', { id: 'p', kind: 'event.publish', publish }, { path: 'steps[2]' }),
  ]);
  await arrive(store, of, `e-${of.run.runId}`, SECRET);
  await store.commitEvents(of, [event(6, 'RUN_FAILED', { error: { ...runError('BAD'), message: SECRET } })]);
  await store.events.settleOutbox({ key: [tenant, of.run.runId, 1, 5, publish.eventId] }, { status: 'SENT' });
  await store.deadLetters.put([
    {
      tenant,
      id: `d-${of.run.runId}`,
      kind: 'compensation',
      runId: of.run.runId,
      subject: 's',
      reason: SECRET,
      retryWith: { SECRET },
      body: SECRET,
      at: START_MS,
    },
  ]);
  const request = { tenant, principal: 'p', key: of.run.runId };
  await store.apiRequests.begin(
    request,
    'hash',
    { holder: 'api', now: START_MS, forMs: 1_000 },
    START_MS + 1e12,
  );
  await store.apiRequests.end(request, 'api', {
    kind: 'answered',
    answer: JSON.stringify({ body: JSON.stringify({ runId: of.run.runId, name: SECRET }) }),
  });
  return of;
}

async function arrive(store: Projections, of: Execution, id: string, key: string) {
  const bus = {
    tenant: of.run.tenant,
    source: 'shop',
    id,
    name: 'PAID',
    time: null,
    correlationKey: key,
    payload: { name: key },
  };
  const receivedAt = new Date(START_MS + 1_000);
  const recorded = await store.events.record({
    event: bus,
    envelope: bus,
    correlation: correlate(bus, {}),
    via: 'http',
    receivedAt,
  });
  if (recorded.outcome === null) {
    await store.events.finish(bus, {
      ...{ outcome: 'ROUTED', triggers: [], routedTo: [of.run.runId], error: null, receivedAt },
      deliveries: [{ runId: of.run.runId, status: 'FAILED', error: SECRET }],
    });
  }
  return recorded;
}

async function eraseAll(store: Projections, tenant = 'acme'): Promise<void> {
  const scope = await store.erasure.scope(tenant, { correlationKey: SECRET });
  await store.erasure.eraseTraces({ tenant, ...scope, correlationKey: SECRET });
  for (const { runId } of scope.runs) await store.erasure.eraseRun(tenant, runId);
  for (const one of scope.events) await store.erasure.eraseEvent({ tenant, ...one });
}

/** Every row and key of a tenant, as text. */
async function dump({ database }: Projections, tenant: string): Promise<string> {
  const [info] = await database.request('INFO FOR DB');
  const names = info?.ok === true ? Object.keys((info.value as { tables: object }).tables) : [];
  const answers = await database.request(names.map((name) => `SELECT * FROM ${name}`).join(';'));
  return answers
    .flatMap((answer) => (answer.ok ? (answer.value as object[]) : []))
    .map((row) => JSON.stringify(row))
    .filter((row) => row.includes(tenant))
    .join('\n');
}

it('each table whose columns hold values is emptied, removed, written anew or refused on purpose [erasure-forgets-no-column]', () => {
  expect(Object.keys(TREATED).sort()).toEqual(Object.keys(VALUE_COLUMNS).sort());
});

onEveryDatabase(
  'Erasure',
  (host) => {
    it('no row of the tenant holds the value afterwards, other tenants keep theirs, and what happened stays [erased-stays-erased]', async () => {
      const store = await host.open();
      const of = await makeRun(store);
      await makeRun(store, 'other');
      const others = await dump(store, 'other');
      for (const table of Object.keys(VALUE_COLUMNS)) {
        if (TREATED[table] === 'refused' || TREATED[table] === 'rewritten') continue;
        const [answer] = await store.database.request(`SELECT * FROM ${table}`);
        expect(JSON.stringify(answer?.ok === true && answer.value), table).toContain(SECRET);
      }
      await eraseAll(store);
      expect(await dump(store, 'acme')).not.toContain(SECRET);
      expect(await dump(store, 'other')).toBe(others);
      expect(await store.reads.getRun('acme', of.run.runId)).toMatchObject({
        ...{ status: 'FAILED', errorCode: 'BAD', actor: 'alice', payload: null, error: null },
        erasedAt: expect.any(String) as string,
      });
      expect((await store.reads.listRuns('acme', { status: 'FAILED' })).items).toHaveLength(1);
      expect((await store.reads.listSteps('acme', of.run.runId)).items).toMatchObject([
        { status: 'SUCCEEDED', input: null, idempotencyKey: null },
        { path: 'steps[1]' },
        { status: 'SUCCEEDED' },
      ]);
      expect(await store.reads.listEvidence('acme', of.run.runId)).toMatchObject([{ decision: 'ALLOW' }]);
      expect(await store.deadLetters.get('acme', `d-${of.run.runId}`)).toMatchObject({
        status: 'DISMISSED',
        canRetry: false,
      });
      const again = await dump(store, 'acme');
      await eraseAll(store);
      await store.erasure.eraseRun('acme', of.run.runId);
      expect((await dump(store, 'acme')).replaceAll(/"revision":\d+/g, '')).toBe(
        again.replaceAll(/"revision":\d+/g, ''),
      );
    });

    it('what an activity, a rebuild or the reconciler brings later is refused, and a repeated event stays a duplicate', async () => {
      const store = await host.open();
      const of = await makeRun(store);
      await eraseAll(store);
      const erased = await dump(store, 'acme');
      const late = invocation('late');
      const outcome = { status: 'SUCCEEDED', output: SECRET, artifacts: [] } as const;
      const refused = { code: 'RUN_ERASED' };
      await expect(store.commitEvents(of, [runStarted({ name: SECRET }, [SECRET])])).rejects.toMatchObject(
        refused,
      );
      await expect(
        store.commitEvents({ ...of, executionId: 'reset' }, [event(7, 'STATE_SET', { state: SECRET })]),
      ).rejects.toMatchObject(refused);
      await expect(store.beginAction(of, [], late, lease('w'))).rejects.toMatchObject(refused);
      await expect(store.finishAction(of, late, { outcome, writes: [], holder: 'w' })).rejects.toMatchObject(
        refused,
      );
      await expect(
        store.recordAction(of, [], late, { outcome, writes: [], lease: lease('w'), startedAt: START_MS }),
      ).rejects.toMatchObject(refused);
      await expect(store.maintenance.rebuildRun('acme', of.run.runId)).rejects.toMatchObject(refused);
      await expect(
        store.maintenance.restoreRun([{ execution: of, events: [runStarted({ name: SECRET }, [SECRET])] }]),
      ).rejects.toMatchObject(refused);
      await expect(
        store.reconciliation.closeRun(of, {
          status: 'INTERRUPTED',
          closedAt: START_MS,
          reason: 'gone',
          mended: 0,
        }),
      ).rejects.toMatchObject(refused);
      expect(await store.maintenance.loggedRuns()).toEqual([]);
      expect(await arrive(store, of, `e-${of.run.runId}`, SECRET)).toMatchObject({
        created: false,
        outcome: 'ROUTED',
      });
      const request = { tenant: 'acme', principal: 'p', key: of.run.runId };
      const taken = await store.apiRequests.begin(
        request,
        'hash',
        { holder: 'api', now: START_MS, forMs: 1_000 },
        START_MS + 1e12,
      );
      expect(taken).toEqual({ kind: 'other' });
      expect((await dump(store, 'acme')).replaceAll(/"revision":\d+/g, '')).toBe(
        erased.replaceAll(/"revision":\d+/g, ''),
      );
    });

    it('an open run, an event under way and what is not sent yet are refused', async () => {
      const store = await host.open();
      const open = execution();
      await store.commitEvents(open, [runStarted()]);
      await expect(store.erasure.eraseRun('acme', open.run.runId)).rejects.toMatchObject({
        code: 'RUN_OPEN',
      });
      await store.commitEvents(open, [
        event(
          2,
          'STEP_SUCCEEDED',
          {
            id: 'p',
            kind: 'event.publish',
            publish: { position: 1, eventId: 'p-1', eventName: 'DONE', correlationKey: null, payload: {} },
          },
          { path: 'steps[2]' },
        ),
        event(3, 'RUN_CANCELED', {}),
      ]);
      await expect(store.erasure.eraseRun('acme', open.run.runId)).rejects.toMatchObject({
        code: 'ERASURE_TOO_EARLY',
      });
      await expect(store.erasure.eraseRun('acme', 'nothing')).rejects.toMatchObject({
        code: 'RUN_NOT_FOUND',
      });
      const key = { tenant: 'acme', source: 'shop', id: 'e-9' };
      const bus = { ...key, name: 'PAID', time: null, correlationKey: 'k', payload: {} };
      await store.events.record({
        event: bus,
        envelope: bus,
        correlation: correlate(bus, {}),
        via: 'http',
        receivedAt: new Date(),
      });
      await expect(store.erasure.eraseEvent(key)).rejects.toMatchObject({ code: 'ERASURE_TOO_EARLY' });
      await expect(store.erasure.eraseEvent({ ...key, id: 'no' })).rejects.toMatchObject({
        code: 'EVENT_NOT_FOUND',
      });
    });
  },
  ['mem', 'server'],
);

describe('the files of the store', () => {
  onEveryDatabase(
    'Files',
    (host) => {
      it('a new store that takes an export of the erased one has no file with the value; the old one keeps it until it compacts', async () => {
        const options = await host.fresh();
        const store = await openProjections(options);
        await makeRun(store);
        await eraseAll(store);
        const exported = await dump(store, '');
        await store.close();
        expect(exported).not.toContain(SECRET);
        const directory = options.url.replace(/^\w+:\/\//, '');
        const files = await readdir(directory, { recursive: true, withFileTypes: true });
        const texts = await Promise.all(
          files
            .filter((file) => file.isFile())
            .map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
        );
        // What docs/erasure.md says: deleting does not overwrite.
        expect(texts.some((text) => text.includes(SECRET))).toBe(true);
      });
    },
    ['surrealkv'],
  );
});
