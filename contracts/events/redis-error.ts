/** Errors of Redis: one that cannot be reached, and one that answers and refuses, are not the same. */
import { messageOf, SluiceError } from '../errors.js';

/** What an error says of a server that answered: its first word is the code of Redis. */
const REPLY = /^(?:[A-Z]+ |ReplyError)/;

/** The coded error of anything that a command of Redis throws. */
export function redisError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const message = messageOf(thrown);
  const answered = thrown instanceof Error && thrown.name === 'ReplyError' && REPLY.test(message);
  return new SluiceError(answered ? 'REDIS_REFUSED' : 'REDIS_UNAVAILABLE', `Redis: ${message}`, {
    cause: thrown,
  });
}

/** Whether a server refused for this reason, such as `NOGROUP` or `READONLY`. */
export function redisRefused(error: unknown, reason: string): boolean {
  const cause = error instanceof SluiceError ? error.cause : error;
  return cause instanceof Error && cause.name === 'ReplyError' && cause.message.startsWith(`${reason} `);
}
