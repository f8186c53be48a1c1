/**
 * Commits the outcome of an attempt, then reports it to Temporal. Invariant: Temporal hears of a success or a
 * business error only when the ledger has it. Any other end leaves the row STARTED, for another attempt to
 * take over.
 */
import type { ActionResult } from '../../contracts/run/activity.js';
import { SluiceError, toSluiceError } from '../../contracts/errors.js';
import { isJsonObject, jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import type { BeginDecision, DomainStatement } from '../../contracts/run/projection.js';
import {
  businessError,
  businessFailure,
  repeatable,
  storeFailure,
  type BusinessError,
} from '../boundary/failures.js';
import { leaveToRegular } from '../boundary/lost-workers.js';
import { toJson } from '../boundary/json-output.js';
import { issuesOf } from '../boundary/parse.js';
import type { OpenContext } from './action-context.js';
import type { Attempt } from './attempt.js';
import type { Ended } from './execute.js';
import type { KeepAlive } from './keep-alive.js';
import type { Stop } from './stop.js';

/** Commits the outcome, then reports it to Temporal. */
export async function conclude(
  attempt: Attempt,
  open: OpenContext,
  alive: KeepAlive,
  ended: Ended,
): Promise<ActionResult> {
  const { action, envelope, temporal } = attempt;
  switch (ended.kind) {
    case 'returned':
      return await succeed(attempt, open, ended.output);
    case 'threw':
      return await failed(attempt, ended.thrown, open.collected().artifacts);
    case 'timeout':
      return await failed(
        attempt,
        new SluiceError('ACTION_TIMEOUT', `${action.id} took longer than ${envelope.timeoutMs} ms`),
        open.collected().artifacts,
      );
    case 'stopped':
      await alive.stop();
      if (ended.stillRuns) {
        temporal.log.warn('The action was told to stop and is still running; its effects are ignored', {
          reason: ended.reason,
        });
      } else if (ended.reason !== 'canceled') {
        await alive.release();
      }
      return await stopped(attempt, ended.reason);
  }
}

async function succeed(attempt: Attempt, open: OpenContext, raw: unknown): Promise<ActionResult> {
  const { statements, artifacts } = open.collected();
  let output: Json;
  try {
    const { action, envelope, redactor } = attempt;
    output = await checkedOutput({ action, redactor, local: envelope.local === true }, raw, artifacts);
  } catch (error) {
    return await failed(attempt, error, artifacts);
  }
  let decision: BeginDecision;
  try {
    decision = await attempt.entry.succeed(output, artifacts, statements);
  } catch (error) {
    const refused = toSluiceError(error);
    if (!isRefusedWrite(refused, statements)) throw storeFailure(refused, attempt.entry.begun);
    return await failed(
      attempt,
      new SluiceError('ACTION_WRITES_FAILED', refused.message, { cause: error }),
      artifacts,
    );
  }
  const other = recordedResult(decision);
  if (other !== undefined) return other;
  return {
    output,
    ...(artifacts.length > 0 && { artifacts: [...artifacts] }),
  };
}

/** True if the database refused a statement of the action: a repetition would fail alike. */
function isRefusedWrite(error: SluiceError, statements: readonly DomainStatement[]): boolean {
  if (statements.length === 0) return false;
  if (error.category !== 'internal') return true;
  if (error.code !== 'DATABASE_FAILED') return false;
  // The database runs nothing of a request that does not parse, and Sluice's statements do parse.
  if (error.message.startsWith('Parse error')) return true;
  if (!isJsonObject(error.details)) return false;
  const { statement, tries } = error.details;
  return tries === undefined && statements.some(({ label }) => `write:${label}` === statement);
}

/**
 * The output as it is recorded: parsed, redacted, of a size that the run can carry.
 * @throws SluiceError ACTION_OUTPUT_INVALID, RESULT_TOO_LARGE
 */
export async function checkedOutput(
  { action, local, redactor }: Pick<Attempt, 'action' | 'redactor'> & { readonly local: boolean },
  raw: unknown,
  artifacts: readonly string[],
): Promise<Json> {
  const parsed = await action.output.safeParseAsync(raw);
  if (!parsed.success) {
    throw issuesOf(
      'ACTION_OUTPUT_INVALID',
      `The output of ${action.id} does not fit its schema`,
      parsed.error,
    );
  }
  const output = redactor.json(toJson(parsed.data));
  const bytes = jsonSize(output) + (artifacts.length === 0 ? 0 : jsonSize(artifacts));
  const most = local ? LIMITS.localResultBytes : LIMITS.stateBytes;
  if (bytes <= most) return output;
  throw new SluiceError(
    'RESULT_TOO_LARGE',
    `The output of ${action.id} has ${bytes} bytes; at most ${most} are kept`,
    { details: { bytes, most } },
  );
}

/**
 * Commits a business error, then passes it to the interpreter, unless the ledger already has a success.
 * @param artifacts ids of what the action made before, for a compensation
 */
export async function failed(
  { entry, redactor, temporal }: Attempt,
  thrown: unknown,
  artifacts: readonly string[],
): Promise<ActionResult> {
  const error = withSecretNames(businessError(thrown, redactor), redactor.names);
  let decision: BeginDecision;
  try {
    decision = await entry.fail(error);
  } catch (storeError) {
    temporal.log.warn('The outcome of a failed action could not be committed', { code: error.code });
    throw storeFailure(storeError, entry.begun);
  }
  const other = recordedResult(decision);
  if (other !== undefined) return other;
  throw businessFailure(error, true, artifacts);
}

/** HTTP statuses by which a service refuses who asks. */
const REFUSED_WHO: readonly unknown[] = [401, 403];

/** Names the secrets that were used, where a service has refused who asked. */
function withSecretNames(error: BusinessError, names: readonly string[]): BusinessError {
  const { details, message } = error;
  if (names.length === 0 || !isJsonObject(details) || !REFUSED_WHO.includes(details.status)) return error;
  return {
    ...error,
    message: `${message} (used the secret ${names.join(', ')})`,
    details: { ...details, secrets: [...names] },
  };
}

/** The shortest pause before another worker's lease is requested again, ms. */
const SHORTEST_LEASE_WAIT_MS = 50;

/**
 * The result that the ledger already has for this attempt; undefined: the attempt may go on.
 * @throws ApplicationFailure LEASE_HELD, which Temporal repeats: another worker runs the attempt;
 *   LOCAL_ACTION_UNENDED, with which the workflow asks for a regular activity
 */
export function recordedResult(decision: BeginDecision): ActionResult | undefined {
  switch (decision.kind) {
    case 'execute':
      return undefined;
    case 'recorded':
      return { output: decision.output, artifacts: [...decision.artifacts], recorded: true };
    case 'held': {
      const delay = Math.max(SHORTEST_LEASE_WAIT_MS, decision.forMs);
      throw repeatable(
        'LEASE_HELD',
        `Another worker runs this attempt; it is asked for again in ${delay} ms`,
        delay,
      );
    }
    case 'unended':
      throw leaveToRegular();
  }
}

/** Fails an attempt whose action did not end by itself; the reason for the stop decides how. */
async function stopped(
  attempt: Attempt,
  reason: Exclude<Stop['reason'], 'timeout' | undefined>,
): Promise<never> {
  const { action, entry, redactor, temporal } = attempt;
  switch (reason) {
    case 'canceled': {
      const error = businessError(new SluiceError('ACTION_CANCELED', `${action.id} was cancelled`), redactor);
      try {
        await entry.fail(error);
      } catch (storeError) {
        // Cancellation must not turn into an error. The row stays STARTED until its lease ends; a later
        // attempt (after a reset) takes it over.
        temporal.log.error('The cancellation of an action could not be committed', {
          error: toSluiceError(storeError).message,
        });
      }
      throw temporal.cancellationSignal.reason;
    }
    case 'shutdown':
      throw repeatable('WORKER_SHUTDOWN', `This worker stopped before ${action.id} had ended`);
    case 'lease-lost':
      throw repeatable('LEASE_HELD', `Another worker has taken the lease of this attempt of ${action.id}`);
    case 'unwanted':
      throw temporal.cancellationSignal.reason;
  }
}
