/**
 * Errors on their way out of an activity. There are two kinds, which decide who retries:
 *
 * - a **business** error is non-retryable for Temporal and carries `ActionFailureDetails`: the interpreter
 *   applies the author's retry policy to it;
 * - an **infrastructure** failure is retryable for Temporal, which repeats the same attempt without a count.
 *
 * Invariant: an error that an action throws is always a business error, with any code; only the code around
 * the action makes infrastructure failures. Failures carry no cause: it could hold a secret.
 */
import { ApplicationFailure } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { ActionFailureDetails } from '../../contracts/run/activity.js';
import {
  ErrorCategory,
  errorEntry,
  isErrorCode,
  SluiceError,
  toSluiceError,
} from '../../contracts/errors.js';
import { isJsonObject, jsonSize, type Json } from '../../contracts/json.js';
import { LIMITS } from '../../contracts/limits.js';
import { summarize } from '../../contracts/summary.js';
import { toJsonOrText } from './json-output.js';
import type { SecretRedactor } from './redactor.js';

/** Longer details of an action's error are cut: they go into the history, into rows and into `error`. */
const DETAILS_BYTES = 64 * 1024;
const MESSAGE_CHARACTERS = 4_096;

/** A business error, redacted and bounded. */
export interface BusinessError {
  readonly code: string;
  readonly message: string;
  readonly category: ErrorCategory;
  readonly retryable: boolean;
  readonly details: Json;
  readonly stack: string | undefined;
}

/** Turns anything that an action threw into a business error. */
export function businessError(thrown: unknown, redactor: SecretRedactor): BusinessError {
  const { code, message, category, retryable, details } = understand(thrown);
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return {
    code: redactor.text(code),
    message: cut(redactor.remains(message)),
    category: ErrorCategory.catch('action').parse(category),
    retryable,
    details: bounded(redactor.remainsIn(toJsonOrText(details))),
    stack: stack === undefined ? undefined : portable(redactor.remains(stack)),
  };
}

type Understood = Pick<SluiceError, 'code' | 'message' | 'category' | 'retryable' | 'details'>;

function understand(thrown: unknown): Understood {
  if (isSluiceError(thrown)) {
    if (isErrorCode(thrown.code)) return thrown;
    return new SluiceError('ACTION_FAILED', thrown.message, {
      retryable: thrown.retryable,
      details: { code: String(thrown.code), details: toJsonOrText(thrown.details) },
    });
  }
  if (thrown instanceof ApplicationFailure) return ofApplicationFailure(thrown);
  if (!(thrown instanceof Error) && isJsonObject(thrown) && typeof thrown['message'] === 'string') {
    return new SluiceError('ACTION_FAILED', thrown['message']);
  }
  return toSluiceError(thrown, 'ACTION_FAILED');
}

/** Checks the shape too: a configuration module may have loaded another copy of the class. */
function isSluiceError(thrown: unknown): thrown is SluiceError {
  return (
    thrown instanceof SluiceError ||
    (thrown instanceof Error && thrown.name === 'SluiceError' && 'code' in thrown)
  );
}

function ofApplicationFailure(failure: ApplicationFailure): SluiceError {
  const given = failure.details ?? [];
  const details = given.length === 0 ? undefined : toJsonOrText(given.length === 1 ? given[0] : given);
  const type = failure.type ?? 'ACTION_FAILED';
  const retryable = failure.nonRetryable !== true;
  if (isErrorCode(type)) {
    return new SluiceError(type, failure.message, {
      retryable,
      ...(details === undefined ? {} : { details }),
    });
  }
  return new SluiceError('ACTION_FAILED', failure.message, {
    retryable,
    details: { type, details: details ?? null },
  });
}

const cut = (text: string): string =>
  text.length <= MESSAGE_CHARACTERS ? text : `${text.slice(0, MESSAGE_CHARACTERS)}…`;

const bounded = (details: Json, most = DETAILS_BYTES): Json =>
  jsonSize(details) <= most ? details : summarize(details);

/** A stack for Temporal's history: its paths are relative to the worker's directory. */
const portable = (stack: string): string =>
  cut(stack.replaceAll(`file://${process.cwd()}/`, '').replaceAll(`${process.cwd()}/`, ''));

/**
 * The failure that carries a business error to the interpreter.
 * @param committed whether the envelope's events committed before it
 * @param artifacts ids of what the action made before it failed
 */
export function businessFailure(
  error: BusinessError,
  committed: boolean,
  artifacts: readonly string[] = [],
): ApplicationFailure {
  const { code, message, category, retryable, details, stack } = error;
  const failure = ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: true,
    details: [
      {
        category,
        retryable,
        details,
        committed,
        ...(artifacts.length > 0 && { artifacts: [...artifacts] }),
      } satisfies ActionFailureDetails,
    ],
  });
  failure.stack = stack ?? `${code}: ${message}`;
  return failure;
}

/** A refusal with a code, which no repetition changes, e.g. an unknown definition. */
export function refusal(error: SluiceError, committed = false): ApplicationFailure {
  const { code, message, category, retryable } = error;
  return businessFailure(
    {
      code,
      message: cut(message),
      category,
      retryable,
      details: bounded(error.details ?? null, LIMITS.inlineBytes),
      stack: undefined,
    },
    committed,
  );
}

/** A failure around the action: Temporal repeats the same attempt. */
export function repeatable(
  code: 'LEASE_HELD' | 'WORKER_SHUTDOWN' | 'TEMPORAL_UNAVAILABLE',
  message: string,
  delayMs?: number,
): ApplicationFailure {
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: false,
    category: ApplicationFailureCategory.BENIGN,
    ...(delayMs === undefined ? {} : { nextRetryDelay: delayMs }),
  });
}

/** Codes of projections that show two disagreeing writers or a defect: a repetition fails alike. */
const FAILS_ON_REPETITION: readonly string[] = ['PROJECTION_CONFLICT', 'TRANSITION_ILLEGAL', 'INTERNAL'];

/**
 * The failure of a read or a commit: retryable while the database is away, locked or misconfigured, because
 * an operator can fix that and no run should fail for it.
 */
export function storeFailure(thrown: unknown, committed = false): ApplicationFailure {
  const error = toSluiceError(thrown);
  const infrastructure = errorEntry(error.code)?.category === 'internal';
  if (!infrastructure || FAILS_ON_REPETITION.includes(error.code)) return refusal(error, committed);
  return ApplicationFailure.create({ type: error.code, message: cut(error.message), nonRetryable: false });
}
