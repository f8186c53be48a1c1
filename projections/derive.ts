/**
 * The one function from a run's log to its rows. Live commits apply it to the few events that they carry;
 * `rebuild` and the resolution of a reset apply it to the whole log.
 *
 * Invariants
 * - Pure: no clock, no database. The same events give the same changes.
 * - It converges: a row has groups of columns, each set by one kind of event and stamped with that event's
 *   `seq`. `opened` belongs to the lowest event of the row, every other group to the highest that sets it. So
 *   the changes of any partition of a log, applied in any order and any number of times (apply.ts), give the
 *   row that the whole log gives.
 */
import type { RunEvent } from '../contracts/run-events.js';
import type { Execution } from '../contracts/projection.js';
import { listKey, placeOf, runRowKey, stepRowKey, type RowKey, type RunKey } from './keys.js';
import { runEffect, stepEffect, waitEffect, type Columns, type Effect } from './effects.js';
import type { TextWriter } from './texts.js';
import { checkTransition, isOpenStatus, statusesAfter, statusesBefore, type Machine } from './transitions.js';

/** A group of columns of which the highest event wins. */
export interface Group {
  readonly seq: number;
  /** The columns, the group's own `…_seq` among them; undefined clears a column. */
  readonly set: Columns;
}

interface StatusGroup extends Group {
  readonly status: string;
  /** The lowest event of these changes that sets the status. */
  readonly first: number;
  /** Statuses of the row, set by an event before `first`, that these changes can follow. */
  readonly from: readonly string[];
  /** Statuses of the row, set by an event after `seq`, that can follow these changes. */
  readonly to: readonly string[];
  /** An open status gives way to an outcome that the action's own transaction wrote ahead of the log. */
  readonly open: boolean;
}

/** What events do to one row. */
export interface RowChange {
  readonly key: RowKey;
  /** Columns of the row if it does not exist yet. */
  readonly row: Columns;
  readonly openedSeq: number;
  readonly opened: Columns;
  readonly status: StatusGroup | undefined;
  readonly state: Group | undefined;
  readonly cancel: Group | undefined;
}

export interface Derived {
  readonly runs: readonly RowChange[];
  readonly steps: readonly RowChange[];
  readonly waits: readonly RowChange[];
}

/** What a run's rows take from its header: known to every commit. */
export type Header = Pick<Execution, 'run' | 'workflowId'>;

/**
 * The changes that events make.
 * @param events of one run, any subset of its log, each once, in order of `seq`
 * @param texts makes the text of JSON columns
 * @throws SluiceError TRANSITION_ILLEGAL where two of the events can't follow one another
 */
export function derive(header: Header, events: readonly RunEvent[], texts: TextWriter): Derived {
  const run: RunKey = { tenant: header.run.tenant, runId: header.run.runId };
  const runs = new Rows('run');
  const steps = new Rows('step');
  const waits = new Rows('wait');
  for (const [index, event] of events.entries()) {
    const at = new Date(event.at);
    const effect = runEffect(event, texts);
    const opened = { started_at: at, list_key: listKey(at, run.runId), ...effect.opened };
    runs.apply(runRowKey(run), `run ${run.runId}`, event, index, { ...effect, opened });
    const place = placeOf(event);
    if (place === undefined) continue;
    const subject = `${place.path}${place.iteration.length > 0 ? JSON.stringify(place.iteration) : ''} of run ${run.runId}`;
    const step = stepEffect(event, texts);
    if (step !== undefined) steps.apply(stepRowKey(run, place), `step ${subject}`, event, index, step, place);
    const wait = waitEffect(event, texts);
    if (wait !== undefined) waits.apply(stepRowKey(run, place), `wait ${subject}`, event, index, wait, place);
  }
  const identity = { tenant: run.tenant, run_id: run.runId };
  return {
    runs: runs.changes({
      ...identity,
      workflow_id: header.workflowId,
      definition: header.run.definition,
      definition_version: header.run.version,
      status: 'PENDING',
      status_seq: 0,
      state_seq: 0,
      cancel_seq: 0,
    }),
    steps: steps.changes({ ...identity, status: 'RUNNING', status_seq: 0, provisional: false }),
    waits: waits.changes({ ...identity, status: 'WAITING', status_seq: 0 }),
  };
}

interface Draft {
  readonly key: RowKey;
  readonly identity: Columns;
  readonly openedSeq: number;
  readonly opened: Columns;
  status?: { readonly seq: number; readonly index: number; readonly status: string; readonly set: Columns };
  first?: { readonly seq: number; readonly status: string };
  state?: Group;
  cancel?: Group;
}

/** The rows of one table that events touch, folded in order. */
class Rows {
  private readonly drafts = new Map<string, Draft>();

  constructor(private readonly machine: Machine) {}

  apply(
    key: RowKey,
    subject: string,
    event: RunEvent,
    index: number,
    effect: Effect,
    identity:
      | { readonly path: string; readonly iteration: readonly number[]; readonly attempt: number }
      | object = {},
  ): void {
    const name = JSON.stringify(key);
    const draft: Draft =
      this.drafts.get(name) ??
      ({
        key,
        identity: { ...identity },
        openedSeq: event.seq,
        opened: { ...effect.opened, opened_seq: event.seq },
      } satisfies Draft);
    this.drafts.set(name, draft);
    if (effect.state !== undefined) {
      draft.state = { seq: event.seq, set: { ...effect.state, state_seq: event.seq } };
    }
    if (effect.cancel !== undefined) {
      draft.cancel = { seq: event.seq, set: { ...effect.cancel, cancel_seq: event.seq } };
    }
    if (effect.status === undefined) return;
    const to = { status: effect.status, seq: event.seq };
    if (draft.status !== undefined && effect.unchecked !== true) {
      // Events between the two are all known where their distance in the list is their distance in the log.
      const adjacent = index - draft.status.index === event.seq - draft.status.seq;
      checkTransition(this.machine, subject, draft.status, to, adjacent);
    }
    draft.first ??= to;
    draft.status = { ...to, index, set: { ...effect.set, status: effect.status, status_seq: event.seq } };
  }

  changes(base: Columns): readonly RowChange[] {
    return [...this.drafts.values()].map(
      ({ key, identity, openedSeq, opened, status, first, state, cancel }) => ({
        key,
        row: { ...base, ...identity, ...opened, ...status?.set, ...state?.set, ...cancel?.set },
        openedSeq,
        opened,
        status:
          status === undefined || first === undefined
            ? undefined
            : {
                seq: status.seq,
                set: this.machine === 'step' ? { ...status.set, provisional: false } : status.set,
                status: status.status,
                first: first.seq,
                from: statusesBefore(this.machine, first.status),
                to: statusesAfter(this.machine, status.status),
                open: isOpenStatus(this.machine, status.status),
              },
        state,
        cancel,
      }),
    );
  }
}
