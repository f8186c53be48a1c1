/**
 * The payment, stock and shipping services of the example, as one HTTP server outside the worker. As such
 * services do, it keeps its work by idempotency key: a repeated request is done once.
 */
import { z } from 'zod';
import { OutsideServer, type OutsideAnswer, type OutsideRequest } from './outside-server.js';

const Asked = z.object({ action: z.string(), orderId: z.string(), things: z.array(z.string()) });

/** A request, before its work is done, or after that and before its answer. */
export interface Request extends z.infer<typeof Asked> {
  readonly point: 'before' | 'after';
  readonly key: string;
}

/** What was done for an order and not undone. */
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
  #server: OutsideServer<Request> | undefined;
  /** Which requests are held until `letGo`. */
  holds: (request: Request) => boolean = () => false;
  /** Which requests are refused, before anything is done. */
  refuses: (request: Request) => boolean = () => false;

  /** Starts the server; `close` it in the end. */
  static async open(): Promise<Services> {
    const services = new Services();
    services.#server = await OutsideServer.open((request) => services.#answer(request));
    return services;
  }

  /** Where actions send their requests. */
  get address(): string {
    return this.#opened.address;
  }

  /** Waits until a matching request is held. */
  async held(which: (request: Request) => boolean): Promise<void> {
    await this.#opened.held(1, which);
  }

  /** Breaks the connections of all held requests, and holds no more. */
  letGo(): void {
    this.holds = () => false;
    this.#opened.release('broken');
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

  close(): Promise<void> {
    return this.#opened.close();
  }

  get #opened(): OutsideServer<Request> {
    if (this.#server === undefined) throw new Error('Services: use Services.open');
    return this.#server;
  }

  #answer({ body, key }: OutsideRequest): OutsideAnswer<Request> {
    const asked = Asked.parse(body);
    const before: Request = { ...asked, key, point: 'before' };
    const after: Request = { ...asked, key, point: 'after' };
    if (this.refuses(before)) return { status: 503 };
    if (this.holds(before)) return { hold: before };
    for (const thing of asked.things) {
      const name = `${asked.action}|${asked.orderId}|${thing}`;
      this.#done.set(name, (this.#done.get(name) ?? new Set()).add(key));
    }
    return this.holds(after) ? { hold: after } : { status: 200 };
  }
}
