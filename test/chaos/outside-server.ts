/**
 * An HTTP server outside the worker that actions call. It can hold a request without an answer, so that a
 * test kills the worker exactly there.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { waitFor } from '../support/wait-for.js';

const HELD_LIMIT_MS = 120_000;

/** A request of an action: its JSON body and its idempotency key. */
export interface OutsideRequest {
  readonly body: unknown;
  readonly key: string;
}

/** What the server does with a request: it holds what `Held` describes, or answers with that status. */
export type OutsideAnswer<Held> = { readonly hold: Held } | { readonly status: number };

export class OutsideServer<Held> {
  readonly #held = new Map<ServerResponse, Held>();

  private constructor(
    private readonly server: Server,
    /** Where actions send their requests. */
    readonly address: string,
  ) {}

  /** Starts a server on loopback; `close` it in the end. */
  static async open<Held>(
    answer: (request: OutsideRequest) => OutsideAnswer<Held>,
  ): Promise<OutsideServer<Held>> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const outside = new OutsideServer<Held>(server, `http://127.0.0.1:${port}/`);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void outside.#take(request, response, answer);
    });
    return outside;
  }

  /** Waits until that many held requests match, and gives them. */
  held(count: number, which: (held: Held) => boolean): Promise<readonly Held[]> {
    return waitFor(() => {
      const found = [...this.#held.values()].filter(which);
      return found.length >= count && found;
    }, HELD_LIMIT_MS);
  }

  /** Ends all held requests: with an answer, or with a connection that breaks. */
  release(how: 'answered' | 'broken'): void {
    for (const response of this.#held.keys()) {
      if (how === 'answered') response.end();
      else response.destroy();
    }
    this.#held.clear();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (request: OutsideRequest) => OutsideAnswer<Held>,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown;
    const answered = answer({ body, key: String(request.headers['idempotency-key']) });
    if ('status' in answered) {
      response.writeHead(answered.status).end();
      return;
    }
    this.#held.set(response, answered.hold);
    // The worker that sent it may have died.
    response.once('close', () => this.#held.delete(response));
  }
}
