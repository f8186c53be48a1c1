/**
 * Refuses to work on the database of another Temporal (contracts/services/temporal-identity.ts): before the
 * first poll, event or request, and again before each pass of the reconciler, as a Temporal can be emptied or
 * replaced behind its address while processes run.
 */
import { messageOf, SluiceError } from '../../contracts/errors.js';
import {
  describeTemporal,
  isSameTemporal,
  type TemporalIdentity,
} from '../../contracts/services/temporal-identity.js';
import type { Projections, TemporalOwner } from '../../projections/index.js';

/** What of Temporal's service tells who it is; both kinds of connection have it. */
export interface IdentityService {
  describeNamespace(request: { readonly namespace: string }): Promise<{
    readonly namespaceInfo?: { readonly id?: string | null } | null;
    readonly isGlobalNamespace?: boolean | null;
  }>;
  getClusterInfo(request: object): Promise<{ readonly clusterId?: string | null }>;
}

/**
 * Asks Temporal who it is.
 * @throws SluiceError TEMPORAL_UNAVAILABLE
 */
export async function temporalIdentity(
  service: IdentityService,
  namespace: string,
): Promise<TemporalIdentity> {
  try {
    const { namespaceInfo, isGlobalNamespace } = await service.describeNamespace({ namespace });
    const namespaceId = namespaceInfo?.id;
    if (!namespaceId) throw new Error(`it names no id of the namespace "${namespace}"`);
    const clusterId = await clusterIdOf(service);
    return {
      namespace,
      namespaceId,
      ...(clusterId !== undefined && { clusterId }),
      global: isGlobalNamespace === true,
    };
  } catch (error) {
    throw new SluiceError('TEMPORAL_UNAVAILABLE', `Temporal: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Claims the database for this Temporal, or makes sure that it is its own.
 * @returns who this Temporal is
 * @throws SluiceError DATABASE_OF_ANOTHER_TEMPORAL, TEMPORAL_UNAVAILABLE, DATABASE_*
 */
export async function requireOwnDatabase(
  { maintenance }: Pick<Projections, 'maintenance'>,
  service: IdentityService,
  namespace: string,
): Promise<TemporalIdentity> {
  const identity = await temporalIdentity(service, namespace);
  requireSame(await maintenance.claimForTemporal(identity), identity);
  return identity;
}

/** @throws SluiceError DATABASE_OF_ANOTHER_TEMPORAL */
export function requireSame(owner: TemporalOwner, identity: TemporalIdentity): void {
  if (isSameTemporal(owner, identity)) return;
  throw new SluiceError(
    'DATABASE_OF_ANOTHER_TEMPORAL',
    `The database has the runs of ${describeTemporal(owner)}, since ${owner.since.toISOString()}; this process is connected to ${describeTemporal(identity)}`,
    { details: { owner: owner.namespaceId, connected: identity.namespaceId } },
  );
}

/** Numbers of gRPC: the caller may not ask, or the server has no such call. */
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;

/** Some servers do not tell it to a client that has only its namespace. */
async function clusterIdOf(service: IdentityService): Promise<string | undefined> {
  try {
    return (await service.getClusterInfo({})).clusterId || undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === PERMISSION_DENIED || code === UNIMPLEMENTED) return undefined;
    throw error;
  }
}
