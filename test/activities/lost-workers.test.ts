/** How the number of lost workers follows from how the attempts before ended (test/chaos loses real ones). */
import { describe, expect, it } from 'vitest';
import { countLost, heartbeatWith } from '../../activities/boundary/lost-workers.js';
import type { Json } from '../../contracts/json.js';

const LOST = { timedOut: true, type: undefined };
const reported = (type: string) => ({ timedOut: false, type });

/** The count after attempts that ended so, each with its heartbeat. */
function after(...ends: readonly Parameters<typeof countLost>[1][]): number {
  let heartbeat: Json | undefined;
  return ends.reduce((count, end) => {
    heartbeat = heartbeatWith(count, 'half done');
    return countLost(heartbeat, end);
  }, 0);
}

describe('the number of workers lost in a row', () => {
  it('the count grows with each attempt that timed out', () => {
    expect(after(LOST)).toBe(1);
    expect(after(LOST, LOST, LOST)).toBe(3);
  });

  it('the count stays while the lease of a lost worker is alive, or the database is away', () => {
    expect(after(LOST, reported('LEASE_HELD'), reported('DATABASE_UNAVAILABLE'), LOST)).toBe(2);
  });

  it('the count begins again after a worker that shut down [deployments-fail-no-run]', () => {
    expect(after(LOST, LOST, reported('WORKER_SHUTDOWN'))).toBe(0);
    expect(after(LOST, LOST, reported('WORKER_SHUTDOWN'), LOST)).toBe(1);
    expect(after(reported('WORKER_SHUTDOWN'), reported('WORKER_SHUTDOWN'))).toBe(0);
  });

  it('the count stays while workers hand the attempt back, unacted [fair-between-tenants]', () => {
    for (const type of ['TENANT_BUSY', 'ACTION_NOT_FOUND']) {
      const handedBack = { ...reported(type), details: { lost: 2 } };
      expect(countLost(undefined, handedBack)).toBe(2);
      expect(countLost(heartbeatWith(1, undefined), handedBack)).toBe(2);
    }
    expect(countLost(undefined, { ...reported('PAYMENT_REFUSED'), details: { lost: 2 } })).toBe(0);
  });

  it('a heartbeat that the action gave does not count', () => {
    expect(countLost({ progress: 7 }, reported('LEASE_HELD'))).toBe(0);
    expect(countLost([1], LOST)).toBe(1);
    expect(heartbeatWith(0, { done: 1 })).toEqual({ done: 1 });
  });
});
