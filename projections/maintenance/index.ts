/** What an operator does to the projections, besides reading them. */
import type { RunKey } from '../log/keys.js';
import type { Writer } from '../connection/writer.js';
import type { TemporalIdentity } from '../../contracts/services/temporal-identity.js';
import type { RowDifference } from './derived-rows.js';
import { loggedRuns, rebuildRun } from './rebuild.js';
import { countAudit, removeAudit, type AuditRetentionRequest } from './remove-audit.js';
import { countClosedRuns, removeClosedRuns, type RetentionRequest } from './remove-closed-runs.js';
import { countClosedTasks, removeClosedTasks } from './remove-closed-tasks.js';
import { countEvents, removeEvents, type EventRetentionRequest } from './remove-events.js';
import type { Prunable } from './sample.js';
import { restoreRun, type CarriedEvents } from './restore-run.js';
import { claimForTemporal, temporalOwner, type TemporalOwner } from './temporal-owner.js';

export interface Maintenance {
  /** Recomputes a run's derived rows from its log; returns those that were different. */
  rebuildRun(tenant: string, runId: string): Promise<readonly RowDifference[]>;
  /** Restores a run's log from the inputs of its activities; returns the derived rows that were different. */
  restoreRun(carried: readonly CarriedEvents[]): Promise<readonly RowDifference[]>;
  /**
   * Claims the database for a Temporal unless it has an owner, or with `move` also then.
   * @returns the owner from now on
   */
  claimForTemporal(identity: TemporalIdentity, move?: boolean): Promise<TemporalOwner>;
  /** Whose runs the database has; undefined: no process has used it yet. */
  temporalOwner(): Promise<TemporalOwner | undefined>;
  /** Every run that has a log. Reads the whole log: for maintenance only. */
  loggedRuns(): Promise<readonly RunKey[]>;
  /** The runs, of those that ended before an instant, that removal would look at. Changes nothing. */
  countClosedRuns(endedBefore: Date): Promise<Prunable>;
  /** The tasks, of those that ended before an instant, that removal would look at. Changes nothing. */
  countClosedTasks(endedBefore: Date): Promise<Prunable>;
  /** The inbound events, received before an instant, that removal would look at. Changes nothing. */
  countEvents(receivedBefore: Date): Promise<Prunable>;
  /** The audit rows, of acts that began before an instant, that removal would look at. Changes nothing. */
  countAudit(begunBefore: Date): Promise<Prunable>;
  /** Removes at most `limit` closed runs; returns how many. Call it again while it returns `limit`. */
  removeClosedRuns(request: RetentionRequest): Promise<number>;
  /** Removes at most `limit` ended tasks; returns how many. Call it again while it returns `limit`. */
  removeClosedTasks(request: RetentionRequest): Promise<number>;
  /**
   * Removes at most `limit` inbound events whose routing has ended; returns how many. Call it again while
   * it returns `limit`.
   */
  removeEvents(request: EventRetentionRequest): Promise<number>;
  /** Removes at most `limit` audit rows; returns how many. Call it again while it returns `limit`. */
  removeAudit(request: AuditRetentionRequest): Promise<number>;
}

/** Binds maintenance to a database. */
export function createMaintenance(writer: Writer): Maintenance {
  return {
    rebuildRun: (...args) => rebuildRun(writer, ...args),
    restoreRun: (carried) => restoreRun(writer, carried),
    claimForTemporal: (...args) => claimForTemporal(writer, ...args),
    temporalOwner: () => temporalOwner(writer.database),
    loggedRuns: () => loggedRuns(writer.database),
    countClosedRuns: (endedBefore) => countClosedRuns(writer.database, endedBefore),
    countClosedTasks: (endedBefore) => countClosedTasks(writer.database, endedBefore),
    countEvents: (receivedBefore) => countEvents(writer.database, receivedBefore),
    countAudit: (begunBefore) => countAudit(writer.database, begunBefore),
    removeClosedRuns: (request) => removeClosedRuns(writer, request),
    removeClosedTasks: (request) => removeClosedTasks(writer, request),
    removeEvents: (request) => removeEvents(writer, request),
    removeAudit: (request) => removeAudit(writer, request),
  };
}
