import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpRequest } from '../../actions/http/http-request.js';
import { actionContext } from './action-context.fixture.js';

const open: Server[] = [];
afterEach(async () => {
  await Promise.all(
    open.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

async function serve(
  listener: RequestListener,
): Promise<{ url: string; host: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, seen };
}

const send = async (
  input: object,
  options: { allow?: string[]; context?: ReturnType<typeof actionContext> } = {},
) => {
  const action = createHttpRequest({ allowHosts: options.allow ?? ['127.0.0.1'] });
  const parsed = await action.input.parseAsync(input);
  return action.output.parse(await action.run(parsed, options.context ?? actionContext()));
};

const text =
  (body: string): RequestListener =>
  (_request, response) =>
    response.end(body);

describe('an exchange', () => {
  it('http.request sends method, headers, body and the idempotency key, and returns status, headers and JSON', async () => {
    let body = '';
    const { url, seen } = await serve((request, response) => {
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        response.writeHead(201, { 'content-type': 'application/json; charset=utf-8', 'x-id': '7' });
        response.end('{"ok":true}');
      });
    });
    const answer = await send({ method: 'POST', url, headers: { 'X-Api-Key': 'k' }, body: { a: 1 } });
    expect(answer).toMatchObject({ status: 201, headers: { 'x-id': '7' }, body: { ok: true } });
    expect(body).toBe('{"a":1}');
    expect(seen[0]?.method).toBe('POST');
    expect(seen[0]?.headers).toMatchObject({
      'idempotency-key': 'key-1',
      'x-api-key': 'k',
      'content-type': 'application/json',
    });
  });

  it("http.request keeps the author's idempotency key and content type", async () => {
    const { url, seen } = await serve(text('ok'));
    await send({
      method: 'POST',
      url,
      headers: { 'Idempotency-Key': 'mine', 'Content-Type': 'text/csv' },
      body: 'a,b',
    });
    expect(seen[0]?.headers).toMatchObject({ 'idempotency-key': 'mine', 'content-type': 'text/csv' });
  });

  it('http.request returns text for a body that is not JSON, for any content type', async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('not json');
    });
    expect(await send({ url })).toMatchObject({ body: 'not json' });
  });
});

describe('a number that would be rounded', () => {
  const body = '{"id": 9007199254740993, "list": [1e400, -12345678901234567890, 1.5], "text": "1e400"}';
  const answering = () =>
    serve((_request, response) => {
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(body);
    });

  it('[nothing-is-rounded] an answer with such a number stays text and says why, and the call has succeeded', async () => {
    const { url } = await answering();
    const answer = await send({ method: 'POST', url });
    expect(answer).toMatchObject({ status: 201, body });
    expect(answer.problems?.map(({ pointer }) => pointer).sort()).toEqual(['/id', '/list/0', '/list/1']);
  });

  it('numbersAsText gives each such number as text, with all its digits', async () => {
    const { url } = await answering();
    const answer = await send({ method: 'POST', url, numbersAsText: true });
    expect(answer.body).toEqual({
      id: '9007199254740993',
      list: ['1e400', '-12345678901234567890', 1.5],
      text: '1e400',
    });
    expect(answer.problems).toBeUndefined();
  });

  it('an answer with a key __proto__ stays text', async () => {
    const proto = '{"a":{"__proto__":{"b":1}}}';
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(proto);
    });
    expect(await send({ url, numbersAsText: true })).toMatchObject({
      body: proto,
      problems: [{ pointer: '/a/__proto__' }],
    });
  });
});

