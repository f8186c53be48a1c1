/**
 * The fast path of a commit: the fewest and plainest statements.
 *
 * The row merge (domain/row-merge.ts) can apply any events to any rows, and pays for it: the database
 * reads, compares and merges each row. But nearly every commit is of one kind: it begins the run or moves
 * it on, opens steps that have no row yet, closes steps and waits that are open, and begins or finishes an
 * action in the ledger. The fast path writes just that: new rows, and updates that require a row to be as
 * expected. Its work is data, so that several commits can share a transaction (batch.ts).
 *
 * Invariants
 * - It is an optimisation and nothing else. If any row is not as expected (it exists already, is missing,
 *   or has another status), the whole transaction fails, with `sluice:UNUSUAL` or because a row exists.
 *   Nothing was written then, and the row merge makes the same commit in its own way.
 * - Where it succeeds, the rows are those that the row merge makes: its preconditions are those of the row
 *   merge, or narrower.
 */
import { RecordId } from 'surrealdb';
import { SluiceError } from '../../contracts/errors.js';
import type { Execution, Invocation } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { eventRow, type EventRow } from '../domain/row-merge.js';
import { derive, newRow, type RowChange } from '../log/derive.js';
import { CLEARED, type Columns } from '../log/effects.js';
import { SETTLE_ONE, outcomeInStep, UNOPENED, type OutcomeColumns } from '../domain/outcome.js';
import { placeOf, runRowKey, stepRowKey, type RowKey } from '../log/keys.js';
import { TextWriter } from '../log/texts.js';
import type { ValueSeal } from '../values/value-seal.js';
import type { Machine } from '../log/transitions.js';
import { Refusal, type Statement } from '../connection/unit-of-work.js';

/** A row to create; it must not exist. */
interface NewRow {
  readonly id: RowKey;
  readonly [column: string]: unknown;
}

/** The first commit of a run. */
interface RunBegin {
  readonly head: RecordId;
  readonly execution: string;
  readonly last: number;
  readonly last_at: Date;
  readonly run_execution: RecordId;
  readonly run_id: RecordId;
  readonly run_row: Columns;
  readonly run_watch: RecordId;
}

/** A later commit: it moves the head of the log, provided that the head is in this execution. */
interface HeadMove {
  readonly head: RecordId;
  readonly execution: string;
  readonly first: number;
  readonly last: number;
  readonly last_at: Date;
}

/** A run's new status, provided that `follows` contains the old one. */
interface StatusMove {
  readonly id: RecordId;
  readonly set: Columns;
  readonly first: number;
  readonly follows: readonly string[];
}

/**
 * New columns of a step or a wait. Its row must be open; a step's may also hold an outcome that its action
 * wrote ahead of the log.
 */
interface RowUpdate {
  readonly id: RecordId;
  readonly set: Columns;
  readonly first: number;
  readonly follows: readonly string[];
}

/** The outcome of an invocation, provided that its row is as this holder began it. */
interface InvocationEnd {
  readonly id: RecordId;
  readonly action: string;
  readonly holder: string;
  readonly outcome: Columns;
}

/**
 * The outcome in the row of the action's step: `set` where the step is open, else what the ledger's row
 * says (outcome.ts).
 */
interface StepSettlement {
  readonly id: RecordId;
  readonly invocation: RecordId;
  readonly key: string;
  readonly set: Columns;
}

/** Settles the step of an invocation that has ended with this outcome. */
export function stepSettlement(
  run: Execution['run'],
  { idempotencyKey, step }: Invocation,
  outcome: OutcomeColumns,
): StepSettlement {
  return {
    id: record('step', stepRowKey(run, step)),
    invocation: record('action_invocation', [run.tenant, idempotencyKey]),
    key: idempotencyKey,
    set: outcomeInStep(outcome),
  };
}

/** What one commit on the fast path writes. The statements bind each part under its name here. */
export interface FastPathWork {
  readonly begun?: readonly RunBegin[];
  readonly advanced?: readonly HeadMove[];
  readonly events?: readonly EventRow[];
  readonly opened?: readonly NewRow[];
  readonly closed?: readonly RowUpdate[];
  readonly moved?: readonly StatusMove[];
  readonly waited?: readonly RowUpdate[];
  readonly invocations?: readonly NewRow[];
  readonly listed?: readonly NewRow[];
  readonly ended?: readonly InvocationEnd[];
  readonly settled?: readonly StepSettlement[];
  readonly blobs?: readonly object[] | undefined;
  /** Heads of runs that this must not bring back after their erasure. */
  readonly kept?: readonly RecordId[];
}

