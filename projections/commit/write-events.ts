/**
 * Commits events with whatever belongs to the same transaction: as a usual commit where it is one, else row by row,
 * else from the whole log.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { Execution } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { eventStatements, type EventStatements } from '../domain/row-merge.js';
import {
  answeredLetters,
  deadLetterStatements,
  lettersOf,
  withdrawalStatements,
} from '../domain/dead-letters.js';
import { openWaitStatements } from '../domain/open-waits.js';
import { outboxStatements } from '../domain/outbox.js';
import { inTurn } from '../connection/turns.js';
import type { Writer } from '../connection/writer.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Variables } from '../connection/connection.js';
import { isUnusual, joinWork, usualStatements, usualWork, type UsualWork } from './fast-path.js';
import { commitUsually } from './batch.js';
import { resolveRun } from './from-log.js';

/** What belongs to the same transaction beside the events. */
export interface Others {
  /** For any commit. */
  readonly always: EventStatements;
  /** What does the same in a usual one. */
  readonly usually: UsualWork;
}

const NONE: EventStatements = { statements: [], variables: {} };

/**
 * @param others written in the same transaction, after the events
 * @returns each statement's value, by label; undefined after a usual commit
 */
export async function writeEvents(
  writer: Writer,
  execution: Execution,
  events: readonly RunEvent[],
  others: Others = { always: NONE, usually: {} },
): Promise<ReadonlyMap<string, unknown> | undefined> {
  const usual = usualEvents(execution, events);
  if (usual !== undefined && (await wroteUsually(writer, joinWork([usual, others.usually])))) {
    return undefined;
  }
  const followed = joined(openWaitStatements(execution, events), followedBy(execution, events));
  const write = () => writeAny(writer, execution, events, joined(followed, others.always));
  return await (events.length === 0 ? write() : inTurn(writer.database, execution.run, write));
}

/** What a usual commit of these events writes; undefined: they are not of that kind. */
export function usualEvents(execution: Execution, events: readonly RunEvent[]): UsualWork | undefined {
  return followedBy(execution, events).statements.length === 0 ? usualWork(execution, events) : undefined;
}

/** What the events do to rows that are no part of the run's picture. */
function followedBy(execution: Execution, events: readonly RunEvent[]): EventStatements {
  return joined(
    outboxStatements(execution, events),
    deadLetterStatements(lettersOf(execution, events)),
    answered(execution, events),
  );
}

/** A usual end of an action is the first: what depends on that is done. */
const FINISHED: Statement = { label: 'finished', text: 'LET $finished = true' };

/**
 * Writes usual work, and with it what else belongs to the same transaction.
 * @param more evidence and the writes of an action
 * @returns false: it was not of the usual kind, and nothing was written
 */
export async function wroteUsually(
  writer: Writer,
  work: UsualWork,
  more: readonly Statement[] = [],
  variables: Variables = {},
): Promise<boolean> {
  const statements = usualStatements(work);
  if (statements.length + more.length === 0) return true;
  try {
    const alone = more.length === 0 ? undefined : { statements: [FINISHED, ...more], variables };
    await commitUsually(writer, work, alone);
    return true;
  } catch (error) {
    if (isUnusual(error)) return false;
    throw error instanceof Refusal ? toError(error) : error;
  }
}

async function writeAny(
  { database, faults }: Writer,
  execution: Execution,
  events: readonly RunEvent[],
  more: EventStatements,
): Promise<ReadonlyMap<string, unknown>> {
  const own = eventStatements(execution, events);
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
