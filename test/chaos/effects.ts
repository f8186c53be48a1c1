/**
 * The world outside of the worker: an HTTP server that is told of every effect. It counts them by idempotency
 * key and can hold one, so that a test has its worker killed exactly there.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { waitFor } from '../support/wait-for.js';

const Told = z.object({
  point: z.enum(['acts', 'acted']),
  action: z.string(),
  runId: z.string(),
  workflowId: z.string(),
  step: z.string(),
  iteration: z.array(z.number()),
  attempt: z.number(),
});

/** One thing that a worker told: that an action acts, or has acted. */
export type Effect = z.infer<typeof Told> & { readonly key: string };

/** Which effects are held back. */
export type Hold = (effect: Effect) => boolean;

export class Effects {
  /** All that was told, in order. */
  readonly told: Effect[] = [];
  #holds = new Set<Hold>();
  readonly #held = new Map<ServerResponse, Effect>();

  private constructor(
    private readonly server: Server,
    /** Where workers tell their effects. */
    readonly address: string,
  ) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#take(request, response);
    });
  }

  /** Starts the server; `close` it in the end. */
  static async open(): Promise<Effects> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const at = server.address();
    if (at === null || typeof at === 'string') throw new Error('No TCP address');
    return new Effects(server, `http://127.0.0.1:${at.port}/`);
  }

  /** From now on holds back what the predicate says, until `releaseAll`. */
  hold(which: Hold): void {
    this.#holds.add(which);
  }

  /** Waits until that many effects are held that the predicate names. */
  async held(count: number, which: Hold = () => true): Promise<readonly Effect[]> {
    return waitFor(() => {
      const found = [...this.#held.values()].filter(which);
      return found.length >= count && found;
    }, 60_000);
  }

  /** Holds nothing any more, and lets go what is held. */
  releaseAll(): void {
    this.#holds = new Set();
    for (const response of this.#held.keys()) response.end();
    this.#held.clear();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const told = Told.parse(JSON.parse(Buffer.concat(chunks).toString()));
    const effect = { ...told, key: String(request.headers['idempotency-key']) };
    this.told.push(effect);
    if (![...this.#holds].some((hold) => hold(effect))) {
      response.end();
      return;
    }
    this.#held.set(response, effect);
    // The worker that asked may be gone.
    response.once('close', () => this.#held.delete(response));
  }
}
