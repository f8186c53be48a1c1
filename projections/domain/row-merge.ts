/**
 * The row merge, the second tier of a commit: a run's events into the log, and what `derive` made of them
 * into the rows.
 *
 * It is one request, with no read before it. Each statement guards its precondition inside the transaction
 * and throws `sluice:RESOLVE` where that doesn't hold; the replay (commit/from-log.ts) then makes the
 * commit from the whole log. The preconditions:
 * - the log's head: these events come from the run's current execution, or continue it as new past
 *   everything that is known. Anything else (a reset, an attempt of an older execution, a deleted row) may
 *   supersede events.
 * - each row: an edge leads from its status to the first one that the events set, or from the last one to
 *   it. If not, the log is illegal, or has a gap there, or somebody has edited the row, and only the log
 *   can tell which.
 */
import type { RunEvent } from '../../contracts/run/run-events.js';
import type { Execution } from '../../contracts/run/projection.js';
import type { Variables } from '../connection/connection.js';
import { derive, type RowChange } from '../log/derive.js';
import { eventRowKey, runRowKey, type RowKey } from '../log/keys.js';
import { CLEARED } from '../log/effects.js';
import { TextWriter } from '../log/texts.js';
import type { ValueSeal } from '../values/value-seal.js';
import type { Machine } from '../log/transitions.js';
import type { Statement } from '../connection/unit-of-work.js';

/** Statements, and the variables that they bind. */
export interface BoundStatements {
  readonly statements: readonly Statement[];
  readonly variables: Variables;
}

/** A row of `run_event`. */
export interface EventRow {
  readonly id: RowKey;
  readonly [column: string]: unknown;
}