/** Sends the commit to the row merge. */
const MISS = `THROW 'sluice:UNUSUAL'`;

const mustFind = (update: string): string => `IF array::len(${update}) = 0 { ${MISS} }`;

/** The label of the statement that fails where the row of a step to open exists already. */
export const OPEN_STEPS = 'step.open';

/**
 * Opens steps of which some have a row already. A lane's events may be committed by another lane's action,
 * and its own action may end before that. The row then holds only the outcome of that action (the same
 * key), and is opened now.
 */
const OPEN_STEPS_AHEAD: Statement = {
  label: OPEN_STEPS,
  text: `FOR $o IN $opened {
  LET $id = type::record('step', $o.id);
  LET $set = { status_seq: $o.status_seq, ${[...CLEARED.step.opened, 'started_at', 'opened_seq'].map((column) => `${column}: $o.${column}`).join(', ')} };
  IF array::len(UPDATE $id MERGE $set WHERE opened_seq = ${UNOPENED} AND provisional AND $o.status = 'RUNNING' AND idempotency_key = $o.idempotency_key RETURN VALUE status) = 0 {
    CREATE $id CONTENT $o RETURN NONE
  }
}`,
};

/** The statement of each part of the work. The order matters: a row is created before it is changed. */
const STATEMENTS: readonly (Statement & { readonly part: keyof FastPathWork })[] = [
  {
    part: 'kept',
    label: 'run_head.kept',
    // The row merge, or the ledger's statements, say that the run is erased.
    text: `IF array::len((SELECT VALUE erased_at FROM $kept WHERE erased_at != NONE)) > 0 { ${MISS} }`,
  },
  {
    part: 'begun',
    label: 'run.begin',
    text: `FOR $b IN $begun {
  CREATE $b.head SET revision = 1, last_seq = $b.last, last_event_at = $b.last_at, execution = $b.execution, execution_first = 1, executions = 1 RETURN NONE;
  CREATE $b.run_execution SET seen_at = time::now() RETURN NONE;
  CREATE $b.run_id CONTENT $b.run_row RETURN NONE;
  CREATE $b.run_watch SET since = time::now() RETURN NONE;
  FOR $list IN fn::run_lists($b.run_row) { CREATE type::record('run_list', $list) RETURN NONE };
}`,
  },
  {
    part: 'advanced',
    label: 'run_head.advance',
    text: `FOR $h IN $advanced {
  ${mustFind(`UPDATE $h.head SET revision += 1, last_event_at = IF $h.last > last_seq { $h.last_at } ELSE { last_event_at }, last_seq = math::max([last_seq, $h.last])
  WHERE execution = $h.execution AND $h.first >= execution_first RETURN VALUE revision`)}
}`,
  },
  { part: 'events', label: 'run_event.insert', text: 'INSERT INTO run_event $events RETURN NONE' },
  { part: 'opened', label: OPEN_STEPS, text: 'INSERT INTO step $opened RETURN NONE' },
  {
    part: 'closed',
    label: 'step.close',
    text: `FOR $c IN $closed {
  ${mustFind('UPDATE $c.id MERGE $c.set WHERE status_seq < $c.first AND (provisional OR status IN $c.follows) RETURN VALUE status_seq')}
}`,
  },
  {
    part: 'moved',
    label: 'run.move',
    // Of the lists that hold the run, only these two depend on the status.
    text: `FOR $m IN $moved {
  LET $before = (UPDATE $m.id MERGE $m.set WHERE status_seq < $m.first AND status IN $m.follows RETURN VALUE [$before.status, definition, list_key]);
  IF array::len($before) = 0 { ${MISS} };
  LET $tenant = record::id($m.id)[0];
  LET $was = $before[0][0];
  LET $is = $m.set.status;
  LET $definition = $before[0][1];
  LET $key = $before[0][2];
  IF $was != $is {
    DELETE type::record('run_list', [$tenant, 'status', $was, $key]) RETURN NONE;
    DELETE type::record('run_list', [$tenant, 'definition-status', $definition + '/' + $was, $key]) RETURN NONE;
    UPSERT type::record('run_list', [$tenant, 'status', $is, $key]) RETURN NONE;
    UPSERT type::record('run_list', [$tenant, 'definition-status', $definition + '/' + $is, $key]) RETURN NONE;
  };
}`,
  },
  {
    part: 'waited',
    label: 'wait.close',
    // A wait that has ended is no longer registered (open-waits.ts).
    text: `FOR $w IN $waited {
  LET $ended = (UPDATE $w.id MERGE $w.set WHERE status_seq < $w.first AND status IN $w.follows RETURN VALUE [correlation_key, event_names]);
  IF array::len($ended) = 0 { ${MISS} };
  IF $ended[0][0] != NONE {
    LET $k = record::id($w.id);
    LET $part = fn::event_key($ended[0][0]);
    FOR $name IN ($ended[0][1] ?? []) {
      DELETE type::record('open_wait', array::concat([$k[0], $name, $part], array::slice($k, 1))) RETURN NONE;
    };
  };
}`,
  },
  {
    part: 'invocations',
    label: 'action_invocation.create',
    // A lease that begins is given as a duration.
    text: `INSERT INTO action_invocation $invocations.map(|$i| IF $i.lease_until = NONE { $i } ELSE { object::extend($i, { lease_until: time::millis(time::now()) + $i.lease_until }) }) RETURN NONE`,
  },
  { part: 'listed', label: 'run_invocation.create', text: 'INSERT INTO run_invocation $listed RETURN NONE' },
  {
    part: 'ended',
    label: 'action_invocation.finish',
    text: `FOR $e IN $ended {
  ${mustFind(`UPDATE $e.id MERGE $e.outcome WHERE action = $e.action AND status = 'STARTED' AND lease_holder = $e.holder RETURN VALUE attempts`)}
}`,
  },
  {
    part: 'settled',
    label: 'step.settle',
    text: `FOR $s IN $settled {
  IF array::len(UPDATE $s.id MERGE $s.set WHERE opened_seq != ${UNOPENED} AND (provisional OR status = 'RUNNING') AND idempotency_key = $s.key RETURN VALUE status) = 0 {
    LET $l = (SELECT * FROM ONLY $s.invocation);
    LET $key = $s.key;
    LET $id = $s.id;
    ${SETTLE_ONE}
  }
}`,
  },
  { part: 'blobs', label: 'blob.insert', text: 'INSERT IGNORE INTO blob $blobs RETURN NONE' },
];

