/**
 * Sending a signal so that a lost answer is not told as a lost signal.
 *
 * Invariants
 * - Whether a signal has arrived is read from the history, by source and id of its event. A signal that comes
 *   during a workflow task enters the history when that task ends, so there are several looks.
 * - "No such workflow" is not "not sent": the SDK repeats a request whose answer was lost, and a caller asks
 *   again; the first one may have ended the run.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { EventSignal } from '../../contracts/run/messages.js';
import { decodePayloads, isGrpcNotFound } from '../../contracts/temporal-history.js';
import { claimedSignal } from '../claims/claims.js';
import { withoutUndefined } from './input.js';
import { LOOK_LIMIT_MS, settled, unknownOutcome } from './outcome.js';

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
  const look = <T>(work: () => Promise<T>): Promise<T> =>
    temporal.withDeadline(Date.now() + LOOK_LIMIT_MS, work);
  try {
    await settled(act, send, () => look(() => hasArrived(temporal, workflowId, signal)));
  } catch (thrown) {
    if (!(thrown instanceof WorkflowNotFoundError)) throw thrown;
    const arrived = look(() => isInHistory(temporal, workflowId, signal)).catch((error: unknown) => {
      // A workflow that is gone has no history, and has got nothing.
      if (isGrpcNotFound(error)) return false;
      throw unknownOutcome(act, error);
    });
    if (!(await arrived)) throw thrown;
  }
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

/**
 * Whether the newest part of a history has the signal.
 * @throws what Temporal's client throws, also where there is no such workflow
 */
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
