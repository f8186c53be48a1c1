/** Reads of runs and definitions: page by page, redacted, and exported as one bundle. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import Long from 'long';
import { pausesIn } from '../../client/connection/paused.js';
import { REDACTED, verifyBundle, type StartedRun } from '../../client/index.js';
import type { JsonObject } from '../../contracts/json.js';
import type { RunStatus } from '../../contracts/run/run.js';
import { useSluice } from '../support/sluice.js';
import { waitFor } from '../support/wait-for.js';
import { outside, sourceOf } from './support/outside.js';

const { actions } = outside();
const SECRET = 'sk_live_4f9c';
const sluice = useSluice({ actions, secrets: { 'billing-token': SECRET }, allowHosts: ['127.0.0.1'] });
const runs = () => sluice().client.runs;
const rowSays = (run: StartedRun, status: RunStatus) =>
  waitFor(async () => {
    const row = await runs().get(run.runId);
    return row.status === status && row;
  });

const CARD = '4111-2222-3333';
const echo = (id: string, input: unknown): JsonObject =>
  ({ id, type: 'action.call', action: 'core.echo', input, saveAs: `vars.${id}` }) as JsonObject;
const source = sourceOf(
  [
    echo('whole', { $expr: 'payload.card' }),
    echo('inside', { $expr: '"card " & payload.card & "!"' }),
    echo('pin', { $expr: 'payload.pin' }),
    { id: 'paid', type: 'event.wait', eventName: 'PAID', correlationKey: { $expr: 'payload.card' } },
    { id: 'no', type: 'control.fail', code: 'REFUSED', message: { $expr: '"refused: " & payload.card' } },
  ],
  {
    payloadSchema: {
      type: 'object',
      properties: {
        card: { type: 'string', writeOnly: true },
        pin: { $ref: '#/$defs/pin' },
        open: { type: 'string' },
      },
      $defs: { pin: { type: 'integer', writeOnly: true } },
    },
  },
);

/** A run that has the marked values in every place. */
async function finished(): Promise<StartedRun> {
  const run = await sluice().startSource(source, { card: CARD, pin: 987_654, open: 'seen' });
  await sluice().waiting(run);
  await sluice().signal(run, {
    eventName: 'PAID',
    correlationKey: CARD,
    eventId: 'e-1',
    payload: { card: CARD },
  });
  await expect(sluice().result(run)).rejects.toMatchObject({ code: 'REFUSED' });
  await rowSays(run, 'FAILED');
  return run;
}

describe('Values that the payloadSchema marks writeOnly', () => {
  it('marked values are in no answer, and in every answer with `unredacted`', async () => {
    const run = await finished();
    const shown = async (unredacted: boolean) => [
      await runs().get(run.runId, { unredacted }),
      await runs().list({ definition: (JSON.parse(source) as { id: string }).id }, {}, { unredacted }),
      await runs().steps(run.runId, {}, { unredacted }),
      await runs().events(run.runId, { limit: 500 }, { unredacted }),
      await runs().waits(run.runId, {}, { unredacted }),
      await runs().invocations(run.runId, {}, { unredacted }),
      await runs().export(run.runId, { unredacted }),
    ];
    for (const [i, part] of (await shown(false)).entries()) {
      const text = JSON.stringify(part);
      expect(text, `part ${i}`).not.toContain(CARD);
      expect(text, `part ${i}`).not.toContain('987654');
    }
    const plain = JSON.stringify(await shown(true));
    expect(plain).toContain(CARD);
    expect(plain).toContain('987654');
    const { payload, error } = await runs().get(run.runId);
    expect(payload).toEqual({ card: REDACTED, pin: REDACTED, open: 'seen' });
    expect(error?.message).toBe(`refused: ${REDACTED}`);
  });
});

