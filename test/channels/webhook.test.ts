import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWebhookChannel, webhookKey, type Notice } from '../../channels/index.js';

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A receiver whose answer the path says: /status/503, /slow, /redirect, /loud. */
let server: Server;
let origin: string;
const received: Received[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      const [, kind, value] = (request.url ?? '').split('/');
      if (kind === 'redirect') response.writeHead(302, { location: `${origin}/status/200` }).end();
      else if (kind === 'loud') response.writeHead(400).end('x'.repeat(1_000_000));
      else if (kind === 'later') response.writeHead(429, { 'retry-after': value }).end();
      else if (kind === 'silent') return;
      else response.writeHead(Number(value)).end('said by the receiver');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const tooShort = `whsec_${Buffer.alloc(23).toString('base64')}`;
const keys = [webhookKey(secret)!];
const notice: Notice = {
  id: 'ntf_4711',
  at: Date.parse('2026-11-26T09:00:00Z'),
  title: 'Approve the loan "Müller"',
  text: 'Two approvals are missing.',
  link: new URL('https://sluice.example/tasks/1'),
  data: { task: 'loan-1', amount: 12.5 },
};
const channel = createWebhookChannel({ allowHosts: ['127.0.0.1'] });
const never = new AbortController().signal;
const send = (path: string) => channel.send(notice, { url: new URL(path, origin), keys }, never);

describe('a webhook', () => {
  it('a webhook is verified by a receiver with the library of the standard, and changed content is not', async () => {
    await send('/status/204');
    const { headers, body } = received.at(-1)!;
    const receiver = new Webhook(secret);
    expect(receiver.verify(body, headers as Record<string, string>)).toEqual({
      type: 'sluice.notification',
      timestamp: '2026-11-26T09:00:00.000Z',
      data: {
        title: notice.title,
        text: notice.text,
        link: 'https://sluice.example/tasks/1',
        notification: { task: 'loan-1', amount: 12.5 },
      },
    });
    const changed = body.replace('12.5', '99.5');
    expect(() => receiver.verify(changed, headers as Record<string, string>)).toThrow(
      'No matching signature',
    );
  });

  it('a webhook is signed with the old and the new key while a key is changed', async () => {
    const next = `whsec_${randomBytes(32).toString('base64')}`;
    const url = new URL('/status/200', origin);
    await channel.send(notice, { url, keys: [webhookKey(next)!, ...keys] }, never);
    const { headers, body } = received.at(-1)!;
    for (const key of [secret, next]) {
      expect(() => new Webhook(key).verify(body, headers as Record<string, string>)).not.toThrow();
    }
  });

  it('a webhook that is sent again has the same id', async () => {
    await send('/status/200');
    await send('/status/200');
    expect(received.slice(-2).map(({ headers }) => headers['webhook-id'])).toEqual(['ntf_4711', 'ntf_4711']);
  });

  it.each([
    ['/status/400', 'CHANNEL_REFUSED', 'answered with status 400: said by the receiver'],
    ['/status/410', 'CHANNEL_REFUSED', 'answered with status 410'],
    ['/status/500', 'CHANNEL_UNAVAILABLE', 'answered with status 500'],
    ['/later/30', 'CHANNEL_UNAVAILABLE', 'answered with status 429'],
    ['/redirect', 'CHANNEL_REFUSED', 'answered with status 302'],
  ])('a webhook to %s ends as %s', async (path, code, message) => {
    const failure = await send(path).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) as string });
  });

  it('a webhook says how long the receiver wants to be left alone, at most a day', async () => {
    await expect(send('/later/30')).rejects.toMatchObject({ details: { retryAfterMs: 30_000 } });
    await expect(send('/later/999999999')).rejects.toMatchObject({ details: { retryAfterMs: 86_400_000 } });
    await expect(send('/later/soon')).rejects.toMatchObject({ details: undefined });
  });

  it('a webhook to a receiver that answers a megabyte keeps the first characters', async () => {
    const failure = await send('/loud').catch((error: unknown) => error as Error);
    expect((failure as Error).message.length).toBeLessThan(400);
  });

  it('a webhook to a silent receiver ends when it is cancelled', async () => {
    const stop = new AbortController();
    const sent = channel.send(notice, { url: new URL('/silent', origin), keys }, stop.signal);
    stop.abort(new Error('the worker stops'));
    await expect(sent).rejects.toThrow('the worker stops');
  });

  it('a webhook to a closed port may be tried again; one to a private host is refused before a byte is sent', async () => {
    const away = channel.send(notice, { url: new URL('http://127.0.0.1:1/'), keys }, never);
    await expect(away).rejects.toMatchObject({ code: 'CHANNEL_UNAVAILABLE' });
    const count = received.length;
    const guarded = createWebhookChannel({ allowHosts: [] });
    for (const url of [`${origin}/status/200`, 'http://169.254.169.254/', 'file:///etc/passwd']) {
      await expect(guarded.send(notice, { url: new URL(url), keys }, never)).rejects.toMatchObject({
        code: 'HTTP_TARGET_REFUSED',
      });
    }
    const rebound = createWebhookChannel({
      allowHosts: [],
      resolve: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    const url = new URL(`http://rebound.example:${new URL(origin).port}/status/200`);
    await expect(rebound.send(notice, { url, keys }, never)).rejects.toMatchObject({
      code: 'HTTP_TARGET_REFUSED',
    });
    expect(received).toHaveLength(count);
  });

  it('a webhook without a key is not sent unsigned', async () => {
    const url = new URL('/status/200', origin);
    const count = received.length;
    await expect(channel.send(notice, { url, keys: [] }, never)).rejects.toMatchObject({
      code: 'CHANNEL_REFUSED',
    });
    expect(received).toHaveLength(count);
  });

  it.each(['', 'whsec_', tooShort, 'whsec_nö', secret.slice(6)])(
    'a webhook has no key in the text "%s"',
    (text) => expect(webhookKey(text)).toBeUndefined(),
  );
});
