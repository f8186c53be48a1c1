/**
 * What each type of event does to the rows of its run, as contracts/run/run-events.ts says beside each
 * type. An event sets a whole group of columns: those that it doesn't name are cleared (`CLEARED`), so that
 * a later event leaves nothing of an earlier one behind.
 */
import type { RunError } from '../../contracts/errors.js';
import type { RunEvent } from '../../contracts/run/run-events.js';
import type { TextWriter } from './texts.js';

/** Columns by name; undefined clears one. */
export type Columns = Readonly<Record<string, unknown>>;

/** Columns of each group that an event may leave out. */
export const CLEARED = {
  run: {
    opened: [],
    status: ['result', 'error', 'error_code', 'ended_at'],
    state: ['state'],
    cancel: ['cancel_reason'],
  },
  // An action's own transaction fills these in ahead of the log; the log replaces them.
  step: {
    opened: ['step_id', 'kind', 'name', 'action', 'action_version', 'idempotency_key', 'input'],
    status: ['output', 'error', 'error_code', 'continued', 'next_at', 'ended_at'],
  },
  wait: { opened: [], status: ['closed_at', 'event_id', 'event_source', 'event_name', 'reason'] },
} as const;

/** What one event does to one row. */
export interface Effect {
  /** Columns that the lowest event of the row sets. */
  readonly opened: Columns;
  readonly status?: string;
  /** Columns that go with the status. */
  readonly set?: Columns;
  readonly state?: Columns;
  readonly cancel?: Columns;
  /** The event states the status; it is not a transition, and no edge has to lead there. */
  readonly unchecked?: boolean;
}

function errorColumns(error: RunError, texts: TextWriter): Columns {
  return { error: texts.json(error), error_code: error.code };
}

/** What an event does to the run's row. Any event may be the lowest that is known. */
export function runEffect(event: RunEvent, texts: TextWriter): Effect {
  const at = new Date(event.at);
  switch (event.type) {
    case 'RUN_STARTED':
      return { opened: startColumns(event.data, texts), status: 'RUNNING' };
    case 'RUN_WAITING':
      return { opened: {}, status: 'WAITING' };
    case 'RUN_RESUMED':
      return { opened: {}, status: 'RUNNING' };
    case 'RUN_COMPENSATING':
      return { opened: {}, status: 'COMPENSATING' };
    case 'RUN_SUCCEEDED':
      return {
        opened: {},
        status: 'SUCCEEDED',
        set: { result: texts.json(event.data.result), ended_at: at },
      };
    case 'RUN_FAILED':
      return {
        opened: {},
        status: 'FAILED',
        set: { ...errorColumns(event.data.error, texts), ended_at: at },
      };
    case 'RUN_CANCELED':
      return { opened: {}, status: 'CANCELED', set: { ended_at: at } };
    case 'STATE_SET':
      return { opened: {}, state: { state: event.data.state } };
    case 'RUN_CANCEL_REQUESTED':
      return {
        opened: {},
        cancel: { cancel_requested_at: at, cancel_reason: texts.note(event.data.reason) },
      };
    case 'RUN_RECONCILED': {
      const { status, corrects, result, error, closedAt } = event.data;
      if (!corrects) return { opened: {} };
      return {
        opened: {},
        status,
        set: {
          result: texts.json(result),
          ...(error === undefined ? {} : errorColumns(error, texts)),
          ended_at: new Date(closedAt),
        },
        unchecked: true,
      };
    }
    case 'SNAPSHOT':
      return {
        opened: {},
        status: event.data.status,
        state: { state: event.data.state ?? undefined },
        unchecked: true,
      };
    default:
      return { opened: {} };
  }
}

