/** What only HTTP has: the modes of CloudEvents, batches, and answers that ask a sender to retry. */
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSluiceClient, httpBus } from '../../../client/index.js';
import type { JsonObject } from '../../../contracts/json.js';
import { runCommand } from '../../support/command.js';
import { useSluice } from '../../support/sluice.js';
import { openBridge, type TestBridge } from '../support/bridge.js';

const TOKEN = 'a-token-of-the-test';
const BEARER = { authorization: `Bearer ${TOKEN}` };
const sluice = useSluice();
let bridge: TestBridge;
beforeAll(async () => {
  await sluice().publish(
    '{id: on-x, version: 1, triggers: [{type: event, eventName: X}], steps: [], result: {$expr: payload}}',
  );
  bridge = await openBridge(sluice(), { config: { inFlight: 1, token: TOKEN } });
});
afterAll(() => bridge.stop());

const workflowOf = ({ body }: { readonly body: JsonObject }): string =>
  (body['triggers'] as readonly { readonly workflowId: string }[])[0]?.workflowId ?? '';

describe('a CloudEvent', () => {
  it('a CloudEvent in structured mode is routed', async () => {
    const event = {
      specversion: '1.0',
      id: 's-1',
      source: '/shop',
      type: 'X',
      tenantid: sluice().tenant,
      workflowcorrelationkey: 7,
      data: { n: 1 },
    };
    const answer = await bridge.post(event, {
      ...BEARER,
      'content-type': 'application/cloudevents+json; charset=utf-8',
    });
    expect(answer).toMatchObject({ status: 202, body: { outcome: 'ROUTED', correlationKey: '7' } });
    expect(await sluice().client.result(workflowOf(answer))).toEqual({ n: 1 });
  });

  it('a CloudEvent in binary mode has its attributes in headers', async () => {
    const answer = await bridge.post(
      { n: 2 },
      {
        ...BEARER,
        'ce-specversion': '1.0',
        'ce-id': 'b-1',
        'ce-source': '/shop',
        'ce-type': 'X',
        'ce-tenantid': sluice().tenant,
        'ce-workflowcorrelationkey': 'caf%C3%A9',
      },
    );
    expect(answer).toMatchObject({ status: 202, body: { outcome: 'ROUTED', correlationKey: 'café' } });
    expect(await sluice().client.result(workflowOf(answer))).toEqual({ n: 2 });
  });

  it('each event of a batch has its own outcome', async () => {
    const of = (id: string, type: string) => ({
      specversion: '1.0',
      id,
      source: '/shop',
      type,
      tenantid: sluice().tenant,
    });
    const answer = await bridge.post([of('l-1', 'X'), of('l-2', 'Y'), of('l-1', 'X')], {
      ...BEARER,
      'content-type': 'application/cloudevents-batch+json',
    });
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject([
      { id: 'l-1', outcome: 'ROUTED', duplicate: false },
      { id: 'l-2', outcome: 'UNRESOLVED' },
      { id: 'l-1', outcome: 'ROUTED', duplicate: true },
    ]);
  });

  it('a CloudEvent of another version or with other data is refused', async () => {
    const event = {
      specversion: '0.3',
      id: 'o',
      source: '/s',
      type: 'X',
      datacontenttype: 'text/plain',
      data_base64: 'eA==',
    };
    const { status, body } = await bridge.post(event, BEARER);
    expect(status).toBe(400);
    expect((body['error'] as JsonObject)['problems']).toEqual([
      'specversion: must be 1.0',
      'datacontenttype: must be JSON: application/json',
      'data_base64: is not taken: send JSON in data',
    ]);
  });
});

