/**
 * Erases tasks, those that a run has asked for and those of a key: who was asked, who did what, when and how
 * it ended stay; what people read and wrote goes.
 *
 * Invariants
 * - One transaction for a task: it is erased, or it is as it was. Doing it again changes nothing.
 * - An open task is refused, and one whose decision is not sent yet.
 * - [erased-stays-erased] Its version is the highest there can be, so no late write of its workflow counts as
 *   newer; its entries exist, so none is written again.
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { TaskEntry } from '../../contracts/tasks/record.js';
import { isOpen, TaskState, TaskStatus } from '../../contracts/tasks/task.js';
import type { Database } from '../connection/connection.js';
import { read } from '../connection/read.js';
import { commit, Refusal, type Statement } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';
import { decisionEventId, TASKS_SOURCE } from '../domain/outbox.js';
import { blank } from './blank.js';
import { eraseEvent } from './erase-event.js';

/** A task of an erasure. */
export interface ErasableTask {
  readonly item: string;
  readonly status: z.infer<typeof TaskStatus>;
  /** First run id of its workflow. */
  readonly execution: string;
}

/** What every text of a task says afterwards. */
const ERASED = 'ERASED';
/** Behind each name that begins so. */
const LAST = '\u{10ffff}';

const Row = z.object({ item: z.string(), status: TaskStatus, execution: z.string() });

/**
 * The tasks that the steps of a run have asked for: their names begin with the definition and the run.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function tasksOfRun(
  database: Database,
  tenant: string,
  { definition, runId }: { readonly definition: string; readonly runId: string },
): Promise<readonly ErasableTask[]> {
  const prefix = `${definition}/${runId}/`;
  return read(
    database,
    z.array(Row),
    'SELECT id[1] AS item, status, execution FROM task:[$tenant, $prefix]..[$tenant, $last]',
    { tenant, prefix, last: `${prefix}${LAST}` },
  );
}

/**
 * The task that has a correlation key as its name: events about a task have that key.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function tasksOfKey(
  database: Database,
  tenant: string,
  key: string,
): Promise<readonly ErasableTask[]> {
  return read(
    database,
    z.array(Row),
    `SELECT id[1] AS item, status, execution FROM type::record('task', [$tenant, $key])`,
    { tenant, key },
  );
}

const own = (table: string): string => `${table}:[$task[0], $execution]..[$task[0], $execution, ..]`;

const ERASE: readonly Statement[] = [
  {
    label: 'task.check',
    text: `IF array::len((SELECT id FROM ${own('outbox_due')} LIMIT 1)) > 0 { THROW 'sluice:DUE' }`,
  },
  {
    label: 'task.empty',
    text: `UPDATE type::record('task', $task) SET body = $body, version = ${Number.MAX_SAFE_INTEGER} RETURN NONE`,
  },
  {
    label: 'task_action.empty',
    text: `FOR $entry IN $entries { UPDATE type::record('task_action', $entry.id) SET entry = $entry.text RETURN NONE }`,
  },
  { label: 'outbox.empty', text: `UPDATE ${own('outbox')} SET ${blank('outbox')} RETURN NONE` },
  { label: 'blob.remove', text: `DELETE ${own('blob')} RETURN NONE` },
];

/**
 * Erases one task in the database. Temporal's history of its workflow must be gone before (client/erasure/).
 * @throws SluiceError ERASURE_TOO_EARLY, DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function eraseTask(
  writer: Writer,
  tenant: string,
  { item, execution }: Pick<ErasableTask, 'item' | 'execution'>,
): Promise<void> {
  const { database, faults } = writer;
  const [row] = await read(
    database,
    z.array(z.object({ body: z.string() })),
    `SELECT body FROM type::record('task', [$tenant, $item])`,
    { tenant, item },
  );
  if (row === undefined) return;
  const state = TaskState.parse(JSON.parse(row.body));
  if (isOpen(state)) throw new SluiceError('ERASURE_TOO_EARLY', `The task ${item} is open.`);
  const entries = await read(
    database,
    z.array(z.object({ seq: z.number(), entry: z.string() })),
    'SELECT id[2] AS seq, entry FROM task_action:[$tenant, $item]..[$tenant, $item, ..]',
    { tenant, item },
  );
  await eraseDecision(writer, tenant, item);
  const sealed = (value: unknown): string => database.seal.seal(JSON.stringify(value), [tenant, item]);
  try {
    await commit(
      database,
      ERASE,
      {
        task: [tenant, item],
        execution,
        body: sealed(withoutValues(state)),
        entries: entries.map(({ seq, entry }) => ({
          id: [tenant, item, seq],
          text: sealed(entryWithoutValues(TaskEntry.parse(JSON.parse(entry)))),
        })),
      },
      faults,
    );
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'DUE') throw error;
    throw new SluiceError('ERASURE_TOO_EARLY', `The decision of the task ${item} is not sent yet.`);
  }
}

/** The event that told of its decision, if a bridge has had it. */
async function eraseDecision(writer: Writer, tenant: string, item: string): Promise<void> {
  try {
    await eraseEvent(writer, { tenant, source: TASKS_SOURCE, id: decisionEventId(item) });
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'EVENT_NOT_FOUND') throw error;
  }
}

/** What stays of a task: who was asked, in which rounds, who decided what, and when. */
function withoutValues(state: TaskState): TaskState {
  const { request, votes, decision } = state;
  return {
    ...state,
    request: {
      ...request,
      title: ERASED,
      description: '',
      context: null,
      form: undefined,
      outcomes: request.outcomes.map((outcome) => ({ ...outcome, form: undefined })),
    },
    votes: votes.map((vote) => ({ ...vote, answer: null })),
    decision: decision && { ...decision, answer: null, reason: '' },
  };
}

function entryWithoutValues(entry: TaskEntry): TaskEntry {
  const { refused } = entry;
  return { ...entry, given: null, refused: refused && { ...refused, message: ERASED } };
}
