/** What the SDK throws, as coded errors; what a statement answers, as a question about it. */
import { CallTerminatedError, ConnectionUnavailableError, ServerError } from 'surrealdb';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';

/** The coded error of what a call of the SDK throws. @param username of the connection, for the message */
export function mapThrown(error: unknown, username: string | undefined): SluiceError {
  if (error instanceof SluiceError) return error;
  if (error instanceof ServerError) {
    if (error.kind === 'NotAllowed') {
      const who = username === undefined ? 'an anonymous connection' : `the user ${username}`;
      return new SluiceError('DATABASE_AUTH', `The database refuses ${who}: ${error.message}`, {
        cause: error,
      });
    }
    const retryable = isConflict(error.message);
    return new SluiceError('DATABASE_FAILED', error.message, { cause: error, retryable });
  }
  return toSluiceError(error, 'DATABASE_UNAVAILABLE');
}

/** True for what the SDK throws for a call whose connection has ended. */
export function isLoss(error: unknown): boolean {
  return error instanceof CallTerminatedError || error instanceof ConnectionUnavailableError;
}

/** True for the reason of a transaction that lost a write conflict and may be sent again. */
export function isConflict(reason: string): boolean {
  return /transaction conflict|can be retried|read or write conflict/i.test(reason);
}