/**
 * The statements of the work; each reads its part from the variable of the same name.
 * @param ahead whether a row of a step to open may hold an outcome already
 */
export function fastPathStatements(work: FastPathWork, ahead = false): readonly Statement[] {
  const statements = STATEMENTS.filter(({ part }) => (work[part]?.length ?? 0) > 0);
  return ahead
    ? statements.map((statement) => (statement.label === OPEN_STEPS ? OPEN_STEPS_AHEAD : statement))
    : statements;
}

/** Joins the work of several commits into one. Commits of the same run move its head once. */
export function joinWork(works: readonly FastPathWork[]): FastPathWork {
  const [only] = works;
  if (works.length === 1 && only !== undefined) return only;
  const all = <K extends keyof FastPathWork>(part: K) =>
    works.flatMap((work) => (work[part] ?? []) as readonly NonNullable<FastPathWork[K]>[number][]);
  return {
    begun: all('begun'),
    advanced: mergeHeadMoves(all('advanced')),
    events: all('events'),
    opened: all('opened'),
    closed: all('closed'),
    moved: all('moved'),
    waited: all('waited'),
    invocations: all('invocations'),
    listed: all('listed'),
    ended: all('ended'),
    settled: all('settled'),
    blobs: all('blobs'),
    kept: all('kept'),
  };
}

function mergeHeadMoves(all: readonly HeadMove[]): readonly HeadMove[] {
  const heads = new Map<string, HeadMove>();
  for (const move of all) {
    const key = JSON.stringify([move.head.id, move.execution]);
    const earlier = heads.get(key);
    const furthest = earlier !== undefined && earlier.last > move.last ? earlier : move;
    heads.set(key, { ...furthest, first: Math.min(move.first, earlier?.first ?? move.first) });
  }
  return [...heads.values()];
}