describe('a sender', () => {
  it('a sender without the token is refused', async () => {
    expect(await bridge.post({})).toMatchObject({
      status: 401,
      body: { error: { code: 'BRIDGE_TOKEN_INVALID' } },
    });
  });

  it('a sender of another content type gets an error that names it', async () => {
    expect(await bridge.post({}, { ...BEARER, 'content-type': 'text/xml' })).toMatchObject({ status: 400 });
  });

  it('a sender is asked to retry while the bridge is saturated', async () => {
    const event = JSON.stringify({ eventId: 'slow', eventName: 'Y', tenantId: sluice().tenant });
    const slow = request(`${bridge.url}/events`, {
      method: 'POST',
      headers: {
        ...BEARER,
        'content-type': 'application/json',
        'content-length': event.length,
        expect: '100-continue',
      },
    });
    // The bridge waits for the body: from here on its only slot is in use.
    slow.flushHeaders();
    await new Promise((resolve) => slow.once('continue', resolve));
    slow.write(event.slice(0, 5));
    const busy = await bridge.post({ eventId: 'f', eventName: 'Y', tenantId: sluice().tenant }, BEARER);
    expect(busy).toMatchObject({ status: 503, body: { error: { code: 'BRIDGE_SATURATED' } } });
    expect(busy.headers.get('retry-after')).toBe('1');
    const answered = new Promise<number | undefined>((resolve) =>
      slow.once('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      }),
    );
    slow.end(event.slice(5));
    expect(await answered).toBe(202);
    const again = await bridge.post({ eventId: 'f', eventName: 'Y', tenantId: sluice().tenant }, BEARER);
    expect(again.status).toBe(202);
  });
});

describe('from an application and from the command line', () => {
  it('client.publishEvent puts an event on the bus, with its key', async () => {
    const client = await createSluiceClient({
      ...sluice().temporal,
      taskQueue: sluice().taskQueue,
      tenant: sluice().tenant,
      bus: httpBus(bridge.url, TOKEN),
    });
    try {
      const { eventId } = await client.publishEvent({
        eventName: 'Y',
        correlationKey: 'c-1',
        payload: { a: 1 },
      });
      const audit = await bridge.get({ tenant: sluice().tenant, source: 'sluice-client', id: eventId });
      expect(audit.body).toMatchObject({ correlationKey: 'c-1', outcome: 'NO_MATCH', via: 'http' });
      await expect(client.publishEvent({ eventName: '' })).rejects.toMatchObject({ code: 'EVENT_INVALID' });
    } finally {
      await client.close();
    }
  });

  it('sluice events publish, list and explain work against the bridge', async () => {
    const bin = fileURLToPath(new URL('../../../cli/bin.mjs', import.meta.url));
    const env = {
      ...process.env,
      TEMPORAL_ADDRESS: sluice().temporal.address,
      TEMPORAL_NAMESPACE: sluice().temporal.namespace,
      SLUICE_BRIDGE_URL: bridge.url,
      SLUICE_BRIDGE_TOKEN: TOKEN,
    };
    const run = (...args: string[]) =>
      runCommand(process.execPath, [bin, '--tenant', sluice().tenant, ...args], { env });
    const published = await run(
      'events',
      'publish',
      'X',
      '--payload',
      '{"n":3}',
      '--key',
      'k-9',
      '--id',
      'cli-1',
    );
    expect(published).toMatchObject({ code: 0, stdout: 'cli-1\n' });
    const [list, explain, unknown] = await Promise.all([
      run('events', 'list', '--name', 'X', '--limit', '1'),
      run('events', 'explain', 'sluice-client', 'cli-1'),
      run('events', 'explain', 'sluice-client', 'no-such'),
    ]);
    expect(list.stdout).toMatch(/ROUTED +X {2}k-9 {2}sluice-client {2}cli-1\n/);
    expect(explain.stdout).toContain('key: k-9, from explicit:event.workflow_correlation_key');
    expect(explain.stdout).toContain('runs: no open wait matched the name and key');
    expect(explain.stdout).toContain('on-x version 1: STARTED on-x/event-');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('EVENT_NOT_FOUND');
  });
});
