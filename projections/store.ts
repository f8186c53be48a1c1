/** The writers, bound to one database: what `activities/` uses. */
import type { ProjectionStore } from '../contracts/run/projection.js';
import { definitionIds, hasDefinitions } from './reads/definition-ids.js';
import { definitionSchedules, scheduledDefinitions } from './reads/definition-schedules.js';
import { findDefinition } from './reads/find-definition.js';
import { missedEvents } from './reads/events/missed-events.js';
import { waitsOpenedAfter } from './reads/runs/waits-opened-after.js';
import type { Writer } from './connection/writer.js';
import { beginAction } from './writers/actions/begin-action.js';
import { commitEvents } from './writers/commit-events.js';
import { finishAction } from './writers/actions/finish-action.js';
import { putDefinition } from './writers/put-definition.js';
import { putSchedules } from './writers/put-schedules.js';
import { putEvidence } from './writers/actions/put-evidence.js';
import { recordAction } from './writers/actions/record-action.js';
import { recordMissed } from './writers/events/record-missed.js';
import { returnEvents } from './writers/events/return-events.js';
import { renewLease } from './writers/actions/renew-lease.js';
import { unpublishDefinition } from './writers/unpublish-definition.js';

/** Binds the writers to a database. */
export function createStore(writer: Writer): ProjectionStore {
  return {
    commitEvents: (...args) => commitEvents(writer, ...args),
    beginAction: (execution, events, invocation, lease) =>
      beginAction(writer, { execution, events }, invocation, lease),
    recordAction: (execution, events, invocation, ended) =>
      recordAction(writer, { execution, events }, invocation, ended),
    putEvidence: (...args) => putEvidence(writer, ...args),
    renewLease: (...args) => renewLease(writer, ...args),
    finishAction: (...args) => finishAction(writer, ...args),
    missedEvents: (...args) => missedEvents(writer.database, ...args),
    waitsOpenedAfter: (...args) => waitsOpenedAfter(writer.database, ...args),
    recordMissed: (...args) => recordMissed(writer, ...args),
    returnEvents: (...args) => returnEvents(writer, ...args),
    findDefinition: (...args) => findDefinition(writer.database, ...args),
    definitionSchedules: (...args) => definitionSchedules(writer.database, ...args),
    scheduledDefinitions: () => scheduledDefinitions(writer.database),
    definitionIds: (...args) => definitionIds(writer.database, ...args),
    hasDefinitions: () => hasDefinitions(writer.database),
    unpublishDefinition: (...args) => unpublishDefinition(writer, ...args),
    putSchedules: (...args) => putSchedules(writer, ...args),
    putDefinition: (...args) => putDefinition(writer, ...args),
  };
}
