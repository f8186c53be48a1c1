/**
 * The usual commit, in the fewest and plainest statements.
 *
 * apply.ts can say what any events do to any rows, and pays for it: each row is read, compared and merged by
 * the database. Nearly every commit is of one kind, though: it begins the run or moves it on, opens steps that have
 * no row, closes steps and waits that are open, and begins or finishes an action in the ledger. That is written here
 * as what it is: rows that are made, and rows that are changed where they stand as expected. As data, so that
 * several commits can share one transaction (together.ts).
 *
 * Invariants
 * - It is an optimisation and nothing else. Whatever does not stand as expected (a row that is there already, or
 *   is not there, or has another status) fails the whole transaction with `sluice:UNUSUAL`, or because a row
 *   exists; nothing was written, and apply.ts does the same commit in its own way.
 * - Where it holds, the rows are those that apply.ts makes: its preconditions are apply.ts's, or narrower.
 */
import { RecordId } from 'surrealdb';
import { SluiceError } from '../../contracts/errors.js';
import type { Execution, Invocation } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { eventRow, type EventRow } from '../domain/row-merge.js';
import { derive, newRow, type RowChange } from '../log/derive.js';
import { CLEARED, type Columns } from '../log/effects.js';
import { SETTLE_ONE, settledColumns, UNOPENED, type Finished } from '../domain/outcome.js';
import { placeOf, runRowKey, stepRowKey, type RowKey } from '../log/keys.js';
import { TextWriter } from '../log/texts.js';
import type { Machine } from '../log/transitions.js';
import { Refusal, type Statement } from '../connection/unit-of-work.js';

/** A row to be made, which must not be there. */
interface NewRow {
  readonly id: RowKey;
  readonly [column: string]: unknown;
}

/** A run's first commit. */
interface Begun {
  readonly head: RecordId;
  readonly execution: string;
  readonly last: number;
  readonly last_at: Date;
  readonly run_execution: RecordId;
  readonly run_id: RecordId;
  readonly run_row: Columns;
  readonly run_watch: RecordId;
}

/** A later one: the log's head moves, where it stands in this execution. */
interface Advanced {
  readonly head: RecordId;
  readonly execution: string;
  readonly first: number;
  readonly last: number;
  readonly last_at: Date;
}

/** A run's new status, where the old one may be followed by it. */
interface Moved {
  readonly id: RecordId;
  readonly set: Columns;
  readonly first: number;
  readonly follows: readonly string[];
}

/** The new columns of a step or a wait, where its row is open or, a step's, holds what its action wrote ahead of the log. */
interface Closed {
  readonly id: RecordId;
  readonly set: Columns;
  readonly first: number;
  readonly follows: readonly string[];
}

/** The outcome of an invocation, where its row stands as that holder began it. */
interface Ended {
  readonly id: RecordId;
  readonly action: string;
  readonly holder: string;
  readonly outcome: Columns;
}

/** The outcome in the row of the action's step: `set` where that is open; else the ledger's row tells (outcome.ts). */
interface Settled {
  readonly id: RecordId;
  readonly invocation: RecordId;
  readonly key: string;
  readonly set: Columns;
}

/** The step of an invocation that has ended, as its outcome has it. */
export function settledStep(
  run: Execution['run'],
  { idempotencyKey, step }: Invocation,
  outcome: Finished,
): Settled {
  return {
    id: record('step', stepRowKey(run, step)),
    invocation: record('action_invocation', [run.tenant, idempotencyKey]),
    key: idempotencyKey,
    set: settledColumns(outcome),
  };
}

/** What one usual commit writes. */
export interface UsualWork {
  readonly begun?: readonly Begun[];
  readonly advanced?: readonly Advanced[];
  readonly events?: readonly EventRow[];
  readonly opened?: readonly NewRow[];
  readonly closed?: readonly Closed[];
  readonly moved?: readonly Moved[];
  readonly waited?: readonly Closed[];
  readonly invocations?: readonly NewRow[];
  readonly listed?: readonly NewRow[];
  readonly ended?: readonly Ended[];
  readonly settled?: readonly Settled[];
  readonly blobs?: readonly object[] | undefined;
}

/** The code of the refusal that sends a commit to apply.ts. */
const UNUSUAL = `THROW 'sluice:UNUSUAL'`;

const mustFind = (update: string): string => `IF array::len(${update}) = 0 { ${UNUSUAL} }`;

/** The label of the statement that finds a step's row there where it should be made. */
export const OPEN_STEPS = 'step.open';

