/**
 * What SNAPSHOT and RUN_RECONCILED do to the rows of steps and waits: one event, many rows.
 *
 * Both state what is so; they are not transitions, so the edges of a state machine don't apply. After a
 * reset a wait that had ended is open again, and a terminated run closes steps and waits in any status.
 */
import type { RunEvent } from '../../contracts/run/run-events.js';
import type { Effect } from './effects.js';
import type { StepPlace } from './keys.js';
import type { TextWriter } from './texts.js';

export interface PlacedEffect {
  readonly place: StepPlace;
  readonly effect: Effect;
}

interface Picture {
  readonly steps: readonly PlacedEffect[];
  readonly waits: readonly PlacedEffect[];
}

const NOTHING: Picture = { steps: [], waits: [] };

/** What the event says about steps and waits all over the run; nothing for events of other types. */
export function pictureOf(event: RunEvent, texts: TextWriter): Picture {
  if (event.type === 'SNAPSHOT') return snapshot(event, texts);
  if (event.type === 'RUN_RECONCILED') return reconciled(event, texts);
  return NOTHING;
}

function snapshot({ data }: Extract<RunEvent, { type: 'SNAPSHOT' }>, texts: TextWriter): Picture {
  const waiting = new Set(data.openWaits.map(nameOf));
  return {
    steps: data.openSteps.map((step) => ({
      place: step,
      effect: {
        opened: {
          step_id: step.id,
          kind: step.kind,
          action: step.action,
          started_at: new Date(step.startedAt),
        },
        status: waiting.has(nameOf(step)) ? 'WAITING' : 'RUNNING',
        unchecked: true,
      },
    })),
    waits: data.openWaits.map((wait) => ({
      place: wait,
      effect: {
        opened: {
          kind: wait.kind,
          event_names: wait.eventNames,
          correlation_key: texts.key(wait.correlationKey),
          deadline: dateOf(wait.deadline),
          since: dateOf(wait.since),
          opened_at: new Date(wait.openedAt),
        },
        status: 'WAITING',
        unchecked: true,
      },
    })),
  };
}

function reconciled({ data }: Extract<RunEvent, { type: 'RUN_RECONCILED' }>, texts: TextWriter): Picture {
  const at = new Date(data.closedAt);
  return {
    steps: data.steps.map((place) => ({
      place,
      effect: { opened: { started_at: at }, status: 'CANCELED', set: { ended_at: at }, unchecked: true },
    })),
    waits: data.waits.map((place) => ({
      place,
      effect: {
        opened: {},
        status: 'CANCELED',
        set: { closed_at: at, reason: texts.note(`the run is ${data.status}`) },
        unchecked: true,
      },
    })),
  };
}

function nameOf(place: StepPlace): string {
  return JSON.stringify([place.path, place.iteration, place.attempt]);
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}