describe('an unexpected status', () => {
  it.each([
    [400, false],
    [404, false],
    [408, true],
    [429, true],
    [500, true],
    [503, true],
  ])('the status %i is an error, retryable: %s', async (status, retryable) => {
    const { url } = await serve((_request, response) => response.writeHead(status).end('why'));
    await expect(send({ url: `${url}/a?token=t` })).rejects.toMatchObject({
      code: 'HTTP_STATUS_UNEXPECTED',
      retryable,
      details: { status, body: 'why', url: `${url}/a` },
    });
  });

  it('a status that expectedStatus does not name is an error', async () => {
    const { url } = await serve((_request, response) => response.writeHead(404).end());
    expect(await send({ url, expectedStatus: [200, 404] })).toMatchObject({ status: 404 });
    await expect(send({ url, expectedStatus: 200 })).rejects.toMatchObject({
      code: 'HTTP_STATUS_UNEXPECTED',
    });
  });

  it('a long body is cut after its secrets are gone, so that no part of one is shown [redacted-then-cut]', async () => {
    const secret = 'sk_live_4f9cb7d2e1a05388';
    const before = 'x'.repeat(4_096 - secret.length + 1);
    const { url, host } = await serve((_request, response) =>
      response.writeHead(500).end(`${before}${secret}${'y'.repeat(70_000)}`),
    );
    const action = createHttpRequest({ allowHosts: [host] });
    const hidden = actionContext({ redact: (shown) => shown.replaceAll(secret, '[secret]') });
    await expect(action.run(action.input.parse({ url }), hidden)).rejects.toMatchObject({
      details: { body: `${before}[secret]${'y'.repeat(15)}` },
    });
  });
});

describe('a private target', () => {
  it('a private target is refused before anything is sent, unless the host is allowed', async () => {
    const { url, host, seen } = await serve(text('secret'));
    const refused = { code: 'HTTP_TARGET_REFUSED', retryable: false };
    await expect(send({ url }, { allow: [] })).rejects.toMatchObject(refused);
    await expect(send({ url: url.replace('127.0.0.1', 'localhost') }, { allow: [] })).rejects.toMatchObject(
      refused,
    );
    expect(seen).toHaveLength(0);
    await send({ url }, { allow: [host] });
    expect(seen).toHaveLength(1);
  });

  it('a private target of a redirect is refused', async () => {
    const inside = await serve(text('secret'));
    const outside = await serve((_request, response) => {
      response.writeHead(302, { location: inside.url }).end();
    });
    await expect(send({ url: outside.url }, { allow: [outside.host] })).rejects.toMatchObject({
      code: 'HTTP_TARGET_REFUSED',
    });
    expect(inside.seen).toHaveLength(0);
  });

  it('a private target is refused if the name server changes its answer between two requests', async () => {
    const { url, seen } = await serve(text('secret'));
    const port = new URL(url).port;
    const answers = ['192.0.2.1', '127.0.0.1'];
    const asked: string[] = [];
    const action = createHttpRequest({
      allowHosts: [],
      resolve: (name, _options, done) => {
        asked.push(name);
        done(null, [{ address: answers.shift() ?? '127.0.0.1', family: 4 }]);
      },
    });
    for (const expected of [1, 2]) {
      const input = await action.input.parseAsync({ url: `http://rebound.example:${port}/` });
      await expect(action.run(input, actionContext())).rejects.toMatchObject({ code: 'HTTP_TARGET_REFUSED' });
      expect(asked).toHaveLength(expected);
    }
    expect(seen).toHaveLength(0);
  });

  it('the socket connects to the checked address and asks no other name server', async () => {
    const { url, seen } = await serve(text('ok'));
    const asked: string[] = [];
    const action = createHttpRequest({
      allowHosts: ['pinned.example'],
      resolve: (name, _options, done) => {
        asked.push(name);
        done(null, [{ address: '127.0.0.1', family: 4 }]);
      },
    });
    // No name server knows pinned.example: only the checked address can lead to the server.
    const input = await action.input.parseAsync({ url: `http://pinned.example:${new URL(url).port}/` });
    expect(await action.run(input, actionContext())).toMatchObject({ status: 200 });
    expect(asked).toEqual(['pinned.example']);
    expect(seen).toHaveLength(1);
  });
});

