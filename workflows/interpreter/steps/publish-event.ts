/**
 * event.publish.
 *
 * Invariants
 * - The event is part of the run event that ends the step, so its position in the outbox is its step's
 *   position in the log, and it needs no separate activity where an action comes next.
 * - Its id names the run, the step and the iteration: repeated after a reset, it is the same event. After a
 *   rewind it is a different one, because a rewind means to publish again.
 * - It tells how many runs events have started in a chain ([event-chains-end]); where none, it tells nothing.
 */
import { SluiceError } from '../../../contracts/errors.js';
import { LIMITS } from '../../../contracts/limits.js';
import { faultDetails, faultText, jsonFaults } from '../../../contracts/reading/json-faults.js';
import { placeKey } from '../../../contracts/run/place.js';
import { keyIn } from '../../../contracts/run/rewind.js';
import type { StepContext, StepOf } from '../run/step-context.js';
import type { Completion } from '../state/state.js';
import { correlationKey } from './waits.js';

/**
 * Publishes an event.
 * @throws SluiceError EVENT_INVALID where a number of the payload loses digits,
 *   CORRELATION_KEY_INVALID, INPUT_TOO_LARGE, EXPRESSION_*
 */
export function publishEvent(context: StepContext<StepOf<'event.publish'>>): Completion {
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
  const position = (run.state.published ?? 0) + 1;
  run.state.published = position;
  run.flusher.request();
  return {
    t: 'normal',
    publish: {
      position,
      eventId,
      eventName: step.eventName,
      correlationKey: key,
      payload,
      ...(chain !== undefined && { chain }),
    },
  };
}
