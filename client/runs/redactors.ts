/**
 * Redactors of runs. Each is cached: the payload and the pinned definition of a run never change.
 *
 * Invariants
 * - No value of a run is shown whose definition cannot be read, because it may be marked.
 * - A list never fails because of one such run (a restore brings it back before its definition): its values
 *   are hidden there, and reading that run alone says why.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { Definition } from '../../contracts/definition/index.js';
import { NO_VERSION } from '../../contracts/run/run.js';
import type { RunFilter, RunSummary, RunView } from '../../projections/index.js';
import { hidingRedactor, redactorFor, type PayloadRedactor } from '../redaction/redaction.js';
import { findRun, readsOf, type ReadContext } from './context.js';

/** Redactors, and definitions, that are cached for each source of reads. */
const CACHED = 500;

type Pinned = Pick<RunSummary, 'tenant' | 'definition' | 'version'>;

const definitions = new WeakMap<object, Map<string, Pick<Definition, 'payloadSchema'>>>();
const redactors = new WeakMap<object, Map<string, PayloadRedactor>>();

/** The redactor of a run. @throws SluiceError DEFINITION_VERSION_NOT_FOUND */
export async function redactorOf(context: ReadContext, run: RunView): Promise<PayloadRedactor> {
  const cache = cacheFor(redactors, readsOf(context));
  const key = JSON.stringify([run.tenant, run.runId]);
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  const redactor = redactorFor(await definitionOf(context, run), run.payload);
  // Until its first event is written, a row has no payload, and the marked values are unknown.
  if (run.definitionHash !== null) put(cache, key, redactor);
  return redactor;
}

/** The redactor of a run; one that hides every value where the run's definition is not there. */
export async function safeRedactorOf(context: ReadContext, run: RunView): Promise<PayloadRedactor> {
  try {
    return await redactorOf(context, run);
  } catch (thrown) {
    return hidingIfUnknown(thrown);
  }
}

/** Redacts a row of a list. The whole run is read only if its definition marks any value. */
export async function hideSummary(context: ReadContext, run: RunSummary): Promise<RunSummary> {
  try {
    return await hideMarked(context, run);
  } catch (thrown) {
    return hidingIfUnknown(thrown).summary(run);
  }
}

/**
 * Whether a run is shown with what a filter asks for: a filter by a hidden value would tell whether a guess
 * is right.
 */
export function matchesShown({ correlationKey, state }: RunFilter, shown: RunSummary): boolean {
  return (
    (correlationKey === undefined || shown.correlationKeys.includes(correlationKey)) &&
    (state === undefined || shown.state === state)
  );
}

/** Codes of a run whose marked values are unknown; retention may remove a run after it was listed. */
const UNKNOWN: ReadonlySet<string> = new Set(['DEFINITION_VERSION_NOT_FOUND', 'RUN_NOT_FOUND']);

function hidingIfUnknown(thrown: unknown): PayloadRedactor {
  if (thrown instanceof SluiceError && UNKNOWN.has(thrown.code)) return hidingRedactor();
  throw thrown;
}

async function hideMarked(context: ReadContext, run: RunSummary): Promise<RunSummary> {
  const { payloadSchema } = await definitionOf(context, run);
  if (payloadSchema === undefined || !JSON.stringify(payloadSchema).includes('"writeOnly":true')) return run;
  const whole = await findRun(context, run.runId, run);
  return (await redactorOf(context, whole)).summary(run);
}

async function definitionOf(
  context: ReadContext,
  { tenant, definition, version }: Pinned,
): Promise<Pick<Definition, 'payloadSchema'>> {
  // The row of a run that was refused has no payload, so nothing in it is marked.
  if (version === NO_VERSION) return {};
  const reads = readsOf(context);
  const cache = cacheFor(definitions, reads);
  const key = JSON.stringify([tenant, definition, version]);
  const cached = cache.get(key);
  if (cached !== undefined) return cached;
  const stored = await reads.getDefinition(tenant, definition, version);
  if (stored === undefined) {
    throw new SluiceError(
      'DEFINITION_VERSION_NOT_FOUND',
      `Tenant ${tenant} has no version ${version} of ${definition}, so it is unknown which values of its runs are marked.`,
    );
  }
  // Imported late, because it is heavy, and a client that reads through an API never needs it.
  const { readStoredInBounds } = await import('../../definitions/index.js');
  const { payloadSchema } = (await readStoredInBounds(stored.source, stored.format, tenant)).definition;
  const marks = payloadSchema === undefined ? {} : { payloadSchema };
  put(cache, key, marks);
  return marks;
}

function cacheFor<T>(caches: WeakMap<object, Map<string, T>>, owner: object): Map<string, T> {
  const cache = caches.get(owner) ?? new Map<string, T>();
  caches.set(owner, cache);
  return cache;
}

function put<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.set(key, value);
  const [oldest] = cache.keys();
  if (cache.size > CACHED && oldest !== undefined) cache.delete(oldest);
}
