/** Dead letters from an application: list, show, retry, dismiss (docs/dead-letters.md). */
import {
  BegunRetry,
  DeadLetterPage,
  DeadLetterView,
  type DeadLetterFilter,
  type DeadLetterRequest,
  type DeadLetterSummary,
} from '../contracts/events/dead-letter.js';
import { messageOf, SluiceError } from '../contracts/errors.js';
import { isJsonObject, type Json } from '../contracts/json.js';
import type { EventBus } from './events/event-bus.js';

/** Characters of an error's message that the record of a failed retry keeps. */
const ERROR_CHARACTERS = 2_000;
/** Letters that one page of `all` has. */
const PAGE_SIZE = 500;

export interface DeadLetterOptions {
  /** Default: the client's. */
  readonly tenant?: string;
  /** Who acts, for the audit. Default: the client's. */
  readonly actor?: string;
  /** Why, for the audit. */
  readonly note?: string;
}

/** Of a retry. */
export interface RetryOptions extends DeadLetterOptions {
  /**
   * True: a person has made sure that the history of the letter's run is gone. Needed where the run is
   * INTERRUPTED, because it may still run on another Temporal.
   */
  readonly historyGone?: boolean;
}

export interface ListDeadLetters extends DeadLetterFilter {
  readonly tenant?: string;
  /** `next` of the previous page. */
  readonly after?: string;
  /** At most 500; default 50. */
  readonly limit?: number;
  /** True: values that definitions mark `writeOnly` are shown. */
  readonly unredacted?: boolean;
}

/** Runs one act through `sluice.deadLetters`; two acts with the same `exclusive` never run at once. */
export type ExecuteAct = (request: DeadLetterRequest, exclusive?: string) => Promise<unknown>;

/** `client.deadLetters`. */
export class DeadLetterClient {
  /** @internal */
  constructor(
    private readonly execute: ExecuteAct,
    private readonly defaults: { readonly tenant: string; readonly actor: string },
    private readonly bus: () => EventBus | undefined,
  ) {}

  /**
   * One page of letters: the open ones first, each group newest first.
   * @throws SluiceError WORKER_NOT_FOUND
   */
  async list({ tenant, after, limit, unredacted, ...filter }: ListDeadLetters = {}): Promise<DeadLetterPage> {
    const answer = await this.execute({
      act: 'list',
      tenant: tenant ?? this.defaults.tenant,
      filter,
      ...(after !== undefined && { after }),
      ...(limit !== undefined && { limit }),
      ...(unredacted === true && { unredacted }),
    });
    return DeadLetterPage.parse(answer);
  }

  /** Every letter that matches, page by page. @throws SluiceError WORKER_NOT_FOUND */
  async *all(filter: Omit<ListDeadLetters, 'after' | 'limit'> = {}): AsyncGenerator<DeadLetterSummary, void> {
    for (let after: string | undefined; ;) {
      const page = await this.list({ ...filter, limit: PAGE_SIZE, ...(after !== undefined && { after }) });
      yield* page.items;
      if (page.next === null) return;
      after = page.next;
    }
  }

  /**
   * One letter with its content and its acts; marked values are hidden unless `unredacted`.
   * @throws SluiceError DEAD_LETTER_NOT_FOUND, WORKER_NOT_FOUND
   */
  async show(
    id: string,
    {
      tenant = this.defaults.tenant,
      unredacted,
    }: { readonly tenant?: string; readonly unredacted?: boolean } = {},
  ): Promise<DeadLetterView> {
    const request = { act: 'show', tenant, id, ...(unredacted === true && { unredacted }) } as const;
    return DeadLetterView.parse(await this.execute(request));
  }

  /**
   * Repeats what failed, on its normal path and under the same idempotency key. Resolves when it has
   * succeeded; for a trigger, when it is left to the event bridge.
   * @returns RETRIED; RETRYING for a trigger, whose letter then tells how it ended
   * @throws SluiceError DEAD_LETTER_NOT_FOUND, DEAD_LETTER_CLOSED, DEAD_LETTER_NOT_RETRYABLE,
   *   DEAD_LETTER_UNCONFIRMED,
   *   WORKFLOW_ALREADY_STARTED if another retry of it is running, CONFIG_INVALID if the letter is an event
   *   and the client has no bus; or the error of the retry itself, after which the letter is open again
   */
  async retry(id: string, options: RetryOptions = {}): Promise<'RETRIED' | 'RETRYING'> {
    const about = {
      ...this.#about(id, options),
      ...(options.historyGone === true && { historyGone: true }),
    };
    const { kind } = await this.show(id, { tenant: about.tenant });
    if (kind !== 'event') {
      await this.execute({ act: 'retry', ...about }, `${about.tenant}/${id}`);
      return kind === 'trigger' ? 'RETRYING' : 'RETRIED';
    }
    const bus = this.bus();
    if (bus === undefined) {
      throw new SluiceError(
        'CONFIG_INVALID',
        'A retry of an event needs a bus: give the client httpBus(…) or redisBus(…).',
      );
    }
    const begun = BegunRetry.parse(await this.execute({ act: 'begin', ...about }));
    if (begun.kind !== 'event' || !isJsonObject(begun.envelope)) {
      throw new SluiceError('DEAD_LETTER_NOT_RETRYABLE', `Dead letter ${id} holds no envelope.`);
    }
    try {
      await bus.publish(begun.envelope);
    } catch (error) {
      await this.execute({ act: 'end', ...about, error: messageOf(error).slice(0, ERROR_CHARACTERS) });
      throw error;
    }
    await this.execute({ act: 'end', ...about });
    return 'RETRIED';
  }

  /** Closes a letter without a retry. @throws SluiceError DEAD_LETTER_NOT_FOUND, DEAD_LETTER_CLOSED */
  async dismiss(id: string, options: DeadLetterOptions = {}): Promise<'DISMISSED'> {
    await this.execute({ act: 'dismiss', ...this.#about(id, options) });
    return 'DISMISSED';
  }

  #about(
    id: string,
    options: DeadLetterOptions,
  ): { tenant: string; actor: string; id: string; note?: string } & Record<string, Json> {
    const { tenant, actor } = { ...this.defaults, ...options };
    return { tenant, actor, id, ...(options.note !== undefined && { note: options.note }) };
  }
}
