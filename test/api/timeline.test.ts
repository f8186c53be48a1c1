/** The live timeline: every event once and in order, also across a broken connection and a reset. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeKey, startApi, type RunningApi } from '../../api/index.js';
import { runTimeline, type TimelineItem, type TimelineOptions } from '../../api/views/timeline.js';
import { ApiRunEvent } from '../../contracts/http/api.js';
import { event, execution, runStartedAs } from '../projections/support/runs.js';
import { waitFor } from '../support/wait-for.js';
import { useApi } from './support/api.js';

const api = useApi();
const reads = () => api().sluice.projections.reads;

const WAITING =
  'id: waiting\nversion: 1\nsteps:\n  - { id: ask, type: event.wait, eventName: GO, correlationKey: k }\n';

interface Message {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: unknown;
}

/** Messages of a stream, as they come. */
async function* messages(response: Response): AsyncGenerator<Message, void> {
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
      const block = text.slice(0, at);
      text = text.slice(at + 2);
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      if (data !== undefined) {
        yield { id: field('id'), event: field('event'), data: JSON.parse(data) as unknown };
      }
    }
  }
}

const seqOf = ({ data }: Message): number => ApiRunEvent.parse(data).seq;

async function startWaiting() {
  await api().ask('/v1/definitions', { json: { source: WAITING } });
  const run = await api().answer(z.object({ runId: z.string(), workflowId: z.string() }), '/v1/runs', {
    json: { definition: 'waiting' },
  });
  const path = `/v1/runs/${run.runId}`;
  await waitFor(async () => (await reads().getRun(api().sluice.tenant, run.runId))?.status === 'WAITING');
  return { ...run, path };
}

describe('the token of a timeline', () => {
  let directory: string;
  let running: RunningApi;
  let file: string;
  const key = makeKey({ name: 'short-lived', roles: ['reader'], tenants: ['*'] });
  const other = makeKey({ name: 'other', roles: ['reader'], tenants: ['*'] });
  const third = makeKey({ name: 'third', roles: ['reader'], tenants: ['*'] });
  const errors: string[] = [];
  /** As an operator does: the new file takes the place of the old one. */
  const replace = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  const keysOf = (...entries: readonly unknown[]): string => JSON.stringify({ keys: entries });
  const open = (path: string, token = key.key, method = 'GET') =>
    fetch(`${running.url}${path}/timeline`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'sluice-tenant': api().sluice.tenant },
    });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
    file = join(directory, 'keys.json');
    replace(keysOf(key.entry, other.entry, third.entry));
    running = await startApi({
      config: {
        ...{ host: '127.0.0.1', port: 0, rate: { perSecond: 1_000, burst: 1_000 }, idempotencyMs: 1_000 },
        auth: { kind: 'tokens', keys: [], keysFile: file, jwt: undefined },
        timelines: { token: 1, process: 2 },
        sdkMetricsUrl: undefined,
      },
      client: api().client,
      projections: api().sluice.projections,
      log: pino({ level: 'error' }, { write: (line: string) => void errors.push(line) }),
    });
  });
  afterAll(async () => {
    await running.stop();
    rmSync(directory, { recursive: true });
  });

  it('a timeline ends when its key is taken out of the file, and a broken file changes nothing', async () => {
    const run = await startWaiting();
    const stream = messages(await open(run.path));
    expect((await stream.next()).value).toMatchObject({ event: undefined });
    replace('{"keys": [');
    await waitFor(() => errors.some((line) => line.includes('the keys of the last valid one still count')));
    expect((await open(run.path, other.key, 'HEAD')).status).toBe(200);
    replace(keysOf(other.entry));
    const rest: Message[] = [];
    for await (const message of stream) rest.push(message);
    expect(rest.at(-1)).toMatchObject({ event: 'problem', data: { code: 'UNAUTHENTICATED' } });
    expect((await open(run.path)).status).toBe(401);
    replace(keysOf(key.entry, other.entry, third.entry));
    await waitFor(async () => (await open(run.path, key.key, 'HEAD')).status === 200);
  });

  it('a timeline ends when its token expires', async () => {
    const run = await startWaiting();
    const expires = new Date(Date.now() + 8_000).toISOString();
    const brief = makeKey({ name: 'brief', roles: ['reader'], tenants: ['*'], expires });
    replace(keysOf(key.entry, other.entry, third.entry, brief.entry));
    await waitFor(async () => (await open(run.path, brief.key, 'HEAD')).status !== 401);
    const seen: Message[] = [];
    for await (const message of messages(await open(run.path, brief.key))) seen.push(message);
    expect(seen.at(-1)).toMatchObject({ event: 'problem', data: { code: 'UNAUTHENTICATED' } });
  });

  it('a token and a process have a bounded number of timelines, which are free again when they end', async () => {
    const run = await startWaiting();
    for (let i = 0; i < 3; i++) expect((await open(run.path, key.key, 'HEAD')).status).toBe(200);
    const first = await open(run.path);
    expect(first.status).toBe(200);
    const refused = await open(run.path);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED' });
    const second = await open(run.path, other.key);
    expect(second.status).toBe(200);
    // Two keys have one each, which is all that this process has.
    expect((await open(run.path, third.key)).status).toBe(429);
    await Promise.all([first.body?.cancel(), second.body?.cancel()]);
    await waitFor(async () => (await open(run.path, key.key, 'HEAD')).status === 200);
  });
});

