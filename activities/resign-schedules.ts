/**
 * Signs the schedules of all definitions anew: those from before there were claims, and those of a key that
 * signs no longer.
 *
 * Invariant: what is signed comes from the database. What Temporal has under the name of a schedule may be a
 * stranger's, and is replaced.
 */
import type { Client } from '@temporalio/client';
import { CLAIM_MEMO, CLAIM_METADATA } from '../contracts/naming/claims.js';
import type { ProjectionStore } from '../contracts/run/projection.js';
import { keeperOf } from './claims/claims.js';
import { settleSchedules } from './settle-schedules.js';

/**
 * Signs them.
 * @param taskQueue of the runs that they start
 * @param stop ends it between two definitions
 * @returns how many definitions had a schedule to sign; undefined: the client has no ring of claim keys
 * @throws SluiceError DATABASE_*, TEMPORAL_UNAVAILABLE
 */
export async function resignSchedules(
  projections: ProjectionStore,
  place: { readonly client: Client; readonly taskQueue: string },
  stop: AbortSignal,
): Promise<number | undefined> {
  const keeper = keeperOf(place.client);
  if (keeper === undefined) return undefined;
  let signed = 0;
  for (const { tenant, id, schedules } of await projections.scheduledDefinitions()) {
    if (stop.aborted) break;
    const keys = await Promise.all(schedules.map((schedule) => keyOf(place.client, schedule)));
    if (keys.every((key) => key === keeper.currentKey)) continue;
    await settleSchedules(projections, () => place, tenant, id);
    signed++;
  }
  return signed;
}

/** The key of a schedule's claim; undefined: the claim does not verify, or Temporal has no such schedule. */
async function keyOf(client: Client, schedule: string): Promise<string | undefined> {
  const found = await client.workflowService
    .describeSchedule({ namespace: client.options.namespace, scheduleId: schedule })
    .catch(() => undefined);
  const start = found?.schedule?.action?.startWorkflow;
  let [payload] = [start?.memo?.fields?.[CLAIM_MEMO]];
  if (payload === undefined || !start?.workflowId) return undefined;
  const context = {
    type: 'workflow',
    namespace: client.options.namespace,
    workflowId: start.workflowId,
  } as const;
  for (const codec of client.options.loadedDataConverter.payloadCodecs.toReversed()) {
    [payload] = await codec.decode(payload === undefined ? [] : [payload], context);
  }
  const { [CLAIM_METADATA.checked]: checked, [CLAIM_METADATA.claim]: claim } = payload?.metadata ?? {};
  if (checked === undefined || Buffer.from(checked).toString() !== '"schedule"') return undefined;
  return Buffer.from(claim ?? [])
    .toString()
    .split(' ')[1];
}
