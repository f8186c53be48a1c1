/**
 * The row that says whose runs the database has.
 *
 * Invariant: of processes that claim at once, one writes the row, and all read what it wrote. Only `move`
 * changes an owner. Nothing is claimed over a row that cannot be read.
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import type { TemporalIdentity } from '../../contracts/services/temporal-identity.js';
import type { Database } from '../connection/connection.js';
import { commit } from '../connection/unit-of-work.js';
import type { Writer } from '../connection/writer.js';

/** Whose database it is, and since when. */
export type TemporalOwner = TemporalIdentity & { readonly since: Date };

const Row = z
  .object({
    namespace: z.string(),
    namespace_id: z.string().min(1),
    cluster_id: z.string().min(1).optional(),
    global: z.boolean(),
    since: z.date(),
  })
  .transform(
    ({ namespace, namespace_id: namespaceId, cluster_id: clusterId, global, since }): TemporalOwner => ({
      namespace,
      namespaceId,
      ...(clusterId !== undefined && { clusterId }),
      global,
      since,
    }),
  );

const READ = 'SELECT namespace, namespace_id, cluster_id, global, since FROM ONLY temporal_owner:one';

/**
 * Claims the database unless it has an owner.
 * @param move true: also where it has another one
 * @returns the owner from now on
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function claimForTemporal(
  { database, faults }: Writer,
  { namespace, namespaceId, clusterId, global }: TemporalIdentity,
  move = false,
): Promise<TemporalOwner> {
  const answers = await commit(
    database,
    [
      {
        label: 'temporal_owner.claim',
        text: `{
  IF $move OR (SELECT VALUE id FROM ONLY temporal_owner:one) = NONE {
    UPSERT temporal_owner:one CONTENT { namespace: $namespace, namespace_id: $namespace_id, cluster_id: $cluster_id, global: $global, since: time::now() } RETURN NONE
  };
  ${READ}
}`,
      },
    ],
    { move, namespace, namespace_id: namespaceId, cluster_id: clusterId, global },
    faults,
  );
  return parsed(answers.get('temporal_owner.claim'));
}

/**
 * Whose database it is; undefined: no process has used it yet.
 * @throws SluiceError DATABASE_UNAVAILABLE, DATABASE_FAILED
 */
export async function temporalOwner(database: Database): Promise<TemporalOwner | undefined> {
  const answers = await commit(database, [{ label: 'temporal_owner.read', text: READ }]);
  const row = answers.get('temporal_owner.read');
  return row === undefined || row === null ? undefined : parsed(row);
}

function parsed(row: unknown): TemporalOwner {
  const owner = Row.safeParse(row);
  if (owner.success) return owner.data;
  throw new SluiceError(
    'DATABASE_FAILED',
    'The row temporal_owner:one, which says whose runs the database has, cannot be read. `sluice database move` writes it anew.',
    { cause: owner.error },
  );
}
