/** What a channel carries to a person or a service: one notice, and how a channel fails. */
import { SluiceError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';

export interface Notice {
  /** Identifies the notice for who receives it: the same notice, sent again, has the same id. */
  readonly id: string;
  /** When it came to be, epoch ms. */
  readonly at: number;
  /** One line. */
  readonly title: string;
  /** Plain text of any length. */
  readonly text: string;
  /** Where a person acts on it. */
  readonly link?: URL;
  /** What a program reads. */
  readonly data: Json;
}

export interface Channel<Target> {
  /**
   * Hands a notice over; the receiver has accepted it when this returns.
   * @param signal ends the exchange at any point
   * @throws SluiceError CHANNEL_REFUSED where another attempt would be refused too, CHANNEL_UNAVAILABLE where
   * it may succeed, HTTP_TARGET_REFUSED for a host that the worker may not reach
   */
  send(notice: Notice, target: Target, signal: AbortSignal): Promise<void>;
}

/** An error of a channel that says who refused and why. */
export function channelError(
  code: 'CHANNEL_REFUSED' | 'CHANNEL_UNAVAILABLE',
  message: string,
  { cause, retryAfterMs }: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
): SluiceError {
  return new SluiceError(code, message, {
    ...(cause !== undefined && { cause }),
    ...(retryAfterMs !== undefined && { details: { retryAfterMs } }),
  });
}
