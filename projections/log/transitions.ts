/**
 * Whether a log moves its run, steps and waits along the edges of contracts/run/run.ts.
 *
 * Events may be known with gaps between them (commits arrive out of order). So a pair of events needs a
 * direct edge only where every event between them is known; across a gap some path must lead to the later
 * status. So a log that arrives out of order is never called illegal, and a log that is called illegal is.
 */
import { SluiceError } from '../../contracts/errors.js';
import {
  RUN_TRANSITIONS,
  STEP_TRANSITIONS,
  TERMINAL_RUN_STATUSES,
  WAIT_TRANSITIONS,
} from '../../contracts/run/run.js';

export type Machine = 'run' | 'step' | 'wait';

type Edges = Readonly<Record<string, readonly string[]>>;

// Only a reset leaves a terminal status of a run, and a reset gives the log another execution: within one
// live log nothing leaves it.
const terminal: readonly string[] = TERMINAL_RUN_STATUSES;
const EDGES: Readonly<Record<Machine, Edges>> = {
  run: Object.fromEntries(
    Object.entries(RUN_TRANSITIONS).map(([from, to]) => [from, terminal.includes(from) ? [] : to]),
  ),
  step: STEP_TRANSITIONS,
  wait: WAIT_TRANSITIONS,
};

const REACHABLE: Readonly<Record<Machine, ReadonlyMap<string, readonly string[]>>> = {
  run: closure(EDGES.run),
  step: closure(EDGES.step),
  wait: closure(EDGES.wait),
};

/**
 * Statuses that nearly every event finds. The fast path and the row merge expect only these; all others are
 * left to the replay from the log.
 */
const COMMON: Readonly<Record<Machine, readonly string[]>> = {
  run: ['PENDING', 'RUNNING', 'WAITING', 'COMPENSATING'],
  step: ['RUNNING', 'WAITING'],
  wait: ['WAITING'],
};

/** For each status, those that can follow it sooner or later. An open status follows itself. */
function closure(edges: Edges): ReadonlyMap<string, readonly string[]> {
  return new Map(
    Object.keys(edges).map((from) => {
      const seen = new Set<string>(isOpen(edges, from) ? [from] : []);
      const queue = [...(edges[from] ?? [])];
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        if (seen.has(next)) continue;
        seen.add(next);
        queue.push(...(edges[next] ?? []));
      }
      return [from, [...seen]];
    }),
  );
}

function isOpen(edges: Edges, status: string): boolean {
  return (edges[status] ?? []).length > 0;
}

/** True where the status can still change by the log. */
export function isOpenStatus(machine: Machine, status: string): boolean {
  return isOpen(EDGES[machine], status);
}

/**
 * The common statuses from which an edge leads to this one, or that may be repeated. No event makes a run
 * PENDING: such a row has no status from the log yet, so any status may follow.
 */
export function statusesBefore(machine: Machine, status: string): readonly string[] {
  return COMMON[machine].filter((from) => from === 'PENDING' || isEdge(machine, from, status));
}

/** Statuses to which an edge leads from this one, itself included while it is open. */
export function statusesAfter(machine: Machine, status: string): readonly string[] {
  return Object.keys(EDGES[machine]).filter((to) => isEdge(machine, status, to));
}

function isEdge(machine: Machine, from: string, to: string): boolean {
  const edges = EDGES[machine];
  return from === to ? isOpen(edges, from) : (edges[from] ?? []).includes(to);
}

/** A status, and the event that set it. */
interface StatusAt {
  readonly status: string;
  readonly seq: number;
}

export interface StatusChange {
  readonly from: StatusAt;
  readonly to: StatusAt;
  /** Whether every event between the two is known. */
  readonly adjacent: boolean;
}

/**
 * Refuses a change of status that the state machine has no edge for.
 * @param subject what has the status, for the message
 * @throws SluiceError TRANSITION_ILLEGAL, naming both states
 */
export function checkTransition(
  machine: Machine,
  subject: string,
  { from, to, adjacent }: StatusChange,
): void {
  const legal = adjacent
    ? isEdge(machine, from.status, to.status)
    : REACHABLE[machine].get(from.status)?.includes(to.status) === true;
  if (legal) return;
  throw new SluiceError(
    'TRANSITION_ILLEGAL',
    `${subject}: ${from.status} (event ${from.seq}) → ${to.status} (event ${to.seq}) is no edge of the ${machine}'s state machine`,
    { details: { machine, subject, from: from.status, to: to.status, fromSeq: from.seq, toSeq: to.seq } },
  );
}
