/**
 * Whether a log moves its run, steps and waits along the edges of contracts/run.ts.
 *
 * Events may be known with gaps between them (commits come out of order). So a pair of events is held to a
 * direct edge only where every event between them is known; across a gap the later status must be reachable
 * by some path. Arrival out of order is therefore never called illegal, and what is called so is.
 */
import { SluiceError } from '../contracts/errors.js';
import {
  RUN_TRANSITIONS,
  STEP_TRANSITIONS,
  TERMINAL_RUN_STATUSES,
  WAIT_TRANSITIONS,
} from '../contracts/run.js';

export type Machine = 'run' | 'step' | 'wait';

type Edges = Readonly<Record<string, readonly string[]>>;

// A terminal status of a run is left by a reset only, and a reset gives the log another execution: within
// one live log it is left by nothing.
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
 * Statuses that nearly every event finds. The fast path of a commit takes only these for granted, and leaves
 * all others to the whole log.
 */
export const COMMON: Readonly<Record<Machine, readonly string[]>> = {
  run: ['PENDING', 'RUNNING', 'WAITING'],
  step: ['RUNNING', 'WAITING'],
  wait: ['WAITING'],
};

/** For each status, what can follow it sooner or later. An open status follows itself. */
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

/** True where the status can come, sooner or later, after each of the `COMMON` ones of its machine. */
export function canFollow(machine: Machine, status: string): boolean {
  return COMMON[machine].every((from) => REACHABLE[machine].get(from)?.includes(status) === true);
}

/**
 * Refuses a change of status that the state machine has no edge for.
 * @param subject whose status it is, for the message
 * @param adjacent whether every event between the two is known
 * @throws SluiceError TRANSITION_ILLEGAL, naming both states
 */
export function checkTransition(
  machine: Machine,
  subject: string,
  from: { readonly status: string; readonly seq: number },
  to: { readonly status: string; readonly seq: number },
  adjacent: boolean,
): void {
  const edges = EDGES[machine];
  const stays = from.status === to.status && isOpen(edges, from.status);
  const legal = adjacent
    ? stays || (edges[from.status] ?? []).includes(to.status)
    : REACHABLE[machine].get(from.status)?.includes(to.status) === true;
  if (legal) return;
  throw new SluiceError(
    'TRANSITION_ILLEGAL',
    `${subject}: ${from.status} (event ${from.seq}) → ${to.status} (event ${to.seq}) is no edge of the ${machine}'s state machine`,
    { details: { machine, subject, from: from.status, to: to.status, fromSeq: from.seq, toSeq: to.seq } },
  );
}
