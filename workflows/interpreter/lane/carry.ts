/**
 * What the next execution of a run would have to carry, counted before anything grows.
 *
 * Invariant: variables, what loops, lanes, waits and inputs hold, buffered events, payload and document fit
 * together into one input of Temporal's; what does not fit is STATE_TOO_LARGE in the step that wanted it.
 */
import { SluiceError } from '../../../contracts/errors.js';
import { jsonSize } from '../../../contracts/json.js';
import { openFrames, type LaneState } from '../state/state.js';

/**
 * What may grow with the author's data, bytes. Temporal takes 2 MiB; the rest is for remembered event ids, the
 * newest lines of progress and events that are still to be committed.
 */
const CARRY_BYTES = 1_600_000;

export class Carry {
  /** Bytes that frames and lanes hold; to be set back by a savepoint only. */
  held: number;
  /** Steps whose input is held until they end. */
  holders: number;
  /** Changes with every release: what did not fit may fit now. */
  releases = 0;

  /**
   * @param root of an execution that begins: what it was carried is held already
   * @param others bytes of all that is counted elsewhere
   */
  constructor(
    root: LaneState,
    private readonly others: () => number,
  ) {
    this.held = jsonSize(root);
    this.holders = openFrames(root).filter(({ k }) => k === 'action' || k === 'child').length;
  }

  /**
   * Counts bytes that a frame or a lane holds until they are released.
   * @throws SluiceError STATE_TOO_LARGE where the run could not be carried over any more
   */
  hold(bytes: number): void {
    this.mustFit(bytes);
    this.held += bytes;
  }

  /** Gives back what `hold` counted. */
  release(bytes: number): void {
    this.held = Math.max(0, this.held - bytes);
    this.releases++;
  }

  /**
   * Holds the input of a step until it ends.
   * @returns false where there is no room while others hold theirs: the step shall begin later
   * @throws SluiceError STATE_TOO_LARGE where there is no room though no other holds any
   */
  holdInput(bytes: number): boolean {
    if (this.holders > 0 && this.total + bytes > CARRY_BYTES) return false;
    this.hold(bytes);
    this.holders++;
    return true;
  }

  /** Gives back what `holdInput` counted. */
  releaseInput(bytes: number): void {
    this.holders--;
    this.release(bytes);
  }

  /**
   * Makes sure that so many more bytes fit.
   * @throws SluiceError STATE_TOO_LARGE
   */
  mustFit(bytes: number): void {
    const total = this.total + bytes;
    if (bytes <= 0 || total <= CARRY_BYTES) return;
    throw new SluiceError(
      'STATE_TOO_LARGE',
      `The run would hold ${total} bytes (variables, loops, lanes, inputs, buffered events and definition); the limit is ${CARRY_BYTES}`,
      { details: { bytes: total, limit: CARRY_BYTES } },
    );
  }

  private get total(): number {
    return this.held + this.others();
  }
}