/** The row of an event; its data is text, in the author's key order. */
export function eventRow(execution: Execution, event: RunEvent, texts: TextWriter): EventRow {
  const { stepPath, iteration, attempt } = event;
  return {
    id: eventRowKey(execution.run, event.seq, execution.executionId),
    type: event.type,
    at: new Date(event.at),
    wave: event.wave,
    data: texts.json(event.data),
    ...(stepPath === undefined ? {} : { path: stepPath }),
    ...(iteration === undefined ? {} : { iteration }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}

/**
 * Digests of the data of events, by their place: an event that was committed before the key ring was
 * configured is in clear, and equal to one that is encrypted now. Undefined without a ring.
 */
export function formerDigests(
  events: readonly RunEvent[],
  texts: TextWriter,
): readonly (string | undefined)[] | undefined {
  const digests = events.map(({ data }) => texts.formerDigest(data));
  return digests.includes(undefined) ? undefined : digests;
}

/** Inserts events; an event that exists already must be equal. */
export const INSERT_EVENTS: Statement = {
  label: 'run_event.insert',
  text: `IF array::len((INSERT IGNORE INTO run_event $events RETURN VALUE id)) < array::len($events) {
  FOR $i IN 0..array::len($events) {
    LET $e = $events[$i];
    LET $there = (SELECT * FROM ONLY type::record('run_event', $e.id));
    LET $former = $former[$i] ?? '';
    IF (fn::value_tag($there.data) != fn::value_tag($e.data) AND $there.data != '@' + $former AND crypto::sha256($there.data ?? '') != $former) OR $there.type != $e.type OR $there.at != $e.at OR $there.path != $e.path
      OR $there.iteration != $e.iteration OR $there.attempt != $e.attempt { THROW 'sluice:CONFLICT:' + <string> $e.id };
  }
}`,
};

const READ_HEAD: Statement = {
  label: 'run_head.read',
  text: `LET $head = (SELECT * FROM ONLY type::record('run_head', $run))`,
};

const ADVANCE_HEAD: Statement = {
  label: 'run_head.advance',
  text: `{
  LET $id = type::record('run_head', $run);
  IF $head.erased_at != NONE { THROW 'sluice:ERASED' };
  IF $head = NONE {
    IF $first > 1 { THROW 'sluice:RESOLVE' };
    CREATE $id SET revision = 1, last_seq = $last, last_event_at = $last_at, execution = $execution, execution_first = $first, executions = 1 RETURN NONE;
    CREATE type::record('run_execution', array::concat($run, [$execution])) SET seen_at = time::now() RETURN NONE;
  } ELSE IF $head.execution = $execution AND ($head.executions = 1 OR $first >= $head.execution_first) {
    UPDATE $id SET revision += 1, last_event_at = IF $last > last_seq { $last_at } ELSE { last_event_at }, last_seq = math::max([last_seq, $last]), execution_first = math::min([execution_first, $first]) RETURN NONE;
  } ELSE IF $continues = $head.execution AND $first > $head.last_seq {
    UPDATE $id SET revision += 1, last_seq = $last, last_event_at = $last_at, execution = $execution, execution_first = $first, executions += 1 RETURN NONE;
    CREATE type::record('run_execution', array::concat($run, [$execution])) SET seen_at = time::now() RETURN NONE;
  } ELSE { THROW 'sluice:RESOLVE' };
}`,
};

/**
 * Moves the run `$id`, whose row was `$old`, between lists, so that it is in those that its row names now.
 * The reconciler watches a run from its first commit until Temporal has confirmed its end
 * (reconcile/watch.ts).
 */
const relist = (added: string): string => `;
  LET $now = (SELECT run_id, tenant, status FROM ONLY $id);
  IF $old = NONE OR ($old.ended_at != NONE AND $old.status != $now.status) { UPSERT type::record('run_watch', [$now.tenant, $now.run_id]) SET since = time::now() RETURN NONE };
  LET $was = IF $old = NONE { [] } ELSE { fn::run_lists($old) };
  LET $is = fn::run_lists((SELECT * FROM ONLY $id));
  FOR $gone IN array::complement($was, $is) { DELETE type::record('run_list', $gone) RETURN NONE };
  FOR $new IN ${added} { UPSERT type::record('run_list', $new) RETURN NONE }`;

const RELIST = relist('array::complement($is, $was)');

/**
 * The same for a row from the whole log: writes all its lists, because the old row doesn't prove that they
 * exist.
 */
export const LIST_ANEW = relist('$is');

/** A step that runs again after a rewind has another key than the one in the ledger from before it. */
const SAME_KEY =
  '($old.idempotency_key ?? $c.opened.idempotency_key) = ($c.opened.idempotency_key ?? $old.idempotency_key)';

/**
 * The statement that merges changes into the rows of one table.
 * @param source expression that gives the changes
 * @param missing what to do before a missing row is created
 */
function mergeRows(table: Machine, source: string, missing = ''): Statement {
  const step = table === 'step';
  const cleared: Readonly<Partial<Record<string, readonly string[]>>> = CLEARED[table];
  const merge = (group: string, set: string) => {
    const none = (cleared[group] ?? []).map((column) => `${column}: NONE`).join(', ');
    return none === '' ? set : `object::extend({ ${none} }, ${set})`;
  };
  // An action's own transaction writes a step's outcome ahead of the log. Until the log closes the step, an
  // event that only opens it is too late to set the status.
  const status = merge('status', step ? 'object::extend($c.status, { provisional: false })' : '$c.status');
  const sets: Record<string, string> = {
    status: step
      ? `IF $old.provisional AND $c.open AND ${SAME_KEY} { { status_seq: $c.status.status_seq } } ELSE { ${status} }`
      : status,
    state: merge('state', '$c.state'),
    cancel: merge('cancel', '$c.cancel'),
  };
  const groups = table === 'run' ? ['status', 'state', 'cancel'] : ['status'];
  const merged = groups.reduce(
    (set, group) =>
      `object::extend(${set}, IF $c.${group} != NONE AND $c.${group}.${group}_seq > $old.${group}_seq { ${sets[group]} } ELSE { {} })`,
    `IF $c.opened.opened_seq < $old.opened_seq { ${merge('opened', '$c.opened')} } ELSE { {} }`,
  );
  const created = groups.reduce(
    (row, group) => `object::extend(${row}, $c.${group} ?? {})`,
    `object::extend($${table}_base, $c.opened)`,
  );
  return {
    label: `${table}.apply`,
    text: `FOR $c IN ${source} {
  LET $id = type::record('${table}', $c.key);
  LET $old = (SELECT * FROM ONLY $id);
  IF $old = NONE { ${missing}CREATE $id CONTENT ${created} RETURN NONE }
  ELSE {
    IF $c.status != NONE${step ? ' AND !$old.provisional' : ''} AND (
      ($old.status_seq < $c.first AND $old.status NOT IN $c.follows)
      OR ($old.status_seq > $c.status.status_seq AND $old.status NOT IN $c.leads)) { THROW 'sluice:RESOLVE' };
    LET $set = ${merged};
    IF $set != {} { UPDATE $id MERGE $set RETURN NONE };
  }${table === 'run' ? RELIST : ''}
}`,
  };
}

// A commit that neither changes the run nor begins earlier than all before it leaves the run's row and its
// lists alone. A row that is missing although the log has begun was deleted: only a replay from the log can
// create it again.
const MERGE_RUN = mergeRows(
  'run',
  '(IF $touches_run OR $first < ($head.execution_first ?? 0) { $runs } ELSE { [] })',
  `IF $head != NONE { THROW 'sluice:RESOLVE' }; `,
);
const MERGE_STEPS = mergeRows('step', '$steps');
const MERGE_WAITS = mergeRows('wait', '$waits');
/**
 * The statements that commit events by the row merge; none for no events.
 * @throws SluiceError TRANSITION_ILLEGAL where the events contradict one another
 */
export function rowMergeStatements(
  seal: ValueSeal,
  execution: Execution,
  unsorted: readonly RunEvent[],
): BoundStatements {
  const events = [...unsorted].sort((a, b) => a.seq - b.seq);
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return { statements: [], variables: {} };
  const { tenant, runId } = execution.run;
  const texts = new TextWriter(seal, tenant, runId);
  const derived = derive(execution, events, texts);
  const rows = events.map((event) => eventRow(execution, event, texts));
  const continued = events.find((event) => event.type === 'RUN_CONTINUED');
  const touches = ({ status, state, cancel }: RowChange) =>
    status !== undefined || state !== undefined || cancel !== undefined;
  return {
    statements: [
      READ_HEAD,
      ADVANCE_HEAD,
      INSERT_EVENTS,
      MERGE_RUN,
      ...(derived.steps.length > 0 ? [MERGE_STEPS] : []),
      ...(derived.waits.length > 0 ? [MERGE_WAITS] : []),
      ...texts.statements(),
    ],
    variables: {
      run: runRowKey({ tenant, runId }),
      execution: execution.executionId,
      first: first.seq,
      last: last.seq,
      last_at: new Date(last.at),
      continues: continued?.data.previous,
      touches_run: first.seq === 1 || derived.runs.some(touches),
      events: rows,
      former: formerDigests(events, texts),
      runs: slim(derived.runs),
      run_base: derived.runs[0]?.base,
      steps: slim(derived.steps),
      step_base: derived.steps[0]?.base,
      waits: slim(derived.waits),
      wait_base: derived.waits[0]?.base,
      ...texts.variables(),
    },
  };
}

/**
 * Encoding variables takes a good part of a commit's time, so what all rows of a table share is sent once.
 */
function slim(changes: readonly RowChange[]): readonly Omit<RowChange, 'base'>[] {
  return changes.map(({ base: _, ...change }) => change);
}
