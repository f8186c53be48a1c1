/**
 * event.publish.
 *
 * Invariants
 * - The event travels in the run event that ends the step, so it stands in the outbox exactly where its step stands in
 *   the log, and it costs no activity of its own where an action comes next.
 * - Its id names the run, the step and the iteration: done again after a reset, it is the same event. After a rewind
 *   it is another one, because that means to do it again.
 */
import type { EventPublishStep } from '../../../contracts/definition/index.js';
import { SluiceError } from '../../../contracts/errors.js';
import { LIMITS } from '../../../contracts/limits.js';
import { keyIn } from '../../../contracts/run/rewind.js';
import type { Lane } from '../lane/lane.js';
import type { Run } from '../run/run.js';
import type { Completion } from '../state/state.js';
import { correlationKey } from './waits.js';

/**
 * Publishes an event.
 * @throws SluiceError CORRELATION_KEY_INVALID, INPUT_TOO_LARGE, EXPRESSION_*
 */
export function publishEvent(run: Run, lane: Lane, step: EventPublishStep, path: string): Completion {
  const payload = run.fitting(
    run.evaluator.mapping(lane, step.payload ?? null, path),
    'INPUT_TOO_LARGE',
    'The payload of the event',
    LIMITS.publishedBytes,
  );
  const key =
    step.correlationKey === undefined
      ? null
      : correlationKey(run.evaluator.mapping(lane, step.correlationKey, path, true), path);
  const { iteration } = lane.surroundings;
  const place = `${path}${iteration.length === 0 ? '' : `/[${iteration.join(',')}]`}`;
  const eventId = keyIn(run.state.rewinds?.current, `${run.header.runId}/${place}`);
  if (eventId.length > LIMITS.eventIdCharacters) {
    throw new SluiceError('INPUT_TOO_LARGE', `The id of the event would have ${eventId.length} characters`);
  }
  const position = (run.state.published ?? 0) + 1;
  run.state.published = position;
  run.flusher.request();
  return {
    t: 'normal',
    publish: { position, eventId, eventName: step.eventName, correlationKey: key, payload },
  };
}
