/**
 * What comes into a run from Temporal, and is not taken as it is: its payload, signals, results of
 * activities. Any Temporal client can send them, so bytes, unknown encodings and numbers that were rounded
 * arrive here.
 *
 * The payload converter passes all of it on: a converter that throws would hang the run, and a history that
 * was recorded before this check must replay with the values that it had. So each door asks here.
 *
 * Invariant: the check is gated (gate.ts): an execution that took such a value before the check existed takes
 * it again on replay.
 */
import { isJsonObject } from '../../../contracts/json.js';
import { faultText, jsonFaults } from '../../../contracts/reading/json-faults.js';
import { UNDECODABLE } from '../../../contracts/undecodable.js';
import { ClaimGate, isProven } from '../../runtime/claims.js';
import { Gate } from './gate.js';

export class Doors {
  private readonly gate = new Gate('sluice-doors');
  private readonly signals = new ClaimGate('sluice-claimed-signal');
  private readonly more = new Gate('sluice-second-arguments');

  /**
   * Why a value is not taken; undefined: it is.
   * @param what the subject of the reason
   */
  refusal(value: unknown, what: string): string | undefined {
    const undecodable = isJsonObject(value) ? value[UNDECODABLE] : undefined;
    if (undecodable !== undefined) {
      return this.refuses() ? `${what} cannot be decoded: ${JSON.stringify(undecodable)}` : undefined;
    }
    const faults = jsonFaults(value);
    if (faults.length === 0 || !this.refuses()) return undefined;
    return `${what}: ${faults.map((fault) => faultText(fault, 'it')).join('; ')}`;
  }

  /**
   * Why a signal is refused that no door of Sluice has sent to this run; undefined: it is not. Ask once for
   * each signal.
   */
  unclaimed(payload: unknown, signal: string): string | undefined {
    if (!this.signals.refuses(() => isProven(payload, `signal ${signal}`))) return undefined;
    return 'CLAIM_INVALID: it has no claim, or one for another run';
  }

  /** Whether this execution refuses a second argument of a signal; ask only where a signal has one. */
  refusesMore(): boolean {
    return this.more.inForce();
  }

  /** Whether this execution refuses what it did not refuse before; ask only where there is such a thing. */
  refuses(): boolean {
    return this.gate.inForce();
  }
}
