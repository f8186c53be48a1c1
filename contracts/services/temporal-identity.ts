/**
 * Which Temporal a database belongs to.
 *
 * Invariant: a database has the rows of one namespace of one cluster. The first process that uses the
 * database claims it; only an operator moves it (`sluice database move`). So no process takes the runs of
 * another Temporal, or of an emptied one, for runs whose history is gone.
 *
 * The id of a namespace decides: it is made with the namespace and stays with it, over restarts, upgrades
 * and a restore. The cluster counts too, except where the namespace is global: that one fails over to another
 * cluster under its id.
 */
import { z } from 'zod';

export const TemporalIdentity = z.object({
  /** The namespace's name, for people. */
  namespace: z.string(),
  namespaceId: z.string().min(1),
  /** Absent: the server does not tell. */
  clusterId: z.string().min(1).optional(),
  /** True: the namespace can be active in more than one cluster. */
  global: z.boolean(),
});
export type TemporalIdentity = z.infer<typeof TemporalIdentity>;

/** Whether both are the same namespace of the same Temporal. */
export function isSameTemporal(one: TemporalIdentity, other: TemporalIdentity): boolean {
  if (one.namespaceId !== other.namespaceId) return false;
  if (one.global || other.global) return true;
  return one.clusterId === undefined || other.clusterId === undefined || one.clusterId === other.clusterId;
}

/** An identity as text, for messages. */
export function describeTemporal({ namespace, namespaceId, clusterId }: TemporalIdentity): string {
  const cluster = clusterId === undefined ? '' : ` of cluster ${clusterId}`;
  return `namespace "${namespace}" (${namespaceId})${cluster}`;
}
