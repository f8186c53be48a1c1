/** Runs as an interpreter would author them: headers, events, and the rows of tables. */
import type { Json } from '../../../contracts/json.js';
import type { Execution, Invocation } from '../../../contracts/run/projection.js';
import type { RunEvent, RunEventData, RunEventType } from '../../../contracts/run/run-events.js';
import type { RunError } from '../../../contracts/errors.js';
import type { Projections } from '../../../projections/index.js';

export const START_MS = Date.parse('2026-01-02T03:04:05.000Z');

let runs = 0;

/** An execution of a new run, under an id like Temporal's. */
export function execution(
  overrides: { tenant?: string; runId?: string; executionId?: string } = {},
): Execution {
  runs += 1;
  const runId = overrides.runId ?? uuid7(runs);
  return {
    run: { runId, tenant: overrides.tenant ?? 'acme', definition: 'order-fulfilment', version: 3 },
    workflowId: `order-fulfilment/${runId}`,
    executionId: overrides.executionId ?? runId,
  };
}

/** A UUID of version 7 created at `START_MS + n`. */
export function uuid7(n: number): string {
  const time = (START_MS + n).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(n).padStart(12, '0')}`;
}

/** One event; its time follows from `seq`. */
export function event<T extends RunEventType>(
  seq: number,
  type: T,
  data: RunEventData<T>,
  place: { path?: string; iteration?: readonly number[]; attempt?: number } = {},
): RunEvent {
  return {
    seq,
    at: START_MS + seq * 10,
    wave: 1,
    type,
    data,
    ...(place.path === undefined ? {} : { stepPath: place.path }),
    ...(place.iteration === undefined ? {} : { iteration: place.iteration }),
    ...(place.attempt === undefined ? {} : { attempt: place.attempt }),
  } as RunEvent;
}

export function runStarted(
  payload: Json = { orderId: 'o-1', amount: 5 },
  keys: readonly string[] = ['order:o-1'],
): RunEvent {
  return event(1, 'RUN_STARTED', {
    definition: { id: 'order-fulfilment', version: 3, hash: 'a'.repeat(64) },
    semantics: 1,
    workflowId: 'order-fulfilment/1',
    actor: 'alice',
    system: { environment: 'test', region: 'local', release: '0.1.0' },
    payload,
    parent: null,
    root: null,
    trigger: null,
    correlationKeys: [...keys],
  });
}

/** The start of that run, with the workflow id of its execution. */
export function runStartedAs(of: Execution, payload: Json = { orderId: 'o-1' }): RunEvent {
  const begin = runStarted(payload);
  if (begin.type !== 'RUN_STARTED') throw new Error('No start');
  return { ...begin, data: { ...begin.data, workflowId: of.workflowId } };
}

export function stepStarted(seq: number, path: string, key?: string): RunEvent {
  const data = {
    id: path,
    kind: 'action.call',
    action: 'payments.charge',
    actionVersion: 1,
    input: { amount: 5 },
  };
  return event(seq, 'STEP_STARTED', key === undefined ? data : { ...data, key }, { path });
}

export function stepSucceeded(seq: number, path: string): RunEvent {
  return event(seq, 'STEP_SUCCEEDED', { id: path, kind: 'action.call', output: { ok: true } }, { path });
}

export function invocation(key: string, path = 'steps[0]', action = 'payments.charge'): Invocation {
  return {
    idempotencyKey: key,
    action,
    actionVersion: 1,
    step: { path, id: path, iteration: [], attempt: 1 },
    input: { z: 1, amount: 5, token: { $secret: 'TOKEN' } },
    local: false,
  };
}

/** A lease that lives for a minute, or that ended a minute ago. */
export function lease(holder: string, alive = true): { readonly holder: string; readonly forMs: number } {
  return { holder, forMs: alive ? 60_000 : -60_000 };
}

export function runError(code: string, path = 'steps[0]'): RunError {
  return {
    code,
    message: `${code} happened`,
    category: 'action',
    stepPath: path,
    at: '2026-01-02T03:04:06.000Z',
    attempt: 1,
    details: null,
  };
}

const TABLES = [
  'run',
  'run_head',
  'run_event',
  'run_list',
  'step',
  'wait',
  'open_wait',
  'action_invocation',
  'run_invocation',
  'blob',
  'outbox',
] as const;

// Clocks and counters differ between histories that mean the same.
const VOLATILE = ['revision', 'seen_at', 'finished_at', 'lease_until'];

/** Tables whose rows the log produces. */
export const DERIVED = ['run', 'run_head', 'run_list', 'step', 'wait', 'open_wait'] as const;

/** Deletes all rows of the tables. */
export async function clear(projections: Projections, names: readonly string[]): Promise<void> {
  const answers = await projections.database.request(names.map((table) => `DELETE ${table}`).join(';'));
  const failed = answers.flatMap((answer) => (answer.ok ? [] : [answer.reason]));
  if (failed.length > 0) throw new Error(failed.join('; '));
}

/**
 * Every row of a database, by table, volatile columns left out.
 * @param without further columns to leave out, e.g. times of a ledger row
 */
export async function tables(
  projections: Projections,
  without: readonly string[] = [],
): Promise<Record<string, readonly unknown[]>> {
  const drop = new Set([...VOLATILE, ...without]);
  const all: Record<string, readonly unknown[]> = {};
  for (const table of TABLES) {
    const [answer] = await projections.database.request(`SELECT * FROM ${table}`);
    if (answer?.ok !== true) throw new Error(answer?.reason);
    all[table] = (answer.value as Record<string, unknown>[])
      .map((row) =>
        Object.fromEntries(
          Object.entries(row)
            .filter(([column]) => !drop.has(column))
            .map(([column, value]) => [column, column === 'id' ? JSON.stringify(value) : value] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        ),
      )
      .sort((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1));
  }
  return all;
}