describe('a redirect', () => {
  it('a redirect on the same origin is followed with its headers; 303 becomes a GET without a body', async () => {
    const { url, seen } = await serve((request, response) => {
      if (request.url === '/a') response.writeHead(303, { location: '/b' }).end();
      else response.end('there');
    });
    const answer = await send({ method: 'POST', url: `${url}/a`, headers: { 'x-key': 'k' }, body: 'b' });
    expect(answer.body).toBe('there');
    expect(seen[1]?.method).toBe('GET');
    expect(seen[1]?.headers['x-key']).toBe('k');
  });

  it("a redirect does not carry the author's headers to another origin", async () => {
    const other = await serve(text('there'));
    const first = await serve((_request, response) => response.writeHead(302, { location: other.url }).end());
    await send({
      url: first.url,
      headers: { authorization: 'Bearer t', 'x-key': 'k', accept: 'text/plain' },
    });
    expect(other.seen[0]?.headers).not.toHaveProperty('authorization');
    expect(other.seen[0]?.headers).not.toHaveProperty('x-key');
    expect(other.seen[0]?.headers).toMatchObject({ accept: 'text/plain', 'idempotency-key': 'key-1' });
  });

  it('a redirect does not carry a body to another origin', async () => {
    const other = await serve(text('there'));
    const first = await serve((_request, response) => response.writeHead(307, { location: other.url }).end());
    await expect(send({ method: 'PUT', url: first.url, body: 'b' })).rejects.toMatchObject({
      code: 'HTTP_TARGET_REFUSED',
    });
    expect(other.seen).toHaveLength(0);
  });

  it('a redirect is a response if expectedStatus names it, and an error after five', async () => {
    const { url, seen } = await serve((_request, response) =>
      response.writeHead(302, { location: '/' }).end(),
    );
    expect(await send({ url, expectedStatus: 302 })).toMatchObject({ status: 302 });
    seen.length = 0;
    await expect(send({ url })).rejects.toThrow(/More than 5 redirects/);
    expect(seen).toHaveLength(6);
  });
});

describe('limits', () => {
  it('the limit of size holds, for compressed bodies too', async () => {
    const packed = gzipSync(Buffer.alloc(1_000_000));
    const { url } = await serve((request, response) => {
      if (request.url === '/zip') response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
      else response.end('x'.repeat(101));
    });
    const tooLarge = { code: 'HTTP_RESPONSE_TOO_LARGE', retryable: false };
    await expect(send({ url, maxResponseBytes: 100 })).rejects.toMatchObject(tooLarge);
    await expect(send({ url: `${url}/zip`, maxResponseBytes: 10_000 })).rejects.toMatchObject(tooLarge);
    expect(packed.length).toBeLessThan(10_000);
    expect((await send({ url, maxResponseBytes: 101 })).body).toHaveLength(101);
  });

  it('the limit of size ends a response that never ends', async () => {
    const { url } = await serve((_request, response) => {
      const pour = () => {
        while (response.write('x'.repeat(1_000)));
        response.once('drain', pour);
      };
      pour();
    });
    await expect(send({ url, maxResponseBytes: 5_000 })).rejects.toMatchObject({
      code: 'HTTP_RESPONSE_TOO_LARGE',
    });
  });

  it('the limit of time holds while waiting for the response and while reading it', async () => {
    const { url } = await serve((request, response) => {
      if (request.url === '/slow') response.write('begun');
    });
    for (const path of ['/', '/slow']) {
      await expect(send({ url: url + path, timeoutMs: 50 })).rejects.toMatchObject({
        code: 'HTTP_REQUEST_FAILED',
        retryable: true,
        details: { reason: 'timeout' },
      });
    }
  });

  it('an abort ends the exchange with its own reason', async () => {
    const controller = new AbortController();
    const { url } = await serve(() => controller.abort(new Error('cancelled')));
    await expect(send({ url }, { context: actionContext({ signal: controller.signal }) })).rejects.toThrow(
      'cancelled',
    );
  });
});

describe('a missing server', () => {
  it('a server that cannot be reached is a retryable error that says why', async () => {
    const { url } = await serve(text(''));
    const gone = open.pop();
    await new Promise((resolve) => gone?.close(resolve));
    await expect(send({ url })).rejects.toMatchObject({
      code: 'HTTP_REQUEST_FAILED',
      retryable: true,
      details: { reason: 'ECONNREFUSED' },
    });
  });
});

describe('bad input', () => {
  it.each([
    [{ url: 'not a url' }, 'url'],
    [{ url: 'http://user:pass@example.com/' }, 'url'],
    [{ url: 'http://example.com/', method: 'GET', body: 'x' }, 'body'],
    [{ url: 'http://example.com/', headers: { 'bad name': 'x' } }, 'headers'],
    [{ url: 'http://example.com/', tmeout: 1 }, undefined],
  ])('the input %j is refused', async (input, at) => {
    const parsed = await createHttpRequest({ allowHosts: [] }).input.safeParseAsync(input);
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues[0]?.path[0]).toBe(at);
  });
});