describe('a live timeline', () => {
  it('a timeline sends each event once across a broken connection, and closes when the run has ended', async () => {
    const run = await startWaiting();
    const first: Message[] = [];
    const broken = new AbortController();
    for await (const message of messages(
      await api().ask(`${run.path}/timeline`, { signal: broken.signal }),
    )) {
      first.push(message);
      if (first.length === 3) break;
    }
    broken.abort();
    const response = await api().ask(`${run.path}/timeline`, {
      headers: { 'last-event-id': first[2]?.id ?? '' },
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const second: Message[] = [];
    for await (const message of messages(response)) {
      second.push(message);
      if (message.event === undefined && ApiRunEvent.parse(message.data).type === 'RUN_WAITING') {
        await api().ask(`${run.path}/signal`, { json: { eventName: 'GO', correlationKey: 'k' } });
      }
    }
    expect(second.at(-1)).toMatchObject({ event: 'end', data: { status: 'SUCCEEDED' } });
    const seqs = [...first, ...second.slice(0, -1)].map(seqOf);
    const { items } = await reads().listEvents(api().sluice.tenant, run.runId, { limit: 500 });
    expect(seqs).toEqual(items.map(({ seq }) => seq));
    // A bare `seq` is accepted as an id too.
    const rest: Message[] = [];
    const since = { headers: { 'last-event-id': String(seqs.at(-2)) } };
    for await (const message of messages(await api().ask(`${run.path}/timeline`, since))) rest.push(message);
    expect(rest.map(({ event: name, data }) => name ?? ApiRunEvent.parse(data).seq)).toEqual([
      seqs.at(-1),
      'end',
    ]);
  });

  it('a timeline stops reading when its reader leaves, and reads nothing for a HEAD', async () => {
    const { path } = await startWaiting();
    const streams = async () =>
      /^sluice_api_streams (\d+)$/m.exec(
        await (await api().ask('/metrics', { as: 'everywhere' })).text(),
      )?.[1];
    const gone = new AbortController();
    const open = await api().ask(`${path}/timeline`, { signal: gone.signal });
    const reader = messages(open);
    await reader.next();
    expect((await api().ask(`${path}/timeline`, { method: 'HEAD' })).status).toBe(200);
    await waitFor(async () => (await streams()) === '1');
    gone.abort();
    await waitFor(async () => (await streams()) === '0');
  });

  it('a timeline is refused to other tenants, for an unknown run and for an id that is not valid', async () => {
    const { path } = await startWaiting();
    expect(await api().refusal(`${path}/timeline`, { as: 'other' })).toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect(await api().refusal('/v1/runs/none/timeline')).toMatchObject({ code: 'RUN_NOT_FOUND' });
    for (const id of ['x', '-1', '1:a b', '1e9']) {
      const refusal = await api().refusal(`${path}/timeline`, { headers: { 'last-event-id': id } });
      expect([id, refusal.code]).toEqual([id, 'INPUT_INVALID']);
    }
  });

  it('a timeline ends at once when the API stops', async () => {
    const { path } = await startWaiting();
    const response = await api().ask(`${path}/timeline`);
    const told: Message[] = [];
    const ended = (async () => {
      for await (const message of messages(response)) told.push(message);
    })();
    await waitFor(() => told.length >= 4);
    await api().stop();
    await ended;
    expect(told.map(({ event: name }) => name)).not.toContain('end');
  });
});

describe('the lines of a log that is written out of order, twice, and undone', () => {
  const open: AbortController[] = [];
  /** How often a reader has read the log. */
  let looks = 0;
  const looked = (): Promise<unknown> => {
    const before = looks;
    return waitFor(() => looks >= before + 2);
  };
  afterAll(() => open.forEach((controller) => controller.abort()));

  /** The items that a reader has received: `SEQ` of an event, or the kind. */
  function follow(of: ReturnType<typeof execution>, last?: { seq: number; executionId?: string }) {
    const controller = new AbortController();
    open.push(controller);
    const told: string[] = [];
    const counted: TimelineOptions['reads'] = {
      getRun: (...args) => reads().getRun(...args),
      listEvents: (...args) => {
        looks++;
        return reads().listEvents(...args);
      },
    };
    const nameOf = (item: TimelineItem): string =>
      item.kind === 'event'
        ? String(item.event.seq)
        : item.kind === 'reset'
          ? `reset ${item.after}`
          : item.kind;
    void (async () => {
      const { tenant, runId } = of.run;
      const from = last === undefined ? undefined : { executionId: undefined, ...last };
      for await (const item of runTimeline({
        reads: counted,
        tenant,
        runId,
        last: from,
        signal: controller.signal,
      })) {
        told.push(nameOf(item));
      }
    })();
    return told;
  }
  const commit = (of: ReturnType<typeof execution>, ...events: Parameters<typeof event>[]) =>
    api().sluice.projections.commitEvents(
      of,
      events.map((args) => event(...args)),
    );
  const state = (seq: number, name = `s${seq}`): Parameters<typeof event> => [
    seq,
    'STATE_SET',
    { state: name },
  ];

  it('an event waits for the events before it', async () => {
    const of = execution();
    const { projections } = api().sluice;
    await projections.commitEvents(of, [runStartedAs(of)]);
    const told = follow(of);
    await waitFor(() => told.length === 1);
    await commit(of, state(3), state(4));
    await looked();
    expect(told).toEqual(['1']);
    await commit(of, state(2));
    await looked();
    await commit(of, state(2), state(3));
    await waitFor(() => told.length === 4);
    expect(told).toEqual(['1', '2', '3', '4']);
    await commit(of, [6, 'RUN_SUCCEEDED', { result: null }]);
    await looked();
    await commit(of, state(5));
    await waitFor(() => told.at(-1) === 'end');
    expect(told).toEqual(['1', '2', '3', '4', '5', '6', 'end']);
  });

  it('a reset is reported to a connected reader and to a reader that reconnects', async () => {
    const of = execution();
    const { projections } = api().sluice;
    await projections.commitEvents(of, [runStartedAs(of)]);
    await commit(of, state(2), state(3), state(4));
    const told = follow(of);
    await waitFor(() => told.length === 4);
    // The reset execution goes on after line 2.
    const later = { ...of, executionId: execution().executionId };
    await commit(later, state(3, 'other'), state(4, 'other'), [5, 'RUN_SUCCEEDED', { result: null }]);
    await waitFor(() => told.at(-1) === 'end');
    expect(told).toEqual(['1', '2', '3', '4', 'reset 2', '3', '4', '5', 'end']);
    const again = follow(of, { seq: 4, executionId: of.executionId });
    await waitFor(() => again.at(-1) === 'end');
    expect(again).toEqual(['reset 2', '3', '4', '5', 'end']);
    const bare = follow(of, { seq: 4 });
    await waitFor(() => bare.at(-1) === 'end');
    expect(bare).toEqual(['5', 'end']);
  });
});
