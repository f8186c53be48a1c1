/** Temporal's schedules of a definition, as the database says. */
import type { Client } from '@temporalio/client';
import type { ProjectionStore } from '../contracts/run/projection.js';
import { readStoredInBounds } from '../definitions/index.js';
import { reconcileSchedules, seenSchedules, triggersOf } from './triggers.js';

/**
 * Brings Temporal's schedules in line with what the database says is published, which another publish or
 * unpublish may change meanwhile.
 * @param place where the schedules are; asked where there are some
 * @throws SluiceError SCHEDULE_REFUSED, TEMPORAL_UNAVAILABLE, DATABASE_*
 */
export async function settleSchedules(
  projections: ProjectionStore,
  place: () => { readonly client: Client; readonly taskQueue: string },
  tenant: string,
  id: string,
): Promise<void> {
  for (;;) {
    const latest = await projections.findDefinition(tenant, id);
    const existing = await projections.definitionSchedules(tenant, id);
    const definition = latest && (await readStoredInBounds(latest.source, latest.format, tenant)).definition;
    const none = definition === undefined || triggersOf(tenant, definition).schedules.length === 0;
    if (none && existing.length === 0) return;
    const { client, taskQueue } = place();
    const pauses = await projections.notePauses([tenant, id], await seenSchedules(client, existing));
    const left = await reconcileSchedules(client, { taskQueue, tenant, definition, existing, pauses });
    if (await projections.putSchedules([tenant, id], left, latest?.pin.version ?? 0)) return;
  }
}
