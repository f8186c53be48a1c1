/**
 * Acts on a run without its marked values: its workflow id, and so an answer or an error, may hold one.
 */
import { REDACTED, type PayloadRedactor, type SluiceClient } from '../../client/index.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { isJsonObject, type Json } from '../../contracts/json.js';

/** Which run. */
interface Of {
  readonly tenant: string;
  /** Null: it is about no run. */
  readonly runId: string | null;
}

/** The answer of an act on a run, or its error, with the run's marked values hidden. */
export async function actHidden<T extends object>(
  client: SluiceClient,
  of: Of,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await hidden(client, of, await act());
  } catch (thrown) {
    const { code, message, retryable, category, details = null } = toSluiceError(thrown);
    const shown = await hidden(client, of, { message, details });
    throw new SluiceError(code, shown.message, {
      retryable,
      category,
      ...(shown.details !== null && { details: shown.details }),
      cause: thrown,
    });
  }
}

/**
 * A value with the marked values of a run hidden, in the shape that it had; the value itself where the run is
 * unknown. Where what is marked can't be read now, all text is hidden: the act is done, and its answer must
 * not fail.
 */
export async function hidden<T extends object>(
  client: SluiceClient,
  { tenant, runId }: Of,
  value: T,
): Promise<T> {
  if (runId === null) return value;
  try {
    const redactor = await client.runs.redactor(runId, { tenant });
    return shaped(value as Json, redactor) as T;
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'RUN_NOT_FOUND') return value;
    return shaped(value as Json, { text: () => REDACTED, json: () => REDACTED }) as T;
  }
}

/** What Sluice itself names: never a value of a run. */
const OWN: ReadonlySet<string> = new Set([
  'runId',
  'executionId',
  'resetExecutionId',
  'generation',
  'stepPath',
  'outcome',
  'status',
  'code',
  'category',
]);

function shaped(value: Json, hide: Pick<PayloadRedactor, 'text' | 'json'>): Json {
  if (typeof value === 'string') return hide.text(value);
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => shaped(item, hide));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]): [string, Json] => {
      if (key === 'details') return [key, item === null ? null : hide.json(item)];
      return [key, OWN.has(key) ? item : shaped(item, hide)];
    }),
  );
}
