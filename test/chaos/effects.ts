/**
 * The server that actions of the chaos tests report their effects to. It keeps every report, and can hold
 * one so that a test kills the worker exactly there.
 */
import { z } from 'zod';
import { OutsideServer, type OutsideAnswer, type OutsideRequest } from './outside-server.js';

const Report = z.object({
  point: z.enum(['acts', 'acted']),
  action: z.string(),
  runId: z.string(),
  workflowId: z.string(),
  step: z.string(),
  iteration: z.array(z.number()),
  attempt: z.number(),
});

/** A report of a worker: an action acts, or has acted. */
export type Effect = z.infer<typeof Report> & { readonly key: string };

/** Which effects are held. */
export type Hold = (effect: Effect) => boolean;

export class Effects {
  /** All reports, in order. */
  readonly reported: Effect[] = [];
  #holds = new Set<Hold>();
  #server: OutsideServer<Effect> | undefined;

  /** Starts the server; `close` it in the end. */
  static async open(): Promise<Effects> {
    const effects = new Effects();
    effects.#server = await OutsideServer.open((request) => effects.#answer(request));
    return effects;
  }

  /** Where workers report their effects. */
  get address(): string {
    return this.#opened.address;
  }

  /** Holds matching effects from now on, until `releaseAll`. */
  hold(which: Hold): void {
    this.#holds.add(which);
  }

  /** Waits until that many matching effects are held. */
  held(count: number, which: Hold = () => true): Promise<readonly Effect[]> {
    return this.#opened.held(count, which);
  }

  /** Answers all held effects, and holds no more. */
  releaseAll(): void {
    this.#holds = new Set();
    this.#opened.release('answered');
  }

  close(): Promise<void> {
    return this.#opened.close();
  }

  get #opened(): OutsideServer<Effect> {
    if (this.#server === undefined) throw new Error('Effects: use Effects.open');
    return this.#server;
  }

  #answer({ body, key }: OutsideRequest): OutsideAnswer<Effect> {
    const effect = { ...Report.parse(body), key };
    this.reported.push(effect);
    return [...this.#holds].some((hold) => hold(effect)) ? { hold: effect } : { status: 200 };
  }
}
