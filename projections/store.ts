/** The writers, bound to one database: what `activities/` uses. */
import type { ProjectionStore } from '../contracts/run/projection.js';
import { getCalendar } from './reads/calendars.js';
import { putCalendar } from './writers/put-calendar.js';
import { definitionIds, definitionVersions, hasDefinitions } from './reads/definition-ids.js';
import { definitionSchedules, scheduledDefinitions } from './reads/definition-schedules.js';
import { findDefinition } from './reads/find-definition.js';
import { missedEvents } from './reads/events/missed-events.js';
import { waitsOpenedAfter } from './reads/runs/waits-opened-after.js';
import type { Writer } from './connection/writer.js';
import { beginAction } from './writers/actions/begin-action.js';
import { commitEvents } from './writers/commit-events.js';
import { finishAction } from './writers/actions/finish-action.js';
import { notePauses } from './writers/definitions/note-pauses.js';
import { promoteDefinition } from './writers/definitions/promote-definition.js';
import { putDefinition } from './writers/definitions/put-definition.js';
import { putSchedules } from './writers/definitions/put-schedules.js';
import { putEvidence } from './writers/actions/put-evidence.js';
import { recordAction } from './writers/actions/record-action.js';
import { recordMissed } from './writers/events/record-missed.js';
import { returnEvents } from './writers/events/return-events.js';
import { renewLease } from './writers/actions/renew-lease.js';
import { unpublishDefinition } from './writers/definitions/unpublish-definition.js';

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
    putCalendar: (...args) => putCalendar(writer, ...args),
    findCalendar: (...args) => getCalendar(writer.database, ...args),
    definitionVersions: (...args) => definitionVersions(writer.database, ...args),
    hasDefinitions: () => hasDefinitions(writer.database),
    unpublishDefinition: (...args) => unpublishDefinition(writer, ...args),
    notePauses: (...args) => notePauses(writer, ...args),
    putSchedules: (...args) => putSchedules(writer, ...args),
    putDefinition: (...args) => putDefinition(writer, ...args),
    promoteDefinition: (...args) => promoteDefinition(writer, ...args),
  };
}