describe('A run whose definition is not there, as after a restore', () => {
  it('no list fails because of one run whose definition is gone; that run alone is refused, and shows no value', async () => {
    const good = await sluice().startSource(sourceOf([]), {});
    await rowSays(good, 'SUCCEEDED');
    const run = await sluice().startSource(sourceOf([{ id: 'key', type: 'state.set', state: CARD }]), {});
    await waitFor(async () =>
      (await runs().list({}, {}, { unredacted: true })).items.some(
        ({ runId, status }) => runId === run.runId && status === 'SUCCEEDED',
      ),
    );
    const { definition } = await sluice()
      .projections.reads.getRun(sluice().tenant, run.runId)
      .then((row) => row ?? Promise.reject(new Error('no row')));
    await sluice().projections.database.request('DELETE definition WHERE definition = $definition', {
      definition,
    });
    const { items } = await runs().list();
    expect(items.map(({ runId }) => runId)).toEqual(expect.arrayContaining([good.runId, run.runId]));
    const row = items.find(({ runId }) => runId === run.runId);
    expect(row).toMatchObject({ definition, status: 'SUCCEEDED', state: REDACTED, workflowId: REDACTED });
    expect(items.find(({ runId }) => runId === good.runId)).toMatchObject({ workflowId: good.workflowId });
    // What answers of the API about dead letters, events and timelines are composed with.
    expect((await runs().redactor(run.runId)).json({ card: CARD })).toBe(REDACTED);
    await expect(runs().get(run.runId)).rejects.toMatchObject({ code: 'DEFINITION_VERSION_NOT_FOUND' });
  });
});

describe('A version that was published before validation refused it', () => {
  it('a stored version that validation now refuses starts runs, and its runs are listed and shown', async () => {
    const { client, projections, tenant } = sluice();
    const wait = { id: 'w', type: 'event.wait', eventName: ['A*', 'GO'], correlationKey: 'k' };
    const old = sourceOf([{ ...wait, filters: [{ path: 'n', op: '<', value: { $expr: 'null' } }] }], {
      payloadSchema: { type: 'object', properties: { n: { type: 'integer', writeOnly: true } } },
      triggers: [
        { type: 'event', eventName: 'B*' },
        { type: 'schedule', cron: '0 0 31 2 *', timezone: 'europe/paris', payload: { n: 'x' } },
        { type: 'schedule', at: '2150-01-01T00:00:00Z' },
      ],
    });
    const { id } = JSON.parse(old) as { id: string };
    const problems = await client.publishDefinition(old).catch((thrown: unknown) => thrown);
    expect(problems).toMatchObject({ code: 'DEFINITION_INVALID' });
    const { details } = problems as { details: { problems: { path: string }[] } };
    expect(details.problems.map(({ path }) => path).sort()).toEqual([
      'steps[0].eventName[0]',
      'steps[0].filters[0].value',
      'triggers[0].eventName',
      'triggers[1].cron',
      'triggers[1].payload',
      'triggers[1].timezone',
      'triggers[2].at',
    ]);
    const pin = { id, version: 1, hash: 'a'.repeat(64) };
    await projections.putDefinition(tenant, { pin, source: old, format: 'json', publishedBy: 'before' });
    const run = await sluice().start(id, { n: 987_654 });
    await waitFor(async () => (await runs().list({ definition: id })).items.length === 1);
    expect((await runs().get(run.runId)).payload).toEqual({ n: REDACTED });
    // No event can pass that filter, which the run says when its wait opens.
    await expect(sluice().result(run)).rejects.toMatchObject({ code: 'FILTER_VALUE_INVALID' });
  });
});

