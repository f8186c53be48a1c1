/**
 * A batch over HTTP: each event has its own answer.
 *
 * Invariant: no event of a batch hinders another. Each one is tried, in order, and the answer says at its
 * place what became of it. An answer of 503 or 500 means: send the batch again, which does nothing twice. So
 * an event that can never be taken does not keep its sender sending, and one that can is never given up.
 */
import { isJsonObject, type Json, type JsonObject } from '../../contracts/json.js';
import { type SluiceError, toSluiceError } from '../../contracts/errors.js';
import { isAway } from '../routing/availability.js';
import type { Routed } from '../routing/route.js';

const ACCEPTED = 202;
/** Some events were accepted, and some never can be. */
const MIXED = 207;
const FIRST_SERVER_ERROR = 500;
/** Refused events that the message of the whole names. */
const MOST_NAMED = 5;

export interface BatchAnswer {
  readonly status: number;
  readonly body: Json;
  /** The error because of which the batch has to be sent again. */
  readonly again?: SluiceError;
}

/**
 * Accepts the events one after the other.
 * @param accept decodes and routes one event
 * @param bodyOf an error as the bridge answers it
 */
export async function acceptBatch(
  values: readonly unknown[],
  accept: (value: unknown) => Promise<Routed>,
  bodyOf: (error: SluiceError) => JsonObject,
): Promise<BatchAnswer> {
  const answers: JsonObject[] = [];
  const failures: { readonly index: number; readonly status: number; readonly error: SluiceError }[] = [];
  let away: SluiceError | undefined;
  for (const [index, value] of values.entries()) {
    try {
      // A service that is away is away for the rest too: its sender sends the batch again.
      if (away !== undefined) throw away;
      answers.push({ status: ACCEPTED, ...((await accept(value)) as unknown as JsonObject) });
    } catch (thrown) {
      const error = toSluiceError(thrown);
      if (isAway(error)) away = error;
      const status = isAway(error) ? 503 : error.status;
      failures.push({ index, status, error });
      answers.push({ status, ...identityOf(value), error: bodyOf(error) });
    }
  }
  const [first] = failures;
  if (first === undefined) return { status: ACCEPTED, body: answers };
  const worst = failures.find(({ error }) => error === away) ?? failures.find(isServerError);
  const refusedAll = failures.length === values.length;
  if (worst === undefined && !refusedAll) return { status: MIXED, body: answers };
  const cause = worst ?? first;
  const same = failures.every(({ status }) => status === first.status);
  return {
    status: worst?.status ?? (same ? first.status : 400),
    body: { error: { ...bodyOf(cause.error), ...summaryOf(failures, values.length) }, events: answers },
    ...(worst !== undefined && { again: worst.error }),
  };
}

function isServerError({ status }: { readonly status: number }): boolean {
  return status >= FIRST_SERVER_ERROR;
}

function summaryOf(
  failures: readonly { readonly index: number; readonly error: SluiceError }[],
  all: number,
): { readonly message: string; readonly problems: Json } {
  const problems = failures.flatMap(({ index, error }) => {
    const listed = isJsonObject(error.details) ? error.details['problems'] : undefined;
    const own = Array.isArray(listed) ? listed.map(String) : [`${error.code}: ${error.message}`];
    return own.map((problem) => `[${index}] ${problem}`);
  });
  const named = problems.slice(0, MOST_NAMED).join('; ');
  return { message: `${failures.length} of ${all} events were not taken: ${named}`, problems };
}

/** Source and id of an event, as far as they can be read. */
function identityOf(value: unknown): JsonObject {
  if (!isJsonObject(value)) return {};
  const { source, id, eventId } = value;
  const known = { source, id: id ?? eventId };
  return Object.fromEntries(
    Object.entries(known).filter(([, text]) => typeof text === 'string'),
  ) as JsonObject;
}
