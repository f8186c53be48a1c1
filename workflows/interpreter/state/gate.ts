/**
 * A gate for a check that older code did not have, asked only where the check finds something.
 *
 * Invariant: an execution that passed such a place before the check existed passes it again on replay. The
 * gate is asked under a new name each time until it is open. So an execution that never comes to such a place
 * has no marker, and one that does has at most one.
 */
import { patched } from '@temporalio/workflow';

export class Gate {
  private asked = 0;
  private open = false;

  /** @param name of the check; it is persisted in histories, with a number behind it, so it never changes */
  constructor(private readonly name: string) {}

  /** Whether the check is in force; ask only where it finds something. */
  inForce(): boolean {
    if (!this.open) this.open = patched(`${this.name}-${++this.asked}`);
    return this.open;
  }
}
