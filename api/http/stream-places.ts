/**
 * Places for timelines: each is a connection and reads of the database for as long as its reader likes.
 *
 * Invariants
 * - A token has a bounded number of them, and so has the process.
 * - A timeline ends soon after its token does: when the token is revoked, expires or loses the tenant or the
 *   role, the next check ends the stream with a problem.
 */
import { SluiceError, toSluiceError } from '../../contracts/errors.js';

const MOST_OF_TOKEN = 50;
const MOST_OF_PROCESS = 500;
/** How often the token of an open timeline is checked, ms. */
const CHECK_MS = 1_000;
const RETRY_AFTER_S = 5;

export interface PlaceLimits {
  readonly token: number;
  readonly process: number;
}

/** A place of one timeline. */
export interface Place {
  /** Why the timeline has to end: its token no longer counts. */
  readonly ended: SluiceError | undefined;
  leave(): void;
}

export interface TakePlace {
  readonly principal: string;
  /** Rejects when the token does not count any more. */
  readonly check: () => Promise<unknown>;
  /** Called when that is so. */
  readonly onEnd: () => void;
}

export class StreamPlaces {
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(private readonly limits: PlaceLimits = { token: MOST_OF_TOKEN, process: MOST_OF_PROCESS }) {}

  /** @throws SluiceError RATE_LIMITED where none is left */
  take({ principal, check, onEnd }: TakePlace): Place {
    const taken = this.#taken.get(principal) ?? 0;
    const { token, process } = this.limits;
    if (taken >= token) throw none(`The token has ${token} timelines open, the most that it may have.`);
    if (this.#all >= process) throw none(`This process has ${process} timelines open, the most it may have.`);
    this.#taken.set(principal, taken + 1);
    this.#all++;
    let ended: SluiceError | undefined;
    let checking = false;
    const timer = setInterval(() => {
      if (checking || ended !== undefined) return;
      checking = true;
      check()
        .catch((thrown: unknown) => {
          ended = toSluiceError(thrown);
          onEnd();
        })
        .finally(() => (checking = false));
    }, CHECK_MS).unref();
    let left = false;
    return {
      get ended() {
        return ended;
      },
      leave: () => {
        clearInterval(timer);
        if (left) return;
        left = true;
        this.#all--;
        const rest = (this.#taken.get(principal) ?? 1) - 1;
        if (rest === 0) this.#taken.delete(principal);
        else this.#taken.set(principal, rest);
      },
    };
  }
}

function none(message: string): SluiceError {
  return new SluiceError('RATE_LIMITED', message, { details: { retryAfterS: RETRY_AFTER_S } });
}
