/**
 * The one function from a run's log to its rows. Live commits apply it to the few events that they carry;
 * the rebuild and the replay after a reset apply it to the whole log.
 *
 * Invariants
 * - Pure: no clock, no database. The same events give the same changes.
 * - It converges: a row has groups of columns, each set by one kind of event and stamped with that event's
 *   `seq`. `opened` belongs to the lowest event of the row, every other group to the highest that sets it.
 *   So the changes of any partition of a log, merged in any order and any number of times (row-merge.ts),
 *   give the row that the whole log gives.
 */
import type { RunEvent } from '../../contracts/run/run-events.js';
import type { Execution } from '../../contracts/run/projection.js';
import { listKey, placeOf, runRowKey, stepRowKey, type RowKey, type RunKey, type StepPlace } from './keys.js';
import { runEffect, stepEffect, waitEffect, type Columns, type Effect } from './effects.js';
import { pictureOf } from './picture.js';
import type { TextWriter } from './texts.js';
import { checkTransition, isOpenStatus, statusesAfter, statusesBefore, type Machine } from './transitions.js';

/**
 * What events do to one row. Each group of columns holds its own `…_seq`; a column that a group leaves out is
 * cleared with it (`CLEARED` in effects.ts says which belong to each).
 */
export interface RowChange {
  readonly key: RowKey;
  /** Columns of a row that does not exist yet, before its groups. */
  readonly base: Columns;
  /** Set by the lowest event: `opened_seq`. */
  readonly opened: Columns;
  /** Set by the highest event that changes the status: `status_seq`. */
  readonly status?: Columns;
  /** `seq` of the lowest of these events that sets the status. */
  readonly first?: number;
  /**
   * Whether these events leave the status open. An open status gives way to an outcome written ahead of the
   * log.
   */
  readonly open?: boolean;
  /** Statuses that may directly precede the first status, and those that may directly follow the last one. */
  readonly follows?: readonly string[];
  readonly leads?: readonly string[];
  readonly state?: Columns;
  readonly cancel?: Columns;
}

export interface Derived {
  readonly runs: readonly RowChange[];
  readonly steps: readonly RowChange[];
  readonly waits: readonly RowChange[];
}

/** The row that a change creates where none exists. */
export function newRow({ base, opened, status, state, cancel }: RowChange): Columns {
  return { ...base, ...opened, ...status, ...state, ...cancel };
}

/** What a run's rows take from its execution; every commit knows it. */
export type Header = Pick<Execution, 'run' | 'workflowId'>;

/**
 * The changes that events make.
 * @param events any subset of one run's log, each event once, in order of `seq`
 * @param texts writes the text of JSON columns
 * @param forks each `seq` at which the events of another execution begin. That execution may still commit
 *   events before its first known one, and supersede those there, so that no pair of events across a fork
 *   is illegal
 * @throws SluiceError TRANSITION_ILLEGAL where two of the events can't follow one another
 */
export function derive(
  header: Header,
  events: readonly RunEvent[],
  texts: TextWriter,
  forks: readonly number[] = [],
): Derived {
  const run: RunKey = { tenant: header.run.tenant, runId: header.run.runId };
  const runs = new Rows('run', forks);
  const steps = new Rows('step', forks);
  const waits = new Rows('wait', forks);
  for (const [index, event] of events.entries()) {
    const at = new Date(event.at);
    const effect = runEffect(event, texts);
    const opened = { started_at: at, list_key: listKey(at, run.runId), ...effect.opened };
    const runRow = { key: runRowKey(run), subject: `run ${run.runId}` };
    runs.apply(runRow, event, index, { ...effect, opened });
    const apply = (rows: Rows, kind: string, place: StepPlace, done: Effect) => {
      const where = `${place.path}${place.iteration.length > 0 ? JSON.stringify(place.iteration) : ''}`;
      const row = { key: stepRowKey(run, place), subject: `${kind} ${where} of run ${run.runId}` };
      rows.apply(row, event, index, done);
    };
    const picture = pictureOf(event, texts);
    for (const placed of picture.steps) apply(steps, 'step', placed.place, placed.effect);
    for (const placed of picture.waits) apply(waits, 'wait', placed.place, placed.effect);
    const place = placeOf(event);
    if (place === undefined) continue;
    const step = stepEffect(event, texts);
    if (step !== undefined) apply(steps, 'step', place, step);
    const wait = waitEffect(event, texts);
    if (wait !== undefined) apply(waits, 'wait', place, wait);
  }
  return {
    runs: runs.changes({
      tenant: run.tenant,
      run_id: run.runId,
      workflow_id: header.workflowId,
      definition: header.run.definition,
      definition_version: header.run.version,
      status: 'PENDING',
      status_seq: 0,
      state_seq: 0,
      cancel_seq: 0,
    }),
    steps: steps.changes({ status: 'RUNNING', status_seq: 0, provisional: false }),
    waits: waits.changes({ status: 'WAITING', status_seq: 0 }),
  };
}

interface Draft {
  readonly key: RowKey;
  readonly opened: Columns;
  status?: { readonly seq: number; readonly index: number; readonly status: string; readonly set: Columns };
  first?: { readonly seq: number; readonly status: string };
  state?: Columns;
  cancel?: Columns;
}

/** A row, and its name in messages. */
interface RowRef {
  readonly key: RowKey;
  readonly subject: string;
}

/** The rows of one table that events touch, folded in order. */
class Rows {
  private readonly drafts = new Map<string, Draft>();

  constructor(
    private readonly machine: Machine,
    private readonly forks: readonly number[],
  ) {}

  apply({ key, subject }: RowRef, event: RunEvent, index: number, effect: Effect): void {
    const { seq } = event;
    const name = JSON.stringify(key);
    const draft: Draft = this.drafts.get(name) ?? {
      key,
      opened: present({ ...effect.opened, opened_seq: seq }),
    };
    this.drafts.set(name, draft);
    if (effect.state !== undefined) draft.state = present({ ...effect.state, state_seq: seq });
    if (effect.cancel !== undefined) draft.cancel = present({ ...effect.cancel, cancel_seq: seq });
    if (effect.status === undefined) return;
    const to = { status: effect.status, seq };
    const from = draft.status;
    const forked = this.forks.some((fork) => from !== undefined && from.seq < fork && fork <= seq);
    if (from !== undefined && effect.unchecked !== true && !forked) {
      // Every event between the two is known if their distance in the list equals their distance in the log.
      const adjacent = index - from.index === seq - from.seq;
      checkTransition(this.machine, subject, { from, to, adjacent });
    }
    draft.first ??= to;
    draft.status = { ...to, index, set: present({ ...effect.set, status: effect.status, status_seq: seq }) };
  }

  changes(base: Columns): readonly RowChange[] {
    return [...this.drafts.values()].map(({ key, opened, status, first, state, cancel }) => ({
      key,
      base,
      opened,
      ...(status === undefined || first === undefined
        ? {}
        : {
            status: status.set,
            first: first.seq,
            open: isOpenStatus(this.machine, status.status),
            follows: statusesBefore(this.machine, first.status),
            leads: statusesAfter(this.machine, status.status),
          }),
      ...(state === undefined ? {} : { state }),
      ...(cancel === undefined ? {} : { cancel }),
    }));
  }
}

function present(columns: Columns): Columns {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
}
