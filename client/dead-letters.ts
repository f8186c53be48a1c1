/** Dead letters from an application: looked at, retried, dismissed. docs/dead-letters.md tells what each means. */
import {
  BegunRetry,
  DeadLetterPage,
  DeadLetterView,
  type DeadLetterFilter,
  type DeadLetterRequest,
  type DeadLetterSummary,
} from '../contracts/events/dead-letter.js';
import { SluiceError } from '../contracts/errors.js';
import { isJsonObject, type Json } from '../contracts/json.js';
import type { EventBus } from './events/event-bus.js';

export interface DeadLetterOptions {
  /** Default: the client's. */
  readonly tenant?: string;
  /** Who does it, for the audit. Default: the client's. */
  readonly actor?: string;
  /** Why, for the audit. */
  readonly note?: string;
}

export interface ListDeadLetters extends DeadLetterFilter {
  readonly tenant?: string;
  /** `next` of the page before. */
  readonly after?: string;
  /** At most 500; default 50. */
  readonly limit?: number;
}

/** Runs one act through `sluice.deadLetters`; `exclusive` names what no two may do at once. */
export type RunAct = (request: DeadLetterRequest, exclusive?: string) => Promise<unknown>;

/** Made by the client: `client.deadLetters`. */
export class DeadLetterClient {
  /** @internal */
  constructor(
    private readonly run: RunAct,
    private readonly defaults: { readonly tenant: string; readonly actor: string },
    private readonly bus: () => EventBus | undefined,
  ) {}

  /** One page, the open letters first, newest first. */
  async list({ tenant, after, limit, ...filter }: ListDeadLetters = {}): Promise<DeadLetterPage> {
    const answer = await this.run({
      act: 'list',
      tenant: tenant ?? this.defaults.tenant,
      filter,
      ...(after !== undefined && { after }),
      ...(limit !== undefined && { limit }),
    });
    return DeadLetterPage.parse(answer);
  }

  /** Every letter that fits, page by page. */
  async *all(filter: Omit<ListDeadLetters, 'after' | 'limit'> = {}): AsyncGenerator<DeadLetterSummary, void> {
    for (let after: string | undefined; ;) {
      const page = await this.list({ ...filter, limit: 500, ...(after !== undefined && { after }) });
      yield* page.items;
      if (page.next === null) return;
      after = page.next;
    }
  }

  /** One letter, with all that it holds and what was done about it. DEAD_LETTER_NOT_FOUND */
  async show(
    id: string,
    { tenant = this.defaults.tenant }: { readonly tenant?: string } = {},
  ): Promise<DeadLetterView> {
    return DeadLetterView.parse(await this.run({ act: 'show', tenant, id }));
  }

  /**
   * Does what could not be done, on its normal path and under the same idempotency key. Resolves when that is done.
   * @throws SluiceError DEAD_LETTER_NOT_FOUND, DEAD_LETTER_CLOSED, DEAD_LETTER_NOT_RETRYABLE,
   *   WORKFLOW_ALREADY_STARTED where somebody retries it now, CONFIG_INVALID where an event needs a bus and the
   *   client has none; or the error of what was tried, after which the letter is open again
   */
  async retry(id: string, options: DeadLetterOptions = {}): Promise<void> {
    const about = this.#about(id, options);
    const { kind } = await this.show(id, { tenant: about.tenant });
    if (kind !== 'event') {
      await this.run({ act: 'retry', ...about }, `${about.tenant}/${id}`);
      return;
    }
    const bus = this.bus();
    if (bus === undefined) {
      throw new SluiceError(
        'CONFIG_INVALID',
        'An event goes back over the bus: give the client httpBus(…) or redisBus(…).',
      );
    }
    const begun = BegunRetry.parse(await this.run({ act: 'begin', ...about }));
    if (begun.kind !== 'event' || !isJsonObject(begun.envelope)) {
      throw new SluiceError('DEAD_LETTER_NOT_RETRYABLE', `${id} holds no envelope`);
    }
    try {
      await bus.publish(begun.envelope);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      await this.run({ act: 'end', ...about, error: reason.slice(0, 2_000) });
      throw error;
    }
    await this.run({ act: 'end', ...about });
  }

  /** Says that nothing is to be done about it. DEAD_LETTER_NOT_FOUND, DEAD_LETTER_CLOSED */
  async dismiss(id: string, options: DeadLetterOptions = {}): Promise<void> {
    await this.run({ act: 'dismiss', ...this.#about(id, options) });
  }

  #about(
    id: string,
    options: DeadLetterOptions,
  ): { tenant: string; actor: string; id: string; note?: string } & Record<string, Json> {
    const { tenant, actor } = { ...this.defaults, ...options };
    return { tenant, actor, id, ...(options.note !== undefined && { note: options.note }) };
  }
}
