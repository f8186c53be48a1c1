/**
 * The usual commit, in the fewest and plainest statements.
 *
 * apply.ts can say what any events do to any rows, and pays for it: each row is read, compared and merged by
 * the database. Nearly every commit is of one kind, though: it begins the run, opens steps that have no row,
 * and closes steps that are open. That is written here as what it is: rows are created, and updated where they
 * stand as expected, which costs less than half.
 *
 * Invariants
 * - It is an optimisation and nothing else. Whatever does not stand as expected (a row that is there already, or
 *   is not there, or has another status) fails the whole transaction with `sluice:UNUSUAL`, or because a row
 *   exists; nothing was written, and apply.ts does the same commit in its own way.
 * - Where it holds, the rows are those that apply.ts makes: its preconditions are apply.ts's, or narrower.
 */
import { RecordId } from 'surrealdb';
import { SluiceError } from '../contracts/errors.js';
import type { Execution } from '../contracts/projection.js';
import type { RunEvent } from '../contracts/run-events.js';
import { eventRow, type EventStatements } from './apply.js';
import { derive, newRow, type RowChange } from './derive.js';
import { CLEARED, type Columns } from './effects.js';
import { placeOf, runRowKey, stepRowKey, type RowKey } from './keys.js';
import { TextWriter } from './texts.js';
import { Refusal, type Statement } from './unit-of-work.js';

/** The code of the refusal that sends a commit to apply.ts. */
const UNUSUAL = `THROW 'sluice:UNUSUAL'`;

/** Events after which rows other than the run's and its steps' may change, or which say anything of the run. */
const USUAL: ReadonlySet<string> = new Set([
  'RUN_STARTED',
  'STEP_STARTED',
  'STEP_SUCCEEDED',
  'STEP_FAILED',
  'STEP_RETRYING',
  'STEP_CANCELED',
]);

const BEGIN_HEAD: Statement = {
  label: 'run_head.create',
  text: `CREATE $head SET revision = 1, last_seq = $last, last_event_at = $last_at, execution = $execution, execution_first = $first, executions = 1 RETURN NONE`,
};

const BEGIN_RUN: readonly Statement[] = [
  { label: 'run_execution.create', text: `CREATE $run_execution SET seen_at = time::now() RETURN NONE` },
  { label: 'run.create', text: 'CREATE $run_id CONTENT $run_row RETURN NONE' },
  { label: 'run_watch.create', text: 'CREATE $run_watch SET since = time::now() RETURN NONE' },
  {
    label: 'run_list.create',
    text: `FOR $list IN fn::run_lists($run_row) { CREATE type::record('run_list', $list) RETURN NONE }`,
  },
];

const ADVANCE_HEAD = mustFind(
  'run_head.advance',
  `UPDATE $head SET revision += 1, last_event_at = IF $last > last_seq { $last_at } ELSE { last_event_at }, last_seq = math::max([last_seq, $last])
  WHERE execution = $execution AND $first >= execution_first RETURN VALUE revision`,
);

const INSERT_EVENTS: Statement = {
  label: 'run_event.insert',
  text: 'INSERT INTO run_event $events RETURN NONE',
};

const OPEN_STEPS: Statement = { label: 'step.open', text: 'INSERT INTO step $opened RETURN NONE' };

/** Merges the closing columns of one step, where it is open or holds what its action wrote ahead of the log. */
const closeStep = (n: number): Statement =>
  mustFind(
    `step.close[${n}]`,
    `UPDATE $closed[${n}].id MERGE $closed[${n}].set WHERE status_seq < $closed[${n}].first AND (provisional OR status IN $closed[${n}].follows) RETURN VALUE status_seq`,
  );

/**
 * The statements of a usual commit; undefined where the events are not of that kind.
 * @throws SluiceError TRANSITION_ILLEGAL where the events contradict one another
 */
export function usualStatements(
  execution: Execution,
  unsorted: readonly RunEvent[],
): EventStatements | undefined {
  const events = [...unsorted].sort((a, b) => a.seq - b.seq);
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return { statements: [], variables: {} };
  if (!events.every(({ type }) => USUAL.has(type))) return undefined;
  const begins = first.type === 'RUN_STARTED' && first.seq === 1;
  if (begins !== events.some(({ type }) => type === 'RUN_STARTED')) return undefined;
  if (begins && execution.executionId !== execution.run.runId) return undefined;
  const { tenant, runId } = execution.run;
  const texts = new TextWriter(tenant, runId);
  const { runs, steps } = derive(execution, events, texts);
  const begun = new Set(events.filter(isFirstOfStep).map((event) => keyText(execution, event)));
  const isOpened = ({ key }: RowChange): boolean => begun.has(JSON.stringify(key));
  const opened = steps.filter(isOpened);
  const closed = steps.filter((change) => !isOpened(change));
  const runKey = runRowKey({ tenant, runId });
  const [run] = runs;
  return {
    statements: [
      ...(begins ? [BEGIN_HEAD, ...BEGIN_RUN] : [ADVANCE_HEAD]),
      INSERT_EVENTS,
      ...(opened.length > 0 ? [OPEN_STEPS] : []),
      ...closed.map((_, n) => closeStep(n)),
      ...texts.statements(),
    ],
    variables: {
      head: record('run_head', runKey),
      execution: execution.executionId,
      first: first.seq,
      last: last.seq,
      last_at: new Date(last.at),
      events: events.map((event) => eventRow(execution, event, texts)),
      opened: opened.map((change) => ({ id: change.key, ...newRow(change) })),
      closed: closed.map(({ key, status, first: from, follows }) => ({
        id: record('step', key),
        set: { ...NOTHING_LEFT, ...status, provisional: false },
        first: from,
        follows,
      })),
      ...(begins &&
        run !== undefined && {
          run_execution: record('run_execution', [...runKey, execution.executionId]),
          run_id: record('run', runKey),
          run_row: newRow(run),
          run_watch: record('run_watch', runKey),
        }),
      ...texts.variables(),
    },
  };
}

/** What an earlier status may have left in columns that the new one does not name. */
const NOTHING_LEFT: Columns = Object.fromEntries(CLEARED.step.status.map((column) => [column, undefined]));

/** An action tells its start before it acts; any other step nearly always tells start and end at once. */
function isFirstOfStep(event: RunEvent): boolean {
  if (event.type === 'STEP_STARTED') return true;
  return 'kind' in event.data && event.data.kind !== 'action.call';
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

/** A statement of the usual kind that has to find a row: else the commit is not usual. */
export function mustFind(label: string, update: string): Statement {
  return { label, text: `IF array::len(${update}) = 0 { ${UNUSUAL} }` };
}
