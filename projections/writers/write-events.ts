/**
 * Commits events with whatever belongs to the same transaction: as a usual commit where it is one, else row by row,
 * else from the whole log.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { Execution } from '../../contracts/projection.js';
import type { RunEvent } from '../../contracts/run-events.js';
import { eventStatements, type EventStatements } from '../apply.js';
import { answeredLetters, deadLetterStatements, lettersOf, withdrawalStatements } from '../dead-letters.js';
import { openWaitStatements } from '../open-waits.js';
import { outboxStatements } from '../outbox.js';
import { resolveRun } from '../resolve.js';
import { isUnusual, usualStatements } from '../usual.js';
import type { Writer } from '../writer.js';
import { commit, Refusal } from '../unit-of-work.js';

/** Statements beside those of the events. */
export interface Others {
  /** For any commit. */
  readonly always: EventStatements;
  /** What does the same in a usual one. */
  readonly usually: EventStatements;
}

const NONE: EventStatements = { statements: [], variables: {} };

/**
 * @param others further statements of the same transaction, after those of the events
 * @returns each statement's value, by label
 */
export async function writeEvents(
  { database, faults }: Writer,
  execution: Execution,
  events: readonly RunEvent[],
  others: Others = { always: NONE, usually: NONE },
): Promise<ReadonlyMap<string, unknown>> {
  const followed = joined(
    openWaitStatements(execution, events),
    outboxStatements(execution, events),
    deadLetterStatements(lettersOf(execution, events)),
    answered(execution, events),
  );
  const usual = followed.statements.length === 0 ? usualStatements(execution, events) : undefined;
  if (usual !== undefined) {
    const { statements, variables } = joined(usual, others.usually);
    if (statements.length === 0) return new Map();
    try {
      return await commit(database, statements, variables, faults);
    } catch (error) {
      if (!isUnusual(error)) throw error instanceof Refusal ? toError(error) : error;
    }
  }
  const own = eventStatements(execution, events);
  const more = joined(followed, others.always);
  const statements = [...own.statements, ...more.statements];
  try {
    return await commit(database, statements, { ...own.variables, ...more.variables }, faults);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code !== 'RESOLVE') throw toError(error);
  }
  try {
    return await resolveRun(database, execution, { execution, events }, more, faults);
  } catch (error) {
    throw error instanceof Refusal ? toError(error) : error;
  }
}

/** A first execution follows no other, so nothing was written about what it does. */
function answered({ run, executionId }: Execution, events: readonly RunEvent[]): EventStatements {
  if (executionId === run.runId) return NONE;
  return withdrawalStatements(run.tenant, answeredLetters(run.runId, events));
}

function joined(...parts: readonly EventStatements[]): EventStatements {
  return {
    statements: parts.flatMap(({ statements }) => statements),
    variables: Object.assign({}, ...parts.map(({ variables }) => variables)) as EventStatements['variables'],
  };
}

/** The coded error of a refusal that stands. */
export function toError({ code, label, detail }: Refusal): SluiceError {
  if (code === 'CONFLICT') {
    return new SluiceError('PROJECTION_CONFLICT', `${label}: ${detail} exists with other content`, {
      details: { statement: label, key: detail },
    });
  }
  if (code === 'KEY_REUSED') {
    return new SluiceError('IDEMPOTENCY_KEY_REUSED', `${label}: ${detail}`, {
      details: { statement: label },
    });
  }
  return new SluiceError('DATABASE_FAILED', `${label}: ${code} ${detail}`);
}
