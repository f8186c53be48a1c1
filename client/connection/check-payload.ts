/**
 * The payload of a start, checked against the definition's schema before Temporal is asked.
 *
 * A run checks its payload itself. This check tells the caller at once, where the client has a source of
 * reads. It decides nothing else: a definition that the source does not have, or a source that is away, stops
 * no start, because Temporal alone decides what runs.
 */
import type { Definition } from '../../contracts/definition/index.js';
import { SluiceError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import type { RunReads } from '../reads/reads.js';

/** How long a source of reads may take before the run is started without this check, ms. */
const LIMIT_MS = 2_000;
/** Parsed definitions that are kept. */
const CACHED = 200;

const parsed = new Map<string, Pick<Definition, 'payloadSchema'>>();

/** The version that a start names. */
export interface StartTarget {
  readonly tenant: string;
  readonly definition: string;
  readonly version: number | undefined;
}

/**
 * Checks a payload.
 * @param reads undefined: nothing is checked
 * @throws SluiceError PAYLOAD_INVALID, with the problems in its details; CHECK_LIMIT
 */
export async function checkPayload(
  reads: RunReads | undefined,
  target: StartTarget,
  payload: Json,
): Promise<void> {
  const definition = reads === undefined ? undefined : await inTime(definitionOf(reads, target));
  if (definition === undefined) return;
  const { validatePayloadInBounds } = await import('../../definitions/index.js');
  try {
    await validatePayloadInBounds(definition.payloadSchema, payload, target.tenant);
  } catch (thrown) {
    // The run checks its payload itself.
    if (!(thrown instanceof SluiceError) || thrown.code !== 'CHECK_UNAVAILABLE') throw thrown;
  }
}

async function definitionOf(
  reads: RunReads,
  { tenant, definition: id, version }: StartTarget,
): Promise<Pick<Definition, 'payloadSchema'> | undefined> {
  const stored = await reads.getDefinition(tenant, id, version);
  if (stored === undefined || (version === undefined && stored.latest === null)) return undefined;
  const known = parsed.get(stored.hash);
  if (known !== undefined) return known;
  // Imported late: it is heavy, and a client without a source of reads never needs it.
  const { readStoredInBounds } = await import('../../definitions/index.js');
  const { definition } = await readStoredInBounds(stored.source, stored.format, tenant);
  parsed.set(stored.hash, definition);
  const [oldest] = parsed.keys();
  if (parsed.size > CACHED && oldest !== undefined) parsed.delete(oldest);
  return definition;
}

/** The value; undefined where it does not come in time or at all. */
async function inTime<T>(value: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), LIMIT_MS);
  });
  try {
    return await Promise.race([value.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
