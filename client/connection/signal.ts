/**
 * Sending a signal so that a lost answer is not told as a lost signal.
 *
 * Invariant: whether a signal has arrived is read from the history, by source and id of its event. A signal
 * that comes during a workflow task enters the history when that task ends, so there are several looks.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { EventSignal } from '../../contracts/run/messages.js';
import { decodePayloads } from '../../contracts/temporal-history.js';
import { claimedSignal } from '../claims/claims.js';
import { withoutUndefined } from './input.js';
import { LOOK_LIMIT_MS, settled } from './outcome.js';

/** A signal is retried for this long while the server is away, ms. */
const LIMIT_MS = 5_000;
/** Newest events of the history in which a signal is looked for: further back is not "just now". */
const LOOK_EVENTS = 1_000;
/** How often it is looked for, and the pause before each further look, ms. */
const LOOKS = 5;
const LOOK_PAUSE_MS = 200;

/**
 * Sends a signal.
 * @throws what Temporal's client throws where the server refused it; SluiceError OUTCOME_UNKNOWN
 */
export async function sendSignal(
  temporal: Client,
  workflowId: string,
  name: string,
  signal: EventSignal,
): Promise<void> {
  const { eventId, source } = signal;
  const act = {
    what: `event ${eventId} has reached workflow ${workflowId}`,
    details: { workflowId, eventId, source },
  };
  const send = async (): Promise<true> => {
    await temporal.withDeadline(Date.now() + LIMIT_MS, () =>
      temporal.workflow
        .getHandle(workflowId)
        .signal(name, claimedSignal(temporal, name, withoutUndefined(signal))),
    );
    return true;
  };
  await settled(act, send, () =>
    temporal.withDeadline(Date.now() + LOOK_LIMIT_MS, () => hasArrived(temporal, workflowId, signal)),
  );
}

async function hasArrived(
  temporal: Client,
  workflowId: string,
  signal: EventSignal,
): Promise<true | undefined> {
  for (let looks = 1; ; looks++) {
    if (await isInHistory(temporal, workflowId, signal)) return true;
    if (looks === LOOKS) return undefined;
    await wait(LOOK_PAUSE_MS);
  }
}

async function isInHistory(
  { workflowService, options: { namespace, loadedDataConverter } }: Client,
  workflowId: string,
  { eventId, source }: EventSignal,
): Promise<boolean> {
  const { history } = await workflowService.getWorkflowExecutionHistoryReverse({
    namespace,
    execution: { workflowId },
    maximumPageSize: LOOK_EVENTS,
  });
  for (const { workflowExecutionSignaledEventAttributes: signaled } of history?.events ?? []) {
    const [found] = await decodePayloads(loadedDataConverter, signaled?.input?.payloads);
    if (isEvent(found) && found.eventId === eventId && found.source === source) return true;
  }
  return false;
}

function isEvent(value: unknown): value is { readonly eventId: unknown; readonly source: unknown } {
  return typeof value === 'object' && value !== null && 'eventId' in value && 'source' in value;
}
