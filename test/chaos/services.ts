/**
 * The payment, stock and shipping services of the example, as HTTP servers outside of the worker. They keep what was
 * done by idempotency key, as such services do: asked twice, they do it once.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { waitFor } from '../support/wait-for.js';

const Asked = z.object({ action: z.string(), orderId: z.string(), things: z.array(z.string()) });

/** One request: before it is done, or when it has been done and its answer is on the way. */
export interface Request extends z.infer<typeof Asked> {
  readonly point: 'before' | 'after';
  readonly key: string;
}

/** What stands of an order. */
export interface Standing {
  readonly charges: readonly string[];
  readonly reservations: readonly string[];
  readonly shipments: readonly string[];
}

const UNDOES: Readonly<Record<string, string>> = {
  'payments.refund': 'payments.charge',
  'inventory.release': 'inventory.reserve',
};

export class Services {
  /** By action, order and thing: the keys under which it was done. */
  readonly #done = new Map<string, Set<string>>();
  readonly #held = new Map<ServerResponse, Request>();
  /** Which requests are held until `letGo`. */
  holds: (request: Request) => boolean = () => false;
  /** Which requests are refused, before anything is done. */
  refuses: (request: Request) => boolean = () => false;

  private constructor(
    private readonly server: Server,
    readonly address: string,
  ) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#take(request, response);
    });
  }

  /** Starts them; `close` them in the end. */
  static async open(): Promise<Services> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const at = server.address();
    if (at === null || typeof at === 'string') throw new Error('No TCP address');
    return new Services(server, `http://127.0.0.1:${at.port}/`);
  }

  /** Waits until a request that the predicate names is held. */
  async held(which: (request: Request) => boolean): Promise<void> {
    await waitFor(() => [...this.#held.values()].some(which), 40_000);
  }

  /** Holds nothing any more. */
  letGo(): void {
    this.holds = () => false;
    for (const response of this.#held.keys()) response.destroy();
    this.#held.clear();
  }

  /** What was done for an order and not undone; a thing that was done under two keys counts twice. */
  standing(orderId: string): Standing {
    const of = (action: string): string[] =>
      [...this.#done].flatMap(([name, keys]) => {
        const [doneBy, order, thing = ''] = name.split('|');
        if (doneBy !== action || order !== orderId) return [];
        const undone = Object.entries(UNDOES).some(
          ([undo, what]) => what === action && this.#done.has(`${undo}|${orderId}|${thing}`),
        );
        return undone ? [] : [...keys].map(() => thing);
      });
    return {
      charges: of('payments.charge'),
      reservations: of('inventory.reserve'),
      shipments: of('shipping.create'),
    };
  }

  /** How often anything of an order was done under more than one key. */
  twice(orderId: string): readonly string[] {
    return [...this.#done].flatMap(([name, keys]) =>
      name.split('|')[1] === orderId && keys.size > 1 ? [name] : [],
    );
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked = Asked.parse(JSON.parse(Buffer.concat(chunks).toString()));
    const key = String(request.headers['idempotency-key']);
    const before: Request = { ...asked, key, point: 'before' };
    const after: Request = { ...asked, key, point: 'after' };
    if (this.refuses(before)) {
      response.writeHead(503).end();
      return;
    }
    if (this.holds(before)) return this.#hold(before, response);
    for (const thing of asked.things) {
      const name = `${asked.action}|${asked.orderId}|${thing}`;
      this.#done.set(name, (this.#done.get(name) ?? new Set()).add(key));
    }
    if (this.holds(after)) return this.#hold(after, response);
    response.end();
  }

  #hold(request: Request, response: ServerResponse): void {
    this.#held.set(response, request);
    // The worker that asked may be gone.
    response.once('close', () => this.#held.delete(response));
  }
}
