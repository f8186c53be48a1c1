/**
 * Roles, tenants and what they allow.
 *
 * Only `admin` includes other roles: a publisher of definitions need not act on runs. A token has a list of
 * roles and a list of tenants; `*` is every tenant. A request acts in one tenant, which the token must be
 * bound to; no body and no id can name another one.
 *
 * Invariant: a principal is its kind, issuer and name. What belongs to one (stored answers, ids that an
 * idempotency key gives, the rate) is kept under `principalId`, never under the bare name.
 */
import { z } from 'zod';
import { SluiceError } from '../../contracts/errors.js';
import { TenantId } from '../../contracts/run/messages.js';

export const Role = z.enum(['reader', 'reviewer', 'operator', 'publisher', 'eraser', 'codec', 'admin']);
export type Role = z.infer<typeof Role>;

/**
 * What a route requires. `unredacted`: to see marked values; `codec`: to decrypt what Temporal stores;
 * `erase`: to remove values for good. `review`: to ask people and to answer; `assign`: to say who shall
 * answer; `override`: to decide instead of them.
 */
export type Capability =
  'read' | 'review' | 'assign' | 'override' | 'operate' | 'publish' | 'erase' | 'unredacted' | 'codec';

const ALLOWED: Readonly<Record<Role, readonly Capability[]>> = {
  reader: ['read'],
  reviewer: ['read', 'review'],
  operator: ['read', 'review', 'assign', 'operate'],
  publisher: ['read', 'publish'],
  eraser: ['read', 'erase'],
  codec: ['codec'],
  admin: ['read', 'review', 'assign', 'override', 'operate', 'publish', 'erase', 'unredacted', 'codec'],
};

/** Every tenant. */
export const ALL_TENANTS = '*';
/** A tenant's name, or all of them. */
export const TenantGrant = z.union([z.literal(ALL_TENANTS), TenantId]);

/** Most characters of a principal's name. */
const NAME_CHARACTERS = 200;

/**
 * A principal's name: the name of a key, or the `sub` of a JWT. A longer one is refused, not cut, because two
 * that begin alike would become one.
 */
export const PrincipalName = z
  .string()
  .min(1)
  .max(NAME_CHARACTERS)
  // Controls, the separators of lines, and halves of characters.
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}]*$/u, 'must be without control characters');

/** A group of a principal, as a task names it as a role. */
export const GroupName = z.string().min(1).max(NAME_CHARACTERS);
/** Groups of one principal that count. */
export const MOST_GROUPS = 90;

/** The sender of a request. */
export interface Principal {
  /** Who vouches for the name: the file of keys, a token's issuer, or no one where authentication is off. */
  readonly kind: 'key' | 'jwt' | 'off';
  /** The issuer of a JWT. */
  readonly issuer?: string;
  /** The actor in the audit. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Groups that the key or the token names: with the roles, they are the roles of an act on a task. */
  readonly groups?: readonly string[] | undefined;
  readonly tenants: readonly string[];
}

/**
 * What tells principals apart: kind, issuer and name. That of a key is its bare name, under which answers
 * were stored before there were kinds; no name has the control character that separates the others' parts.
 */
export function principalId({ kind, issuer = '', name }: Principal): string {
  return kind === 'key' ? name : `${kind}\u001f${issuer}\u001f${name}`;
}

function can({ roles }: Principal, capability: Capability): boolean {
  return roles.some((role) => ALLOWED[role].includes(capability));
}

/** The roles that have a capability, for messages and the document. */
export function rolesFor(capability: Capability): readonly Role[] {
  return Role.options.filter((role) => ALLOWED[role].includes(capability));
}

/** @throws SluiceError FORBIDDEN */
export function requireCapability(principal: Principal, capability: Capability): void {
  if (can(principal, capability)) return;
  throw new SluiceError(
    'FORBIDDEN',
    `This needs the role ${rolesFor(capability).join(' or ')}; the token of ${principal.name} has ${principal.roles.join(', ') || 'none'}.`,
  );
}

/**
 * The tenant in which a request acts.
 * @param named header Sluice-Tenant; absent: the token's only tenant, else `default`
 * @throws SluiceError INPUT_INVALID, TENANT_FORBIDDEN
 */
export function tenantOf({ name, tenants }: Principal, named: string | undefined): string {
  const [only] = tenants;
  const wanted = named ?? (tenants.length === 1 && only !== ALL_TENANTS ? only : undefined) ?? 'default';
  const parsed = TenantId.safeParse(wanted);
  if (!parsed.success) {
    throw new SluiceError(
      'INPUT_INVALID',
      `Sluice-Tenant ${parsed.error.issues[0]?.message ?? 'is invalid'}.`,
    );
  }
  if (tenants.includes(ALL_TENANTS) || tenants.includes(parsed.data)) return parsed.data;
  throw new SluiceError(
    'TENANT_FORBIDDEN',
    `The token of ${name} is not bound to the tenant ${parsed.data}${named === undefined ? ', the default when the request has no Sluice-Tenant header' : ''}.`,
  );
}