/**
 * The same where some rows are there: a lane's events travel with another lane's action, and its own may have ended
 * before they come. Its row then holds the outcome alone, as its key says, and is opened now.
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

/** What each part of such work is written as, in this order: a row is made before it is changed. */
const STATEMENTS: readonly (Statement & { readonly part: keyof UsualWork })[] = [
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
    // Of the lists that a run is in, only these two depend on what is set here.
    text: `FOR $m IN $moved {
  LET $before = (UPDATE $m.id MERGE $m.set WHERE status_seq < $m.first AND status IN $m.follows RETURN VALUE [$before.status, definition, list_key]);
  IF array::len($before) = 0 { ${UNUSUAL} };
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
    // A wait that has ended is registered no more (open-waits.ts).
    text: `FOR $w IN $waited {
  LET $ended = (UPDATE $w.id MERGE $w.set WHERE status_seq < $w.first AND status IN $w.follows RETURN VALUE [correlation_key, event_names]);
  IF array::len($ended) = 0 { ${UNUSUAL} };
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
    text: 'INSERT INTO action_invocation $invocations RETURN NONE',
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
 * The statements of such work; each finds its part in the variable of that name.
 * @param ahead rows of steps may hold an outcome already
 */
export function usualStatements(work: UsualWork, ahead = false): readonly Statement[] {
  const statements = STATEMENTS.filter(({ part }) => (work[part]?.length ?? 0) > 0);
  return ahead ? statements.map((one) => (one.label === OPEN_STEPS ? OPEN_STEPS_AHEAD : one)) : statements;
}

/** Work that is done together. Commits of one run move its head once. */
export function joinWork(works: readonly UsualWork[]): UsualWork {
  const [only] = works;
  if (works.length === 1 && only !== undefined) return only;
  const all = <K extends keyof UsualWork>(part: K) =>
    works.flatMap((work) => (work[part] ?? []) as readonly NonNullable<UsualWork[K]>[number][]);
  return {
    begun: all('begun'),
    advanced: furthest(all('advanced')),
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
  };
}

function furthest(all: readonly Advanced[]): readonly Advanced[] {
  const heads = new Map<string, Advanced>();
  for (const one of all) {
    const key = JSON.stringify([one.head.id, one.execution]);
    const known = heads.get(key);
    const last = known !== undefined && known.last > one.last ? known : one;
    heads.set(key, { ...last, first: Math.min(one.first, known?.first ?? one.first) });
  }
  return [...heads.values()];
}

/** Events that change no rows but the run's, its steps' and those of waits that are there. */
const USUAL: ReadonlySet<string> = new Set([
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
 * What a usual commit of events writes; undefined where the events are not of that kind.
 * @throws SluiceError TRANSITION_ILLEGAL where the events contradict one another
 */
export function usualWork(execution: Execution, unsorted: readonly RunEvent[]): UsualWork | undefined {
  const events = [...unsorted].sort((a, b) => a.seq - b.seq);
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return {};
  if (!events.every(({ type }) => USUAL.has(type))) return undefined;
  const begins = first.type === 'RUN_STARTED' && first.seq === 1;
  if (begins !== events.some(({ type }) => type === 'RUN_STARTED')) return undefined;
  if (begins && execution.executionId !== execution.run.runId) return undefined;
  const { tenant, runId } = execution.run;
  const texts = new TextWriter(tenant, runId);
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
    closed: closed.map((change) => changed('step', change, { provisional: false })),
    moved: begins ? [] : runs.filter(({ status }) => status !== undefined).map((one) => changed('run', one)),
    waited: waits.map((change) => changed('wait', change)),
    blobs: texts.variables().blobs,
  };
}

/** A row's new status, and nothing of what an earlier one left in columns that it does not name. */
function changed(
  table: Machine,
  { key, status, first = 0, follows = [] }: RowChange,
  more: Columns = {},
): Closed {
  const left = Object.fromEntries(CLEARED[table].status.map((column) => [column, undefined]));
  return { id: record(table, key), set: { ...left, ...status, ...more }, first, follows };
}

/** A step that ends without having been told to have started has done both at once (workflows/interpreter/run/step-events.ts). */
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

/** True where a commit was not of the usual kind after all: nothing was written, and apply.ts has to do it. */
export function isUnusual(error: unknown): boolean {
  if (error instanceof Refusal) return error.code === 'UNUSUAL';
  if (!(error instanceof SluiceError) || error.code !== 'DATABASE_FAILED') return false;
  return /already exists/.test(error.message);
}
