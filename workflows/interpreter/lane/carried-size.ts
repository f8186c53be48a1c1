/**
 * The size of the state that the next execution of a run would start from, counted before anything grows.
 *
 * Invariant: variables, what loops, lanes, waits and inputs hold, buffered events, payload and document fit
 * together into one input of Temporal's; what does not fit is STATE_TOO_LARGE in the step that wanted it.
 * Each byte counts once.
 */
import { SluiceError } from '../../../contracts/errors.js';
import { jsonSize } from '../../../contracts/json.js';
import { LIMITS } from '../../../contracts/limits.js';
import { Gate } from '../state/gate.js';
import { openFrames, type LaneState } from '../state/state.js';

export class CarriedSize {
  /** Bytes that frames and lanes hold; only a restore point sets them back. */
  held: number;
  /** Steps whose input is held until they end. */
  holders: number;
  /**
   * Bytes of events that waits had when this execution began: in `held` for good, though the wait holds its
   * event again when it takes it.
   */
  private readonly twice: number;
  /** Before it, those events and every assignment counted twice. */
  private readonly once = new Gate('sluice-counted-once');
  /** Counts releases: input that did not fit before the last one may fit now. */
  releases = 0;

  /**
   * @param root root lane of an execution that begins: the state that it was carried is held already
   * @param others bytes of everything that is counted elsewhere
   * @param shed frees as many of those bytes as it can, if they can come again; whether it freed any
   */
  constructor(
    root: LaneState,
    private readonly others: () => number,
    private readonly shed: (bytes: number) => boolean,
  ) {
    this.held = jsonSize(root);
    this.twice = openFrames(root).reduce(
      (sum, frame) =>
        frame.k === 'eventWait' && frame.matched !== undefined ? sum + jsonSize(frame.matched) : sum,
      0,
    );
    this.holders = openFrames(root).filter(({ k }) => k === 'action' || k === 'child').length;
  }

  /**
   * Counts bytes that a frame or a lane holds until they are released.
   * @throws SluiceError STATE_TOO_LARGE where the run could no longer continue as new
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
   * @returns false where there is no room while other steps hold their input: the step should begin later
   * @throws SluiceError STATE_TOO_LARGE where there is no room although no other step holds any
   */
  holdInput(bytes: number): boolean {
    if (this.holders > 0 && this.total + bytes > LIMITS.carriedBytes) return false;
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
   * Makes sure that this many more bytes fit.
   * @param counted of these, the bytes that are counted elsewhere already
   * @throws SluiceError STATE_TOO_LARGE
   */
  mustFit(bytes: number, counted = 0): void {
    if (bytes <= 0 || this.total + bytes <= LIMITS.carriedBytes) return;
    const twice = counted + this.twice;
    const more = twice > 0 && this.once.inForce() ? bytes - twice : bytes;
    let total = this.total + more;
    if (total <= LIMITS.carriedBytes) return;
    if (this.shed(total - LIMITS.carriedBytes)) total = this.total + more;
    if (total <= LIMITS.carriedBytes) return;
    throw new SluiceError(
      'STATE_TOO_LARGE',
      `The run would hold ${total} bytes (variables, loops, lanes, inputs, buffered events and definition); the limit is ${LIMITS.carriedBytes}`,
      { details: { bytes: total, limit: LIMITS.carriedBytes } },
    );
  }

  private get total(): number {
    return this.held + this.others();
  }
}
