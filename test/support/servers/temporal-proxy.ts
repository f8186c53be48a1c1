/**
 * A proxy in front of a Temporal server that can lose answers: the server does what it is asked, and the
 * caller never hears of it.
 */
import {
  type IncomingHttpHeaders,
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';

/** How the caller notices: its call breaks off, or is answered 14 UNAVAILABLE, which the SDK repeats. */
type Loss = 'broken-off' | 'unavailable';

interface LostAnswer {
  readonly method: string;
  readonly loss: Loss;
  left: number;
}

export class TemporalProxy {
  /** Methods whose answers were lost, in order. */
  readonly lost: string[] = [];
  #toLose: LostAnswer[] = [];
  /** Called once the server has answered a method, before the caller learns of it. */
  #onAnswer = new Map<string, () => Promise<void>>();

  private constructor(
    readonly address: string,
    private readonly closeAll: () => Promise<void>,
  ) {}

  /** Starts a proxy. @param upstream `host:port` of the server */
  static async start(upstream: string): Promise<TemporalProxy> {
    const sessions = new Set<{ destroy: () => void }>();
    const toServer: ClientHttp2Session = connect(`http://${upstream}`);
    sessions.add(toServer);
    const server = createServer();
    server.on('session', (session) => {
      sessions.add(session);
      session.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const proxy = new TemporalProxy(`127.0.0.1:${port}`, async () => {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    server.on('stream', (stream, headers) => {
      const { [constants.HTTP2_HEADER_PATH]: path = '' } = headers;
      proxy.#forward(toServer, stream, headers, String(path).split('/').at(-1) ?? '');
    });
    return proxy;
  }

  /** Loses the answers to a method. @param times how many; default: all from now on */
  lose(
    method: string,
    { times = Infinity, loss = 'broken-off' }: { readonly times?: number; readonly loss?: Loss } = {},
  ): void {
    this.#toLose.push({ method, loss, left: times });
  }

  /** Does something once: when the server has answered a method, before the caller learns of the answer. */
  before(method: string, act: () => Promise<void>): void {
    this.#onAnswer.set(method, act);
  }

  /** Loses nothing any more. */
  heal(): void {
    this.#toLose = [];
    this.#onAnswer.clear();
    this.lost.length = 0;
  }

  close(): Promise<void> {
    return this.closeAll();
  }

  #forward(
    toServer: ClientHttp2Session,
    stream: ServerHttp2Stream,
    headers: Parameters<ClientHttp2Session['request']>[0] & object,
    method: string,
  ): void {
    const request = toServer.request(headers);
    const body: Buffer[] = [];
    let answer: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    stream.on('error', () => request.close(constants.NGHTTP2_CANCEL));
    stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
    request.on('error', () => stream.close(constants.NGHTTP2_CANCEL));
    stream.pipe(request);
    request.on('response', (received) => (answer = received));
    request.on('trailers', (received: IncomingHttpHeaders) => (trailers = received));
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('end', () => {
      void (async () => {
        const act = this.#onAnswer.get(method);
        this.#onAnswer.delete(method);
        await act?.();
        if (stream.destroyed) return;
        const toLose = this.#toLose.find((one) => one.method === method && one.left > 0);
        if (toLose !== undefined) {
          toLose.left--;
          this.lost.push(method);
          if (toLose.loss === 'broken-off') {
            stream.close(constants.NGHTTP2_CANCEL);
          } else {
            stream.respond(
              {
                ':status': 200,
                'content-type': 'application/grpc',
                'grpc-status': '14',
                'grpc-message': 'lost',
              },
              { endStream: true },
            );
          }
          return;
        }
        if (body.length === 0 && Object.keys(trailers).length === 0) {
          stream.respond(answer, { endStream: true });
          return;
        }
        stream.respond(answer, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers(trailers));
        stream.end(Buffer.concat(body));
      })();
    });
  }
}
