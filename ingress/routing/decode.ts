/** Decodes an envelope at the edge; from there on, the bridge passes the decoded event. */
import { SluiceError } from '../../contracts/errors.js';
import {
  decodeEvent,
  receiveEvent,
  withoutChain,
  type DecodedEvent,
} from '../../contracts/events/event-envelope.js';

/** Characters of all problems together in the message of the error; the details have all of them. */
const PROBLEM_CHARACTERS = 2_000;

/**
 * Decodes an envelope that arrives.
 * @param value parsed JSON
 * @throws SluiceError EVENT_INVALID with every problem, and the tenant, in its details
 */
export function decodeOrRefuse(value: unknown): DecodedEvent {
  const decoded = receiveEvent(value);
  if (decoded.ok) return decoded;
  throw eventInvalid(decoded.problems, { tenant: decoded.tenant });
}

/**
 * Decodes an envelope of a sender that is not the relay.
 * @throws SluiceError as `decodeOrRefuse` does
 */
export function decodeSent(value: unknown): DecodedEvent {
  return decodeOrRefuse(withoutChain(value));
}

/**
 * Decodes an envelope that was recorded.
 * @throws SluiceError EVENT_INVALID where the row was edited by hand
 */
export function decodeRecorded(value: unknown): DecodedEvent {
  const decoded = decodeEvent(value);
  if (decoded.ok) return decoded;
  throw eventInvalid(decoded.problems, { tenant: decoded.tenant });
}

/** The error of an event that cannot be understood. */
export function eventInvalid(
  problems: readonly string[],
  more: { readonly tenant?: string } = {},
): SluiceError {
  return new SluiceError('EVENT_INVALID', problems.join('; ').slice(0, PROBLEM_CHARACTERS), {
    details: { problems: [...problems], ...more },
  });
}
