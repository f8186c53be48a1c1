/**
 * Commits events, and what belongs to the same transaction: on the fast path where they fit it, else by the
 * row merge, else by replay from the log.
 */
import { SluiceError } from '../../contracts/errors.js';
import type { Execution } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { rowMergeStatements, type BoundStatements } from '../domain/row-merge.js';
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
import type { ValueSeal } from '../values/value-seal.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Variables } from '../connection/connection.js';
import {
  isFastPathMiss,
  joinWork,
  fastPathStatements,
  fastPathWork,
  type FastPathWork,
} from './fast-path.js';
import { commitFastPath } from './batch.js';
import { replayFromLog } from './from-log.js';

/** What the same transaction writes besides the events. */
export interface Companions {
  /** Statements after those of the row merge, or of the replay from the log. */
  readonly general: BoundStatements;
  /** The equivalent rows for a fast-path commit. */
  readonly fastPath: FastPathWork;
}

const NONE: BoundStatements = { statements: [], variables: {} };

/**
 * @param companions written in the same transaction, after the events
 * @returns each statement's value, by label; undefined after a commit on the fast path
 * @throws SluiceError PROJECTION_CONFLICT, TRANSITION_ILLEGAL, IDEMPOTENCY_KEY_REUSED, RUN_ERASED,
 *   DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function writeEvents(
  writer: Writer,
  execution: Execution,
  events: readonly RunEvent[],
  companions: Companions = { general: NONE, fastPath: {} },
): Promise<ReadonlyMap<string, unknown> | undefined> {
  const { seal } = writer.database;
  const work = fastPathForEvents(seal, execution, events);
  if (work !== undefined && (await tryFastPath(writer, joinWork([work, companions.fastPath])))) {
    return undefined;
  }
  const records = joinStatements(
    openWaitStatements(execution, events),
    outboxAndLetters(seal, execution, events),
  );
  const write = () => mergeOrReplay(writer, execution, events, joinStatements(records, companions.general));
  return await (events.length === 0 ? write() : inTurn(writer.database, execution.run, write));
}

/** What a commit of these events writes on the fast path; undefined where they don't fit it. */
export function fastPathForEvents(
  seal: ValueSeal,
  execution: Execution,
  events: readonly RunEvent[],
): FastPathWork | undefined {
  return outboxAndLetters(seal, execution, events).statements.length === 0
    ? fastPathWork(seal, execution, events)
    : undefined;
}

/** What the events write to the outbox and to dead letters. */
function outboxAndLetters(
  seal: ValueSeal,
  execution: Execution,
  events: readonly RunEvent[],
): BoundStatements {
  return joinStatements(
    outboxStatements(seal, execution, events),
    deadLetterStatements(seal, lettersOf(execution, events)),
    withdrawnLetters(execution, events),
  );
}

/** On the fast path an action ends for the first time, so the statements that depend on that run. */
const FINISHED: Statement = { label: 'finished', text: 'LET $finished = true' };

/**
 * Commits work on the fast path, with further statements in the same transaction.
 * @param more evidence and the writes of an action
 * @returns false where the rows did not fit the fast path; nothing was written
 */
export async function tryFastPath(
  writer: Writer,
  work: FastPathWork,
  more: readonly Statement[] = [],
  variables: Variables = {},
): Promise<boolean> {
  const statements = fastPathStatements(work);
  if (statements.length + more.length === 0) return true;
  try {
    const extra = more.length === 0 ? undefined : { statements: [FINISHED, ...more], variables };
    await commitFastPath(writer, work, extra);
    return true;
  } catch (error) {
    if (isFastPathMiss(error)) return false;
    throw error instanceof Refusal ? toError(error) : error;
  }
}

async function mergeOrReplay(
  { database, faults }: Writer,
  execution: Execution,
  events: readonly RunEvent[],
  more: BoundStatements,
): Promise<ReadonlyMap<string, unknown>> {
  const merge = rowMergeStatements(database.seal, execution, events);
  const statements = [...merge.statements, ...more.statements];
  try {
    return await commit(database, statements, { ...merge.variables, ...more.variables }, faults);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code !== 'RESOLVE') throw toError(error);
  }
  try {
    return await replayFromLog({ database, faults }, execution, { execution, events }, more);
  } catch (error) {
    throw error instanceof Refusal ? toError(error) : error;
  }
}

/** Withdraws letters after a reset. A first execution follows no other, so none can exist. */
function withdrawnLetters({ run, executionId }: Execution, events: readonly RunEvent[]): BoundStatements {
  if (executionId === run.runId) return NONE;
  return withdrawalStatements(run.tenant, answeredLetters(run.runId, events));
}

function joinStatements(...parts: readonly BoundStatements[]): BoundStatements {
  return {
    statements: parts.flatMap(({ statements }) => statements),
    variables: Object.assign({}, ...parts.map(({ variables }) => variables)) as BoundStatements['variables'],
  };
}

/** The coded error of a refusal that no other tier can resolve. */
export function toError({ code, label, detail }: Refusal): SluiceError {
  if (code === 'ERASED') return new SluiceError('RUN_ERASED', `${label}: the values of the run were erased`);
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
