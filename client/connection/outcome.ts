/**
 * Calls that change something in Temporal, and whose answer may be lost.
 *
 * Invariant: what is not known is not told as known. A call counts as refused only if Temporal has said so.
 * After any other failure Temporal is asked whether it has done it; if that does not settle it, the error is
 * OUTCOME_UNKNOWN. It is never reported as done, nor as not done, on a guess.
 */
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { messageOf, SluiceError } from '../../contracts/errors.js';
import type { JsonObject } from '../../contracts/json.js';

/** Time limit of the look at what has happened, ms. */
export const LOOK_LIMIT_MS = 5_000;

/**
 * The gRPC codes with which a server refuses a call: it has done nothing. Any other code (unavailable,
 * deadline exceeded, cancelled, unknown, …) may come after it has done it.
 */
const REFUSALS: ReadonlySet<number> = new Set([
  3, // INVALID_ARGUMENT
  5, // NOT_FOUND
  6, // ALREADY_EXISTS
  7, // PERMISSION_DENIED
  9, // FAILED_PRECONDITION
  12, // UNIMPLEMENTED
  16, // UNAUTHENTICATED
]);

/** What a call was to do, for the error. */
export interface Act {
  /** Completes "It is not known whether …": `run 01… was cancelled`. */
  readonly what: string;
  readonly details: JsonObject;
}

/** True where an error of Temporal's client leaves open whether the server has done what it was asked. */
function isUndecided(thrown: unknown): boolean {
  const grpc = thrown instanceof ServiceError ? thrown.cause : thrown;
  return isGrpcServiceError(grpc) && !REFUSALS.has(grpc.code);
}

/**
 * Makes a call that changes something, and looks where its answer was lost.
 * @param look what the call would have answered, if it has happened; undefined: that cannot be told
 * @throws what the call throws where the server refused it; SluiceError OUTCOME_UNKNOWN
 */
export async function settled<T>(
  act: Act,
  call: () => Promise<T>,
  look: () => Promise<T | undefined>,
): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    if (!isUndecided(thrown)) throw thrown;
    const seen = await seenBy(look, act, thrown);
    if (seen === undefined) throw unknownOutcome(act, thrown);
    return seen;
  }
}

async function seenBy<T>(
  look: () => Promise<T | undefined>,
  act: Act,
  cause: unknown,
): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    // A coded error is what the look has found out, such as RUN_CLOSED.
    if (error instanceof SluiceError) throw error;
    throw unknownOutcome(act, cause, `, nor to the question whether it has happened (${messageOf(error)})`);
  }
}

/**
 * The error for a call whose effect is not known.
 * @param cause the error that its call ended with, or why it is not known
 */
export function unknownOutcome({ what, details }: Act, cause: unknown, more = ''): SluiceError {
  return new SluiceError(
    'OUTCOME_UNKNOWN',
    `It is not known whether ${what}: ${typeof cause === 'string' ? cause : `Temporal did not answer (${messageOf(cause)})`}${more}.`,
    { cause, details },
  );
}