/** Events that change only the rows of the run, of its steps, and of waits that exist. */
const FAST_PATH_EVENTS: ReadonlySet<string> = new Set([
  'RUN_STARTED',
  'RUN_RESUMED',
  'RUN_SUCCEEDED',
  'EVENT_RECEIVED',
  'WAIT_SATISFIED',
  'WAIT_TIMED_OUT',
  'WAIT_CANCELED',
  'STEP_STARTED',
  'STEP_SUCCEEDED',
  'STEP_FAILED',
  'STEP_RETRYING',
  'STEP_CANCELED',
]);

/**
 * What a commit of these events writes on the fast path; undefined where they don't fit it.
 * @throws SluiceError TRANSITION_ILLEGAL where the events contradict one another
 */
export function fastPathWork(
  seal: ValueSeal,
  execution: Execution,
  unsorted: readonly RunEvent[],
): FastPathWork | undefined {
  const events = [...unsorted].sort((a, b) => a.seq - b.seq);
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return {};
  if (!events.every(({ type }) => FAST_PATH_EVENTS.has(type))) return undefined;
  const begins = first.type === 'RUN_STARTED' && first.seq === 1;
  if (begins !== events.some(({ type }) => type === 'RUN_STARTED')) return undefined;
  if (begins && execution.executionId !== execution.run.runId) return undefined;
  const { tenant, runId } = execution.run;
  const texts = new TextWriter(seal, tenant, runId);
  const { runs, steps, waits } = derive(execution, events, texts);
  const begun = new Set(events.filter(isFirstOfStep).map((event) => keyText(execution, event)));
  const isOpened = ({ key }: RowChange): boolean => begun.has(JSON.stringify(key));
  const opened = steps.filter(isOpened);
  const closed = steps.filter((change) => !isOpened(change));
  const runKey = runRowKey({ tenant, runId });
  const [run] = runs;
  const head = {
    head: record('run_head', runKey),
    execution: execution.executionId,
    last: last.seq,
    last_at: new Date(last.at),
  };
  return {
    ...(begins && run !== undefined
      ? {
          begun: [
            {
              ...head,
              run_execution: record('run_execution', [...runKey, execution.executionId]),
              run_id: record('run', runKey),
              run_row: newRow(run),
              run_watch: record('run_watch', runKey),
            },
          ],
        }
      : { advanced: [{ ...head, first: first.seq }] }),
    events: events.map((event) => eventRow(execution, event, texts)),
    opened: opened.map((change) => ({ id: change.key, ...newRow(change) })),
    closed: closed.map((change) => rowUpdate('step', change, { provisional: false })),
    moved: begins
      ? []
      : runs.filter(({ status }) => status !== undefined).map((change) => rowUpdate('run', change)),
    waited: waits.map((change) => rowUpdate('wait', change)),
    blobs: texts.variables().blobs,
  };
}

/** A row's new status. Clears the columns that go with a status and that the new one doesn't name. */
function rowUpdate(
  table: Machine,
  { key, status, first = 0, follows = [] }: RowChange,
  more: Columns = {},
): RowUpdate {
  const cleared = Object.fromEntries(CLEARED[table].status.map((column) => [column, undefined]));
  return { id: record(table, key), set: { ...cleared, ...status, ...more }, first, follows };
}

/** A step that ends without a STEP_STARTED has started and ended at once (workflows/…/step-events.ts). */
function isFirstOfStep({ type, data }: RunEvent): boolean {
  if (type === 'STEP_STARTED') return true;
  return 'kind' in data && data.kind !== 'action.call' && !('startedAt' in data) && !type.startsWith('WAIT_');
}

function keyText({ run }: Execution, event: RunEvent): string {
  const place = placeOf(event);
  return place === undefined ? '' : JSON.stringify(stepRowKey(run, place));
}

function record(table: string, key: RowKey): RecordId {
  return new RecordId(table, [...key]);
}

/** True where the rows did not fit the fast path: nothing was written, and the row merge makes the commit. */
export function isFastPathMiss(error: unknown): boolean {
  if (error instanceof Refusal) return error.code === 'UNUSUAL';
  if (!(error instanceof SluiceError) || error.code !== 'DATABASE_FAILED') return false;
  return /already exists/.test(error.message);
}
