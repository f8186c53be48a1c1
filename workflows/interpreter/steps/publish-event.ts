/**
 * event.publish.
 *
 * Invariants
 * - The event is part of the run event that ends the step, so its position in the outbox is its step's
 *   position in the log, and it needs no separate activity where an action comes next.
 * - Its id names the run, the step and the iteration: repeated after a reset, it is the same event. After a
 *   rewind it is a different one, because a rewind means to publish again.
 * - It tells how many runs events have started in a chain ([event-chains-end]); where none, it tells nothing.
 * - Where the run has to ask the policies, the step has a frame until they have permitted it: what it
 *   publishes was evaluated when it began, and gets its position in the outbox when it ends.
 */
import { SluiceError } from '../../../contracts/errors.js';
import { LIMITS } from '../../../contracts/limits.js';
import { faultDetails, faultText, jsonFaults } from '../../../contracts/reading/json-faults.js';
import { placeKey } from '../../../contracts/run/place.js';
import { keyIn } from '../../../contracts/run/rewind.js';
import { jsonSize } from '../../../contracts/json.js';
import { now } from '../../runtime/clock.js';
import { asksPolicies, authorizeStage } from '../policies/authorize-stage.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import { beginEvent } from '../run/step-events.js';
import type { Completion, PublishFrame } from '../state/state.js';
import { correlationKey } from './waits.js';

type PublishContext = StepContext<StepOf<'event.publish'>>;
type Unplaced = PublishFrame['event'];

/**
 * Publishes an event.
 * @throws SluiceError EVENT_INVALID where a number of the payload loses digits,
 *   CORRELATION_KEY_INVALID, INPUT_TOO_LARGE, EXPRESSION_*
 */
export function publishEvent(context: PublishContext): Completion | undefined {
  const event = eventOf(context);
  if (!asksPolicies(context)) return published(context, event);
  const bytes = jsonSize(event);
  context.run.carriedSize.hold(bytes);
  beginEvent(context);
  context.lane.push({ k: 'publish', path: context.path, at: now(), event, bytes });
  return undefined;
}

/** Publishes the event once the policies have permitted it. */
export async function continuePublish(
  context: StepContext,
  frame: PublishFrame,
): Promise<Completion | 'parked'> {
  context.narrow('event.publish');
  const { run, step } = context;
  const answer = await authorizeStage(context, { kind: step.type, eventName: step.eventName });
  if (answer === 'parked') return 'parked';
  run.carriedSize.release(frame.bytes);
  return answer === 'permitted' ? published(context, frame.event) : answer;
}

function eventOf(context: PublishContext): Unplaced {
  const { run, step, path, iteration } = context;
  const payload = run.fitting(
    context.mapping(step.payload ?? null),
    'INPUT_TOO_LARGE',
    'The payload of the event',
    LIMITS.publishedBytes,
  );
  const faults = jsonFaults(payload);
  // Before, the event went out, and every door refused it.
  if (faults.length > 0 && run.publishedNumbers.inForce()) {
    throw new SluiceError(
      'EVENT_INVALID',
      `The payload of the event: ${faults.map((fault) => faultText(fault, 'it')).join('; ')}`,
      { details: faultDetails(faults) },
    );
  }
  const key = correlationKey(context, step.correlationKey);
  // Persisted: receivers know the event by this id, so its spelling never changes.
  const eventId = keyIn(run.state.rewinds?.current, `${run.header.runId}/${placeKey(path, iteration)}`);
  if (eventId.length > LIMITS.eventIdCharacters) {
    throw new SluiceError('INPUT_TOO_LARGE', `The id of the event would have ${eventId.length} characters`);
  }
  const chain = run.state.start.sluiceChain;
  return {
    eventId,
    eventName: step.eventName,
    correlationKey: key,
    payload,
    ...(chain !== undefined && { chain }),
  };
}

function published({ run }: StepContext, event: Unplaced): Completion {
  const position = (run.state.published ?? 0) + 1;
  run.state.published = position;
  run.flusher.request();
  return { t: 'normal', publish: { position, ...event } };
}
