/** Dead letters, bound to one database. */
import type {
  DeadLetterAct,
  DeadLetterFilter,
  DeadLetterKind,
  DeadLetterSummary,
  DeadLetterView,
  NewDeadLetter,
} from '../contracts/events/dead-letter.js';
import {
  countOpenLetters,
  getDeadLetter,
  hasOutbox,
  runStatus,
  listDeadLetters,
} from './reads/dead-letters.js';
import type { EventKey } from './reads/events/event-rows.js';
import { triggerObstacle } from './reads/events/trigger-retries.js';
import { requeueTrigger } from './writers/events/retry-trigger.js';
import type { Page, PageRequest } from './connection/page.js';
import type { Writer } from './connection/writer.js';
import {
  type DeadLetterMove,
  moveDeadLetter,
  putDeadLetters,
  requeueOutbox,
} from './writers/dead-letter-acts.js';

/** A definition whose triggers failed for an event. */
type FailedTrigger = EventKey & { readonly definition: string };

export interface DeadLetters {
  /** Writes letters; one that exists already stays as it is. */
  put(letters: readonly NewDeadLetter[]): Promise<void>;
  list(tenant: string, filter?: DeadLetterFilter, page?: PageRequest): Promise<Page<DeadLetterSummary>>;
  get(tenant: string, id: string): Promise<DeadLetterView | undefined>;
  /** Open letters of all tenants, by kind; not more than `most` of each tenant are looked at. */
  countOpen(most: number): Promise<ReadonlyMap<DeadLetterKind, number>>;
  /**
   * Changes a letter's status, and records who did it and why.
   * @throws SluiceError DEAD_LETTER_NOT_FOUND, DEAD_LETTER_CLOSED
   */
  move(tenant: string, id: string, move: DeadLetterMove): Promise<void>;
  /** What the row of a letter's run says of it; undefined: there is no row any more. */
  runStatus(tenant: string, runId: string): Promise<string | undefined>;
  /** False where retention has removed the row of the outbox, with its run. */
  hasOutbox(key: readonly (string | number)[]): Promise<boolean>;
  /** Makes a row of the outbox due again, for the relay. */
  requeueOutbox(key: readonly (string | number)[]): Promise<void>;
  /** Why the triggers of the definition can't be fired again for the event; undefined: they can. */
  triggerObstacle(of: FailedTrigger): Promise<'event' | 'definition' | undefined>;
  /** Leaves it to the bridge to fire them again, for a letter that is RETRYING. */
  requeueTrigger(of: FailedTrigger, letter: string, act: DeadLetterAct): Promise<void>;
}

/** Binds them to a database. */
export function createDeadLetters(writer: Writer): DeadLetters {
  return {
    put: (letters) => putDeadLetters(writer, letters),
    list: (...args) => listDeadLetters(writer.database, ...args),
    get: (...args) => getDeadLetter(writer.database, ...args),
    countOpen: (...args) => countOpenLetters(writer.database, ...args),
    runStatus: (...args) => runStatus(writer.database, ...args),
    hasOutbox: (key) => hasOutbox(writer.database, key),
    requeueOutbox: (key) => requeueOutbox(writer, key),
    triggerObstacle: (of) => triggerObstacle(writer.database, of),
    requeueTrigger: (...args) => requeueTrigger(writer, ...args),
    move: (...args) => moveDeadLetter(writer, ...args),
  };
}
