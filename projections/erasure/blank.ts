/**
 * What erasure does to each column that holds values.
 *
 * Invariant [erasure-forgets-no-column]: it goes by the declaration of the columns
 * (values/value-columns.ts), so a new one is emptied without a word here, or its whole table is named
 * below with what happens to it.
 */
import { VALUE_COLUMNS } from '../values/value-columns.js';

/** What a column that must not be missing holds after erasure; every other one is removed. */
const INSTEAD: Readonly<Record<string, string>> = {
  'dead_letter.acts': '[]',
  'dead_letter.reason': `'ERASED: its values were removed'`,
  'inbound_event.envelope': `'null'`,
  'outbox.envelope': `'null'`,
};

/** Plain columns that go too: they are made from values, or refer to them. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  // An author may make a key from values.
  step: ['idempotency_key'],
  // Each has a digest of an envelope.
  inbound_event: ['conflicts'],
};

/** How erasure treats the tables whose columns hold values. */
export const TREATED: Readonly<Record<string, 'emptied' | 'removed' | 'rewritten' | 'refused'>> = {
  action_invocation: 'removed',
  api_request: 'emptied',
  blob: 'removed',
  dead_letter: 'emptied',
  event_delivery: 'emptied',
  evidence: 'emptied',
  inbound_event: 'emptied',
  outbox: 'emptied',
  run: 'emptied',
  run_event: 'removed',
  step: 'emptied',
  // Their texts are written anew, without values (erase-task.ts).
  task: 'rewritten',
  task_action: 'rewritten',
  // While one exists, the event is under way.
  trigger_retry: 'refused',
  wait: 'emptied',
};

/** The assignments of an UPDATE that empties a row. */
export function blank(table: keyof typeof TREATED): string {
  return [...(VALUE_COLUMNS[table] ?? []), ...(ALSO[table] ?? [])]
    .map((column) => `${column} = ${INSTEAD[`${table}.${column}`] ?? 'NONE'}`)
    .join(', ');
}