describe('A bundle', () => {
  it('a bundle holds the whole run, and a digest that detects any change', async () => {
    const run = await finished();
    const bundle = await runs().export(run.runId);
    expect(bundle).toMatchObject({
      format: 'sluice-run-bundle',
      redacted: true,
      definition: { source, version: 1 },
      run: { runId: run.runId, status: 'FAILED' },
      digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(bundle.definitionHash).toBe(bundle.definition?.hash);
    expect([bundle.steps.length, bundle.waits.length, bundle.invocations.length]).toEqual([5, 1, 3]);
    expect(verifyBundle(JSON.parse(JSON.stringify(bundle))).digest).toBe(bundle.digest);
    const reordered = Object.fromEntries(Object.entries(bundle).reverse());
    expect(verifyBundle(reordered).digest, 'the order of keys does not count').toBe(bundle.digest);
    const changed = { ...bundle, run: { ...bundle.run, status: 'SUCCEEDED' } };
    expect(() => verifyBundle(changed)).toThrow(expect.objectContaining({ code: 'BUNDLE_INVALID' }) as Error);
    expect(() => verifyBundle({ nonsense: true })).toThrow(
      expect.objectContaining({ code: 'BUNDLE_INVALID' }) as Error,
    );
    const whole = await runs().export(run.runId, { unredacted: true });
    expect(whole.redacted).toBe(false);
    expect(whole.digest).not.toBe(bundle.digest);
  });

  it('a bundle keeps the events that a rewind undid, and flags them', async () => {
    const run = await finished();
    await runs().rewind(run.runId, { stepPath: 'steps[2]' });
    await waitFor(async () =>
      (await runs().events(run.runId, { limit: 500 })).items.some(({ type }) => type === 'RUN_REWOUND'),
    );
    await expect(sluice().result({ workflowId: run.workflowId } as StartedRun)).rejects.toMatchObject({
      code: 'REFUSED',
    });
    const { events } = await runs().export(run.runId);
    const undone = events.filter((event) => (event as { superseded?: boolean }).superseded);
    expect(undone.length).toBeGreaterThan(0);
  });
});

describe('Pages', () => {
  it('the pages of every list follow one another without a gap or a duplicate', async () => {
    const run = await finished();
    const lists = {
      steps: (page: object) => runs().steps(run.runId, page),
      events: (page: object) => runs().events(run.runId, page),
      waits: (page: object) => runs().waits(run.runId, page),
      invocations: (page: object) => runs().invocations(run.runId, page),
      evidence: (page: object) => runs().evidence(run.runId, page),
      inbound: (page: object) => runs().inbound(run.runId, page),
    };
    for (const [name, list] of Object.entries(lists)) {
      const whole = await list({ limit: 500 });
      const found: unknown[] = [];
      for (let after: string | undefined; ;) {
        const page = await list({ limit: 1, ...(after !== undefined && { after }) });
        found.push(...page.items);
        if (page.next === null) break;
        after = page.next;
      }
      expect(found, name).toEqual(whole.items);
      if (name !== 'invocations') {
        await expect(list({ after: 'nonsense' }), name).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }
    }
  });

  it('a page with times or limits that are not valid is refused', async () => {
    for (const [filter, page] of [
      [{ startedFrom: 'yesterday' }, {}],
      [{ startedBefore: '' }, {}],
      [{}, { limit: Number.NaN }],
    ] as const) {
      await expect(runs().list(filter, page)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }
    expect((await runs().list({ startedBefore: '2020-01-01T00:00:00Z' })).items).toEqual([]);
  });

  it('the pages of another tenant’s run are RUN_NOT_FOUND', async () => {
    const run = await finished();
    const other = { tenant: 'another' };
    for (const ask of [
      () => runs().get(run.runId, other),
      () => runs().steps(run.runId, {}, other),
      () => runs().events(run.runId, {}, other),
      () => runs().waits(run.runId, {}, other),
      () => runs().export(run.runId, other),
      () => runs().signal(run.runId, { eventName: 'X' }, other),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    }
    expect((await runs().list({}, {}, other)).items).toEqual([]);
  });
});

describe('Definitions', () => {
  it('definitions are listed and shown with their versions, unpublished ones included', async () => {
    const { client } = sluice();
    const one = sourceOf([], { result: 1 });
    const two = JSON.stringify({ ...(JSON.parse(one) as object), version: 2, result: 2 });
    const { pin } = await client.publishDefinition(one);
    await client.publishDefinition(two);
    expect(await client.definitions.get(pin.id)).toMatchObject({
      version: 2,
      latest: 2,
      published: true,
      source: two,
      versions: [{ version: 2 }, { version: 1, hash: pin.hash, publishedBy: 'test' }],
    });
    expect(await client.definitions.get(pin.id, 1)).toMatchObject({
      version: 1,
      source: one,
      hash: pin.hash,
    });
    await client.unpublishDefinition(pin.id);
    expect(await client.definitions.get(pin.id)).toMatchObject({
      version: 2,
      latest: null,
      published: false,
    });
    const ids: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await client.definitions.list({ limit: 2, ...(after !== undefined && { after }) });
      for (const item of page.items) {
        ids.push(item.id);
        if (item.id === pin.id) expect(item).toMatchObject({ version: 2, versions: 2, published: false });
      }
      if (page.next === null) break;
      after = page.next;
    }
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids).toContain(pin.id);
    await expect(client.definitions.get(pin.id, 7)).rejects.toMatchObject({
      code: 'DEFINITION_VERSION_NOT_FOUND',
      message: expect.stringContaining('2, 1') as string,
    });
    await expect(client.definitions.get(pin.id, 1, { tenant: 'another' })).rejects.toMatchObject({
      code: 'DEFINITION_NOT_FOUND',
    });
  });
});

describe('An explanation', () => {
  it('the explanation of a run that a service refused names step, attempts, answer, secret, acts and cure, and shows no value', async () => {
    const server = createServer((_, response) => {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end('{"error":"token expired"}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const request = {
      id: 'charge',
      type: 'action.call',
      action: 'http.request',
      input: {
        url: `http://127.0.0.1:${port}/charges`,
        method: 'POST',
        headers: { authorization: { $secret: 'billing-token' } },
      },
    };
    const run = await sluice().startSource(sourceOf([request]));
    await expect(sluice().result(run)).rejects.toThrow();
    await rowSays(run, 'FAILED');
    server.close();
    const explained = await runs().explain(run.runId);
    expect(explained).toMatchObject({
      status: 'FAILED',
      version: 1,
      step: {
        path: 'steps[0]',
        id: 'charge',
        action: 'http.request',
        attempts: [{ attempt: 1, status: 'FAILED', error: { code: 'HTTP_STATUS_UNEXPECTED' } }],
      },
      answer: { status: 401, body: { error: 'token expired' } },
      secrets: ['billing-token'],
      waits: [],
      cut: [],
    });
    expect(explained.text).toContain('is FAILED');
    expect(explained.text).toContain(
      'step is "charge" at steps[0], which calls http.request: attempt 1 FAILED',
    );
    expect(explained.text).toContain('had status 401 and said {"error":"token expired"}');
    expect(explained.error?.message).toContain('(used the secret billing-token)');
    expect(explained.help[0]).toContain('look at the secret billing-token');
    expect(explained.help.at(-1)).toBe(
      `After the cause is gone, go on from that step: sluice runs rewind ${run.runId} 'steps[0]'`,
    );
    expect(JSON.stringify(explained)).not.toContain(SECRET);
  });

  it('the explanation of a run that waits says for what, and that of a cancelled one who asked and why', async () => {
    const { text: hidden, run: marked } = await explainWaiting(source, { card: CARD, pin: 1234 });
    expect(hidden).not.toContain(CARD);
    await runs().cancel(marked.runId);
    const wait = {
      id: 'go',
      type: 'event.wait',
      eventName: 'GO',
      correlationKey: 'order 7',
    };
    const { run, text } = await explainWaiting(sourceOf([wait]), {});
    expect(text).toContain('It waits at steps[0] for GO with the key "order 7"');
    await runs().cancel(run.runId, { actor: 'ada', reason: 'sold out' });
    await rowSays(run, 'CANCELED');
    const { acts, status } = await runs().explain(run.runId);
    expect(status).toBe('CANCELED');
    expect(acts.at(-1)).toMatchObject({ who: 'ada', act: 'asked it to cancel', reason: 'sold out' });
  });

  async function explainWaiting(definition: string, payload: JsonObject) {
    const run = await sluice().startSource(definition, payload);
    await rowSays(run, 'WAITING');
    return { run, text: JSON.stringify((await runs().explain(run.runId)).text).replaceAll('\\"', '"') };
  }
});

describe('A search', () => {
  it('a run is found by its id, its workflow id, its key, a key that it waits for, and a key that looks like it', async () => {
    const wait = { id: 'go', type: 'event.wait', eventName: 'GO', correlationKey: 'ticket-9' };
    const { pin } = await sluice().publish(sourceOf([wait]));
    const run = await sluice().start(pin.id, {}, { correlationKeys: ['Order-\u041E7'] });
    await rowSays(run, 'WAITING');
    const by = async (text: string, more = {}) =>
      (await runs().find(text, { definition: pin.id, ...more })).found.map((each) => [each.by, each.value]);
    expect(await by(run.runId)).toEqual([['run id', run.runId]]);
    expect(await by(run.workflowId)).toEqual([['workflow id', run.workflowId]]);
    expect(await by('Order-\u041E7')).toEqual([['key as started', 'Order-\u041E7']]);
    expect(await by('ticket-9')).toEqual([['key as waited for', 'ticket-9']]);
    expect(await by(' order_07'.replace('07', 'o7'))).toEqual([['near miss', 'Order-\u041E7']]);
    expect(await by('TICKET-9 ')).toEqual([['near miss', 'ticket-9']]);
    expect(await by('order-8')).toEqual([]);
    const future = new Date(Date.now() + 3_600_000).toISOString();
    expect(await by('ticket-9', { startedFrom: future })).toEqual([]);
    const again = await sluice().start(pin.id);
    await rowSays(again, 'WAITING');
    const cut = await runs().find('nothing', { definition: pin.id, most: 1 });
    expect(cut).toEqual({ found: [], searched: 1, cut: true });
    for (const each of [run, again]) await runs().cancel(each.runId);
  });

  it('a key that is hidden is not found by a search', async () => {
    const run = await sluice().startSource(source, { card: CARD, pin: 1234 });
    await rowSays(run, 'WAITING');
    const startedFrom = new Date(Date.now() - 60_000).toISOString();
    expect((await runs().find(CARD, { startedFrom })).found).toEqual([]);
    await runs().cancel(run.runId);
  });
});

describe('What is paused in Temporal', () => {
  it('a run whose activity is paused is shown as paused, with who did it and why, while its status stays', async () => {
    const run = await sluice().startSource(
      sourceOf([{ id: 'nap', type: 'action.call', action: 'core.sleep', input: { ms: 600_000 } }]),
    );
    await rowSays(run, 'RUNNING');
    expect((await runs().get(run.runId)).paused).toEqual([]);
    const { temporal } = sluice().client;
    const execution = { workflowId: run.workflowId };
    const activityId = await waitFor(async () => {
      const { raw } = await temporal.workflow.getHandle(run.workflowId).describe();
      return raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'core.sleep')
        ?.activityId;
    });
    const { namespace } = temporal.options;
    await temporal.workflowService.pauseActivity({
      ...{ namespace, execution, id: activityId, identity: 'olga', reason: 'the bank is closed' },
    });
    const pause = {
      ...{ what: 'activity', activity: 'core.sleep', activityId, stillRuns: true },
      ...{ by: 'olga', reason: 'the bank is closed', since: expect.stringMatching(/^20.*Z$/) as string },
    };
    expect(await runs().get(run.runId)).toMatchObject({ status: 'RUNNING', paused: [pause] });
    const { definition } = await runs().get(run.runId);
    const listed = () => runs().list({ definition });
    await waitFor(async () => (await listed()).items[0]?.paused?.length === 1);
    expect((await listed()).items).toMatchObject([{ runId: run.runId, status: 'RUNNING', paused: [pause] }]);
    await temporal.workflowService.unpauseActivity({
      namespace,
      execution,
      id: activityId,
      identity: 'olga',
    });
    await waitFor(async () => (await runs().get(run.runId)).paused?.length === 0);
    await waitFor(async () => (await listed()).items[0]?.paused?.length === 0);
    await sluice().client.terminate(run.workflowId);
  });

  it('a run that is paused as a whole is shown so, also by a server that does not say by whom', () => {
    const whole = {
      identity: 'olga',
      reason: 'audit',
      pausedTime: { seconds: Long.fromNumber(1), nanos: 5e6 },
    };
    expect(pausesIn({ workflowExtendedInfo: { pauseInfo: whole } })).toMatchObject([
      { what: 'run', by: 'olga', reason: 'audit', since: '1970-01-01T00:00:01.005Z' },
    ]);
    expect(pausesIn({ workflowExecutionInfo: { status: 8 } })).toMatchObject([{ what: 'run', by: null }]);
    expect(
      pausesIn({ workflowExecutionInfo: { status: 1 }, pendingActivities: [{ activityId: '1' }] }),
    ).toEqual([]);
  });
});
