/**
 * The statements of a commit: a run's events into the log, and what `derive` made of them into the rows.
 *
 * They are the fast path: one request, no reading before it. Each guards its own precondition inside the
 * transaction and throws `sluice:RESOLVE` where it does not hold; resolve.ts then does the same from the whole
 * log. The preconditions:
 * - the log's head: these events come from the run's current execution, or continue it as new past all that
 *   is known. Anything else (a reset, an attempt of an older execution, a deleted row) may supersede events.
 * - each row: an edge leads from its status to the first one that the events set, or from the last one to it.
 *   If not, the log is illegal, or has a gap there, or somebody has edited the row, and only the log can tell.
 */
import type { RunEvent } from '../../contracts/run/run-events.js';
import type { Execution } from '../../contracts/run/projection.js';
import type { Variables } from '../connection/connection.js';
import { derive, type RowChange } from '../log/derive.js';
import { eventRowKey, runRowKey, type RowKey } from '../log/keys.js';
import { CLEARED } from '../log/effects.js';
import { TextWriter } from '../log/texts.js';
import type { Machine } from '../log/transitions.js';
import type { Statement } from '../connection/unit-of-work.js';

export interface EventStatements {
  readonly statements: readonly Statement[];
  readonly variables: Variables;
}

/** A row of `run_event`. */
export interface EventRow {
  readonly id: RowKey;
  readonly [column: string]: unknown;
}

/** The row of an event; its data as text, in the author's key order. */
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

/** Inserts events; one that is there already must be the same one. */
export const INSERT_EVENTS: Statement = {
  label: 'run_event.insert',
  text: `IF array::len((INSERT IGNORE INTO run_event $events RETURN VALUE id)) < array::len($events) {
  FOR $e IN $events {
    LET $there = (SELECT * FROM ONLY type::record('run_event', $e.id));
    IF $there.data != $e.data OR $there.type != $e.type OR $there.at != $e.at OR $there.path != $e.path
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
 * Moves the run `$id`, whose row was `$old`, from the lists that it stood in to those that it stands in. The
 * reconciler watches a run from its first commit until Temporal has confirmed its end (reconcile/watch.ts).
 */
const relist = (added: string): string => `;
  LET $now = (SELECT run_id, tenant, status FROM ONLY $id);
  IF $old = NONE OR ($old.ended_at != NONE AND $old.status != $now.status) { UPSERT type::record('run_watch', [$now.tenant, $now.run_id]) SET since = time::now() RETURN NONE };
  LET $was = IF $old = NONE { [] } ELSE { fn::run_lists($old) };
  LET $is = fn::run_lists((SELECT * FROM ONLY $id));
  FOR $gone IN array::complement($was, $is) { DELETE type::record('run_list', $gone) RETURN NONE };
  FOR $new IN ${added} { UPSERT type::record('run_list', $new) RETURN NONE }`;

const RELIST = relist('array::complement($is, $was)');

/** The same for a row that is made from the log: what the row says of its lists is not taken for granted. */
export const LIST_ANEW = relist('$is');

/** A step that is done again after a rewind has another key than what the ledger told of it before. */
const SAME_KEY =
  '($old.idempotency_key ?? $c.opened.idempotency_key) = ($c.opened.idempotency_key ?? $old.idempotency_key)';

/**
 * Applies changes to the rows of one table.
 * @param source gives the changes
 * @param missing what to do where there is no row, before one is made
 */
function applyRows(table: Machine, source: string, missing = ''): Statement {
  const step = table === 'step';
  const cleared: Readonly<Partial<Record<string, readonly string[]>>> = CLEARED[table];
  const merge = (group: string, set: string) => {
    const none = (cleared[group] ?? []).map((column) => `${column}: NONE`).join(', ');
    return none === '' ? set : `object::extend({ ${none} }, ${set})`;
  };
  // An action's own transaction writes a step's outcome ahead of the log. Until the log closes the step, an
  // event that opens it comes too late to say anything about the status.
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

// A commit that neither changes the run nor begins earlier than all before it leaves the run's row, and its
// indexes, alone. A row that is missing though the log has begun was deleted: only the log can make it again.
const APPLY_RUN = applyRows(
  'run',
  '(IF $touches_run OR $first < ($head.execution_first ?? 0) { $runs } ELSE { [] })',
  `IF $head != NONE { THROW 'sluice:RESOLVE' }; `,
);
const APPLY_STEPS = applyRows('step', '$steps');
const APPLY_WAITS = applyRows('wait', '$waits');
/**
 * The statements that commit events on the fast path; none for no events.
 * @throws SluiceError TRANSITION_ILLEGAL where the events contradict one another
 */
export function eventStatements(execution: Execution, unsorted: readonly RunEvent[]): EventStatements {
  const events = [...unsorted].sort((a, b) => a.seq - b.seq);
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return { statements: [], variables: {} };
  const { tenant, runId } = execution.run;
  const texts = new TextWriter(tenant, runId);
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
      APPLY_RUN,
      ...(derived.steps.length > 0 ? [APPLY_STEPS] : []),
      ...(derived.waits.length > 0 ? [APPLY_WAITS] : []),
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

/** Encoding variables is a good part of a commit's time: what all rows of a table share goes once. */
function slim(changes: readonly RowChange[]): readonly Omit<RowChange, 'base'>[] {
  return changes.map(({ base: _, ...change }) => change);
}
