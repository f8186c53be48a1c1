/**
 * The registration of waits: which waits an event may satisfy. It changes in the transaction that changes
 * the wait's row.
 *
 * Invariant: while the row of a wait says WAITING, a wait for an event with a key has a row in `open_wait`
 * for each of its event names. The transaction that creates one also writes `event_guard` of (tenant, event
 * name, key): see writers/events/record-event.ts. A row too many does no harm: the bridge looks at the
 * wait's own row, and the run decides.
 */
import type { Execution } from '../../contracts/run/projection.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import { placeOf, stepRowKey } from '../log/keys.js';
import type { Statement } from '../connection/unit-of-work.js';
import type { BoundStatements } from './row-merge.js';

const follow = (keys: string, key: string): string => `FOR $each IN ${keys} {
  LET $k = ${key};
  LET $w = (SELECT * FROM ONLY type::record('wait', $k));
  IF $w != NONE AND $w.correlation_key != NONE {
    LET $part = fn::event_key($w.correlation_key);
    FOR $name IN ($w.event_names ?? []) {
      LET $open = type::record('open_wait', array::concat([$k[0], $name, $part], array::slice($k, 1)));
      IF $w.status = 'WAITING' {
        UPSERT type::record('event_guard', [$k[0], $name, $part]) SET turn = (turn ?? 0) + 1 RETURN NONE;
        UPSERT $open SET workflow_id = $wait_workflow, kind = $w.kind RETURN NONE;
      } ELSE { DELETE $open RETURN NONE };
    };
  };
}`;

/**
 * Registers or removes every wait of the run `$run`: for rows that came anew, from the log or from a
 * snapshot.
 */
export const FOLLOW_ALL_WAITS: Statement = {
  label: 'open_wait.follow-all',
  // A LET, because in the FOR itself the engine turns a subquery of one row into that row.
  text: `{ LET $all = (SELECT id FROM wait:[$run[0], $run[1]]..[$run[0], $run[1], ..]); ${follow('$all', 'record::id($each.id)')} }`,
};

/** The statements that register and remove the waits which these events open and close. */
export function openWaitStatements(execution: Execution, events: readonly RunEvent[]): BoundStatements {
  // One event changes many rows; picture.ts says which.
  if (events.some(({ type }) => type === 'SNAPSHOT' || type === 'RUN_RECONCILED')) {
    return { statements: [FOLLOW_ALL_WAITS], variables: { wait_workflow: execution.workflowId } };
  }
  const touched = new Map<string, unknown>();
  for (const event of events) {
    const place = event.type.startsWith('WAIT_') ? placeOf(event) : undefined;
    if (place === undefined) continue;
    const key = stepRowKey(execution.run, place);
    touched.set(JSON.stringify(key), key);
  }
  if (touched.size === 0) return { statements: [], variables: {} };
  return {
    statements: [{ label: 'open_wait.follow', text: follow('$touched_waits', '$each') }],
    variables: { touched_waits: [...touched.values()], wait_workflow: execution.workflowId },
  };
}
