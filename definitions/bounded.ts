/**
 * The doors of this room for data and documents of others.
 *
 * Invariant: nothing that an author or a caller wrote holds the process. A check whose time and memory are
 * known to be small from the lengths of what it is given is done at once; every other one is done in a thread
 * of a pool, within limits that are enforced from outside it, and its failure is that check's alone.
 */
import type { Definition } from '../contracts/definition/index.js';
import { SluiceError } from '../contracts/errors.js';
import { isDeeperThan, type Json, type JsonObject } from '../contracts/json.js';
import { LIMITS } from '../contracts/limits.js';
import { CheckAnswer, type CheckRequest } from './checks/messages.js';
import { isShortCheck, isShortDocument } from './checks/plain-schema.js';
import { ThreadPool } from './checks/thread-pool.js';
import { type Catalogue, sent } from './known.js';
import { validatePayload } from './payload.js';
import { type DefinitionFormat, readStoredDefinition, readWithMissing } from './read.js';
import type { DefinitionProblem } from './source/problem.js';

/** Bounds of one check; a second try has more time, in a new thread. */
export const CHECK_POOL = {
  threads: 2,
  tryMs: [1_000, 5_000],
  startMs: 60_000,
  memoryMb: 256,
} as const;

let pool: ThreadPool | undefined;

/** A definition that was read and checked. */
export interface BoundedRead {
  readonly definition: Definition;
  /** The document as JSON, with its keys in the author's order. */
  readonly document: Json;
  /** sha-256 (hex) of the document. */
  readonly hash: string;
  /** Actions that the catalogue does not have; empty without a catalogue. */
  readonly missing: readonly DefinitionProblem[];
  /** What the document probably does not mean; empty for a stored version. */
  readonly warnings: readonly DefinitionProblem[];
}

/**
 * Checks a payload against the definition's schema, within the bounds of a check.
 * @param schema undefined: every payload is valid
 * @param payload undefined counts as `{}`
 * @param tenant whose turn it is, where checks wait for each other
 * @returns a copy of the payload with the defaults of the schema
 * @throws SluiceError PAYLOAD_INVALID whose `details.problems` are at most 100 problems with JSONPath and
 * message; CHECK_LIMIT; CHECK_UNAVAILABLE
 */
export async function validatePayloadInBounds(
  schema: JsonObject | undefined,
  payload: Json | undefined,
  tenant: string,
): Promise<Json> {
  const given = payload === undefined ? {} : payload;
  // Refused before it is made a text, which recurses.
  if (schema === undefined || isDeeperThan(given, LIMITS.depth) || isShortCheck(schema, given)) {
    return validatePayload(schema, given);
  }
  const texts = { schema: JSON.stringify(schema), payload: JSON.stringify(given) };
  return JSON.parse(await inThread(tenant, { kind: 'payload', ...texts })) as Json;
}

/**
 * Reads and checks a definition document, within the bounds of a check.
 * @param catalogue if given, the actions that it does not have are in `missing`
 * @throws SluiceError DEFINITION_TOO_LARGE, DEFINITION_INVALID as `readDefinition`; CHECK_LIMIT;
 * CHECK_UNAVAILABLE
 */
export function readDefinitionInBounds(
  text: string,
  format: DefinitionFormat,
  { tenant, catalogue }: { readonly tenant: string; readonly catalogue?: Catalogue | undefined },
): Promise<BoundedRead> {
  return readInBounds(text, format, { tenant, catalogue, stored: false });
}

/**
 * Reads a version that was published before, maybe by an older release, within the bounds of a check.
 * @throws SluiceError as `readDefinitionInBounds`, but not for rules of new versions
 */
export function readStoredInBounds(
  text: string,
  format: DefinitionFormat,
  tenant: string,
): Promise<BoundedRead> {
  return readInBounds(text, format, { tenant, stored: true });
}

interface ReadOptions {
  readonly tenant: string;
  readonly catalogue?: Catalogue | undefined;
  readonly stored: boolean;
}

async function readInBounds(
  text: string,
  format: DefinitionFormat,
  { tenant, catalogue, stored }: ReadOptions,
): Promise<BoundedRead> {
  if (isShortDocument(text)) {
    const { definition, document, hash, missing, warnings } = stored
      ? { ...readStoredDefinition(text, format), missing: [] }
      : readWithMissing(text, format, catalogue);
    return { definition, document, hash, missing, warnings };
  }
  const request: CheckRequest = {
    kind: 'definition',
    text,
    format,
    stored,
    ...(catalogue && { catalogue: sent(catalogue, text) }),
  };
  // The thread has parsed it by the schema of definitions.
  return JSON.parse(await inThread(tenant, request)) as BoundedRead;
}

async function inThread(tenant: string, request: CheckRequest): Promise<string> {
  pool ??= new ThreadPool(new URL('./check-thread.mjs', import.meta.url), CHECK_POOL);
  const answer = CheckAnswer.parse(await pool.run(tenant, request));
  if (answer.ok) return answer.json;
  const { code, message, details } = answer;
  throw new SluiceError(code, message, details === undefined ? {} : { details });
}
