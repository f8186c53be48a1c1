/** Decodes an envelope at the edge; from there on, the bridge passes the decoded event. */
import { SluiceError } from '../../contracts/errors.js';
import { decodeEvent, type DecodedEvent } from '../../contracts/events/event-envelope.js';

/** Characters of all problems together in the message of the error; the details have all of them. */
const PROBLEM_CHARACTERS = 2_000;

/**
 * Decodes one envelope.
 * @param value parsed JSON
 * @throws SluiceError EVENT_INVALID with every problem, and the tenant, in its details
 */
export function decodeOrRefuse(value: unknown): DecodedEvent {
  const decoded = decodeEvent(value);
  if (decoded.ok) return decoded;
  throw eventInvalid(decoded.problems, { tenant: decoded.tenant });
}

/**
 * Decodes the events of one request: where any of them has a problem, all are refused.
 * @param values parsed JSON
 * @param batch whether each problem names the index of its event
 * @throws SluiceError EVENT_INVALID with every problem of every event in its details
 */
export function decodeAllOrRefuse(values: readonly unknown[], batch: boolean): readonly DecodedEvent[] {
  const events: DecodedEvent[] = [];
  const problems: string[] = [];
  for (const [index, value] of values.entries()) {
    const decoded = decodeEvent(value);
    if (decoded.ok) events.push(decoded);
    else problems.push(...decoded.problems.map((problem) => (batch ? `[${index}] ${problem}` : problem)));
  }
  if (problems.length > 0) throw eventInvalid(problems);
  return events;
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