function startColumns(data: Extract<RunEvent, { type: 'RUN_STARTED' }>['data'], texts: TextWriter): Columns {
  return {
    definition_hash: data.definition.hash,
    semantics: data.semantics,
    actor: data.actor,
    environment: data.system.environment,
    region: data.system.region,
    release: data.system.release,
    payload: texts.json(data.payload),
    trigger: data.trigger === null ? undefined : texts.json(data.trigger),
    parent_run_id: data.parent?.runId,
    parent_workflow_id: data.parent?.workflowId,
    root_run_id: data.root?.runId,
    root_workflow_id: data.root?.workflowId,
    rerun_of_run_id: data.rerunOf?.runId,
    rerun_of_workflow_id: data.rerunOf?.workflowId,
    correlation_keys: [...new Set(data.correlationKeys)].map((key) => texts.key(key)),
  };
}

/** What an event does to the row of its step execution; undefined where it does nothing. */
export function stepEffect(event: RunEvent, texts: TextWriter): Effect | undefined {
  const at = new Date(event.at);
  switch (event.type) {
    case 'STEP_STARTED':
      return {
        opened: {
          step_id: event.data.id,
          kind: event.data.kind,
          name: event.data.name,
          action: event.data.action,
          action_version: event.data.actionVersion,
          idempotency_key: event.data.key,
          input: texts.json(event.data.input),
          started_at: at,
        },
        status: 'RUNNING',
      };
    case 'STEP_SUCCEEDED':
      return ended(event, 'SUCCEEDED', { output: texts.json(event.data.output) });
    case 'STEP_FAILED':
      return ended(event, 'FAILED', {
        ...errorColumns(event.data.error, texts),
        continued: event.data.continued,
      });
    case 'STEP_RETRYING':
      return ended(event, 'RETRYING', {
        ...errorColumns(event.data.error, texts),
        next_at: new Date(event.data.nextAt),
      });
    case 'STEP_SKIPPED':
      return ended(event, 'SKIPPED', {});
    case 'STEP_CANCELED':
      return ended(event, 'CANCELED', {});
    case 'WAIT_OPENED':
      return { opened: { started_at: at }, status: 'WAITING' };
    case 'WAIT_SATISFIED':
    case 'WAIT_TIMED_OUT':
    case 'WAIT_CANCELED':
      return { opened: { started_at: at }, status: 'RUNNING' };
    default:
      return undefined;
  }
}

type StepEnd = Extract<
  RunEvent,
  { type: 'STEP_SUCCEEDED' | 'STEP_FAILED' | 'STEP_RETRYING' | 'STEP_SKIPPED' | 'STEP_CANCELED' }
>;

function ended(event: StepEnd, status: string, set: Columns): Effect {
  const startedAt = 'startedAt' in event.data ? event.data.startedAt : undefined;
  const names = { step_id: event.data.id, kind: event.data.kind };
  return {
    opened: { ...names, started_at: new Date(startedAt ?? event.at) },
    status,
    set: { ...names, ...set, ended_at: new Date(event.at) },
  };
}

/** What an event does to the row of its wait; undefined where it does nothing. */
export function waitEffect(event: RunEvent, texts: TextWriter): Effect | undefined {
  const at = new Date(event.at);
  switch (event.type) {
    case 'WAIT_OPENED': {
      const { kind, eventNames, correlationKey, filters, deadline, since, child } = event.data;
      return {
        opened: {
          kind,
          event_names: eventNames,
          correlation_key: texts.key(correlationKey),
          filters: texts.json(filters),
          deadline: deadline === undefined ? undefined : new Date(deadline),
          since: since === undefined ? undefined : new Date(since),
          child_run_id: child?.runId,
          child_workflow_id: child?.workflowId,
          opened_at: at,
        },
        status: 'WAITING',
      };
    }
    case 'WAIT_SATISFIED':
      return {
        opened: {},
        status: 'SATISFIED',
        set: {
          closed_at: at,
          event_id: event.data.eventId,
          event_source: event.data.source,
          event_name: event.data.eventName,
        },
      };
    case 'WAIT_TIMED_OUT':
      return { opened: {}, status: 'TIMED_OUT', set: { closed_at: at } };
    case 'WAIT_CANCELED':
      return {
        opened: {},
        status: 'CANCELED',
        set: { closed_at: at, reason: texts.note(event.data.reason) },
      };
    default:
      return undefined;
  }
}
